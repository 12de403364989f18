"""Does a model trained on the same preference give the same answer, and is it the majority's?"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from games import PreferenceGame
from llm.experiment import LanguageExperiment
from llm.method import Method
from tabular.consistency import SOLVED_AGAIN
from tabular.consistency import Consistency as Tabular
from tabular.experiment import Experiment, Measurement, RngFor


@dataclass(frozen=True)
class Consistency(LanguageExperiment):
    """Entropy, self-agreement and mass on the majority's choices of a trained model's answers.

    Changed games (clones, near-clones, other references) are not measured: each would need a
    separate training.

    Attributes
    ----------
    model, lessons, lessons_lr, start, lora
        Those of ``LanguageExperiment``.
    """

    def tabular(self) -> Experiment:
        """The tabular experiment without changed games."""
        return Tabular(most_cloned=0)

    def measure(  # type: ignore[override]
        self, game: PreferenceGame, learner: Method, rng_for: RngFor, folder: Path
    ) -> Iterator[Measurement]:
        """The measurements of every experiment; those of changed games are skipped."""
        for m in super().measure(game, learner, rng_for, folder):
            # a training that another question has done takes no time; its seconds are on its curve
            if m.metric not in SOLVED_AGAIN and (m.metric, m.step) != ("seconds", None):
                yield m
        why = "not measured with language models: each changed game would be a training of its own"
        for metric in SOLVED_AGAIN:
            yield Measurement(metric, np.nan, status="skipped", message=why)
