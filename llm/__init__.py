"""Experiments with language models: tasks, judges, learners, training and evaluation."""

from games.registry import Registry
from llm.experiment import LanguageExperiment as LanguageExperiment
from llm.learners import LEARNERS as LEARNERS
from llm.method import Method as Method
from llm.method import learner_parameters as learner_parameters
from llm.method import make_learner as make_learner

EXPERIMENTS: Registry[type[LanguageExperiment]] = Registry(
    "experiment", __name__, base="LanguageExperiment"
)
