"""What do intransitivity, noise or a change of annotators do to a model trained on them?"""

from dataclasses import dataclass
from typing import Literal

from llm.experiment import LanguageExperiment
from tabular.experiment import Experiment
from tabular.robustness import Robustness as Tabular


@dataclass(frozen=True)
class Robustness(LanguageExperiment):
    """The answer along a path of games; one model is trained on all points, one prompt for each.

    Attributes
    ----------
    model, lessons, lessons_lr, start, lora
        Those of ``LanguageExperiment``.
    path : "cyclic", "noise" or "annotators"
        As for the tabular experiment; noise is added to the judge.
    points : int >= 2
        Number of values of t, evenly spaced in [0, 1].

    Raises
    ------
    SpecError
        If the path is unknown or has fewer than 2 points.
    """

    path: Literal["cyclic", "noise", "annotators"] = "cyclic"
    points: int = 3

    def tabular(self) -> Experiment:
        """The tabular experiment with the same path."""
        return Tabular(self.path, self.points)
