"""A learner with its training configuration, under one flat set of parameter names."""

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
    """A learner with its training configuration: what a spec calls a learner.

    Attributes
    ----------
    learner : Learner
    config : TrainingConfig
    """

    learner: Learner
    config: TrainingConfig

    @property
    def concept(self) -> Concept:
        """The solution concept of the learner."""
        return self.learner.concept


def learner_parameters(name: str) -> dict[str, inspect.Parameter]:
    """Parameters of a learner and of its training, by name."""
    return {**parameters(TrainingConfig), **parameters(LEARNERS[name])}


def make_learner(name: str, params: dict[str, Any]) -> Method:
    """The learner with these parameters of its loss and its training, the others by default.

    Raises
    ------
    SpecError
        If the name of the learner or of a parameter is unknown.
    SolverError
        If a value is out of range.
    """
    valid = learner_parameters(name)
    for key in params:
        if key not in valid:
            raise SpecError(f"{name} has no parameter {key!r}{near(key, valid)}")
    names = {field.name for field in fields(TrainingConfig)}
    loss = {key: value for key, value in params.items() if key not in names}
    training = {key: value for key, value in params.items() if key in names}
    return Method(LEARNERS[name](**loss), TrainingConfig(**training))
