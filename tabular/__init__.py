"""The questions, answered exactly: one module a question."""

from games.registry import Registry
from tabular import (
    consistency,
    convergence,
    data_sensitivity,
    fixed_points,
    refinement,
    robustness,
    stability,
)
from tabular.experiment import Experiment as Experiment
from tabular.experiment import Measurement as Measurement
from tabular.matching import MatchedKl as MatchedKl

EXPERIMENTS: Registry[type[Experiment]] = Registry("experiment")
for _module in (
    consistency,
    data_sensitivity,
    robustness,
    refinement,
    convergence,
    stability,
    fixed_points,
):
    _name = _module.__name__.rpartition(".")[2]
    EXPERIMENTS.add(_name, getattr(_module, "".join(map(str.capitalize, _name.split("_")))))
