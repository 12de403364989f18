"""The same questions answered with language models: tasks, judges, learners, evaluation."""

from games.registry import Registry
from llm import consistency, data_sensitivity, refinement, robustness
from llm.experiment import LanguageExperiment as LanguageExperiment
from llm.learners import LEARNERS as LEARNERS
from llm.method import Method as Method
from llm.method import learner_parameters as learner_parameters
from llm.method import make_learner as make_learner
from solvers.discovery import camel_case

EXPERIMENTS: Registry[type[LanguageExperiment]] = Registry("experiment")
for _module in (consistency, data_sensitivity, robustness, refinement):
    _name = _module.__name__.rpartition(".")[2]
    EXPERIMENTS.add(_name, getattr(_module, camel_case(_name)))
