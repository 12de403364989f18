"""A learner with its training configuration, under one flat set of parameter names."""

import inspect
from dataclasses import dataclass, fields, replace
from typing import Any

from games import SolverError, SpecError
from games.registry import near, parameters
from llm.learners import LEARNERS, Learner
from llm.training import TrainingConfig
from solvers import Solver, taus
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from solvers.solver import Concept
from tabular import MatchedKl

EXACT: dict[Concept, type[Solver]] = {"rlhf": RlhfExact, "nlhf": NlhfExact, "slhf": SlhfExact}
"""The solver that gives the answer of a concept; tau of learners is chosen with it."""


@dataclass(frozen=True)
class Method:
    """A learner with its training configuration: what a spec calls a learner.

    Attributes
    ----------
    learner : Learner
    config : TrainingConfig
    kl : float > 0, or None
        Distance from the reference, in nats, that the answer should have. The learner's tau, or
        its two tied tau's, are then those at which the exact answer of its concept has it; so they
        are of learners that converge to something else, such as a mixture's fixed point.

    Raises
    ------
    SolverError
        If kl is not positive, or the learner has no tau or a concept without an exact answer.
    """

    learner: Learner
    config: TrainingConfig
    kl: float | None = None

    def __post_init__(self) -> None:
        name = type(self.learner).__name__
        if self.kl is not None and not (taus(type(self.learner)) and self.concept in EXACT):
            raise SolverError(
                f"{name}: kl chooses tau by the exact answer of rlhf, nlhf or slhf; the concept is "
                f"{self.concept} and the tau's are {taus(type(self.learner))}; drop kl"
            )
        self.exact()

    def exact(self) -> MatchedKl | None:
        """The exact answer of the concept at the distance ``kl``; None if that is None."""
        return None if self.kl is None else MatchedKl(EXACT[self.concept], self.kl)

    def at_tau(self, tau: float) -> "Method":
        """A copy whose learner has every weight of a KL penalty set to ``tau``."""
        weights = dict.fromkeys(taus(type(self.learner)), tau)
        learner = replace(self.learner, **weights)  # type: ignore[type-var]  # a dataclass
        return replace(self, learner=learner, kl=None)

    @property
    def concept(self) -> Concept:
        """The solution concept of the learner."""
        return self.learner.concept


def learner_parameters(name: str) -> dict[str, inspect.Parameter]:
    """Parameters of a learner and of its training, by name."""
    return {**parameters(TrainingConfig), **parameters(LEARNERS[name])}


def make_learner(name: str, params: dict[str, Any]) -> Method:
    """The learner with these parameters of its loss and its training, the others by default.

    ``kl`` stands for its tau (see ``Method``).

    Raises
    ------
    SpecError
        If the name of the learner or of a parameter is unknown, or kl and a tau are given.
    SolverError
        If a value is out of range.
    """
    valid = learner_parameters(name)
    weights = taus(LEARNERS[name])
    for key in params:
        if key not in (*valid, *(["kl"] if weights else [])):
            raise SpecError(f"{name} has no parameter {key!r}{near(key, valid)}")
    given = [key for key in dict.fromkeys(["tau", *weights]) if key in params]
    if "kl" in params and given:
        raise SpecError(f"{name}: kl finds the tau by itself; drop {' and '.join(given)}, or kl")
    names = {field.name for field in fields(TrainingConfig)}
    loss = {key: value for key, value in params.items() if key not in {*names, "kl"}}
    training = {key: value for key, value in params.items() if key in names}
    return Method(LEARNERS[name](**loss), TrainingConfig(**training), params.get("kl"))
