"""Does a model trained on the same preference give the same answer, and is it the majority's?"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from games import PreferenceGame
from llm.experiment import LanguageExperiment
from llm.method import Method
from tabular.consistency import Consistency as Tabular
from tabular.experiment import Experiment, Measurement, RngFor


@dataclass(frozen=True)
class Consistency(LanguageExperiment):
    """Entropy, self-agreement and mass on the majority's choices of a trained model's answers.

    Clones are not measured: each would need a separate training.

    Attributes
    ----------
    model, lessons, lessons_lr, start, lora
        Those of ``LanguageExperiment``.
    """

    def tabular(self) -> Experiment:
        """The tabular experiment without clones."""
        return Tabular(most_cloned=0)

    def measure(  # type: ignore[override]
        self, game: PreferenceGame, learner: Method, rng_for: RngFor, folder: Path
    ) -> Iterator[Measurement]:
        """The measurements of every experiment, and a skipped one in place of those of clones."""
        for m in super().measure(game, learner, rng_for, folder):
            # a training that another question has done takes no time; its seconds are on its curve
            if m.metric != "clone_shift" and (m.metric, m.step) != ("seconds", None):
                yield m
        why = "not measured with language models: each clone would be a training of its own"
        yield Measurement("clone_shift", np.nan, status="skipped", message=why)
