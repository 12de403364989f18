"""The questions, answered exactly: one module a question."""

from games.registry import Registry
from tabular.experiment import Experiment as Experiment

EXPERIMENTS: Registry[type[Experiment]] = Registry("experiment")
