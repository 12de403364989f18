"""What do intransitivity, bad labels or a change of annotators do to a model trained on them?"""

from dataclasses import dataclass

from llm.experiment import LanguageExperiment
from tabular.experiment import Experiment
from tabular.robustness import Robustness as Tabular
from tabular.robustness_paths import PathName


@dataclass(frozen=True)
class Robustness(LanguageExperiment):
    """The answer along a path of games; one model is trained on all points, one prompt for each.

    Attributes
    ----------
    model, lessons, lessons_lr, start, lora
        Those of ``LanguageExperiment``.
    path : str
        As for the tabular experiment with infinitely many comparisons: the judge answers as the
        table at t says. Paths that flip labels of finite data have no such table.
    points : int >= 2
        Number of values of t, evenly spaced in [0, end].
    end : float in (0, 1]
        The largest t.

    Raises
    ------
    SpecError
        If the path is unknown or flips labels, has fewer than 2 points, or ``end`` is out of range.
    """

    path: PathName = "cyclic"
    points: int = 3
    end: float = 1.0

    def tabular(self) -> Experiment:
        """The tabular experiment with the same path."""
        return Tabular(self.path, self.points, self.end)
