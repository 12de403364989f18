"""The reference policy, a baseline: the model before preference training."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import PreferenceGame
from solvers.solver import Certificate, Concept, ExactSolver, Solution


@dataclass(frozen=True)
class Reference(ExactSolver):
    """pi = ref: every penalised method at infinite tau; KL to ``ref`` is 0."""

    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = "a baseline, without a paper"

    def compute(self, game: PreferenceGame) -> Solution:
        """The reference itself, certified against it."""
        log_policy = game.log_ref
        residual = abs(np.exp(log_policy) - game.ref).max(-1)
        return Solution(log_policy, Certificate("pi = ref", residual, 1e-12))
