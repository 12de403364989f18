"""A learner and how it is trained, under one flat set of parameter names."""

import inspect
from dataclasses import dataclass, fields
from typing import Any

from games import SpecError
from games.registry import near, parameters
from llm.learners import LEARNERS, Learner
from llm.training import TrainingConfig
from solvers.solver import Concept


@dataclass(frozen=True)
class Method:
    """What a spec calls a learner.

    Attributes
    ----------
    learner : Learner
    config : TrainingConfig
    """

    learner: Learner
    config: TrainingConfig

    @property
    def concept(self) -> Concept:
        """The learner's concept."""
        return self.learner.concept


def learner_parameters(name: str) -> dict[str, inspect.Parameter]:
    """The learner's own parameters, then those of its training."""
    return {**parameters(TrainingConfig), **parameters(LEARNERS[name])}


def make_learner(name: str, params: dict[str, Any]) -> Method:
    """The learner and its training with these parameters, the rest by default.

    Raises
    ------
    SpecError
        If the name, or that of a parameter, is unknown.
    SolverError
        If a value is out of range.
    """
    known = learner_parameters(name)
    for key in params:
        if key not in known:
            raise SpecError(f"{name} has no parameter {key!r}{near(key, known)}")
    training = {field.name for field in fields(TrainingConfig)}
    own = {key: value for key, value in params.items() if key not in training}
    rest = {key: value for key, value in params.items() if key in training}
    return Method(LEARNERS[name](**own), TrainingConfig(**rest))
