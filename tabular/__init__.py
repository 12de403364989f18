"""The questions, answered exactly: one module a question."""

from games.registry import Registry
from tabular.experiment import Experiment as Experiment
from tabular.experiment import Measurement as Measurement
from tabular.matching import MatchedKl as MatchedKl

EXPERIMENTS: Registry[type[Experiment]] = Registry("experiment", __name__, base="Experiment")
