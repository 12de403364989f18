"""The uniform policy, a baseline that reads nothing."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import PreferenceGame
from solvers.solver import Certificate, Concept, ExactSolver, Solution


@dataclass(frozen=True)
class Uniform(ExactSolver):
    """pi(i) = 1 / n: what not choosing costs."""

    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = "a baseline, without a paper"

    def compute(self, game: PreferenceGame) -> Solution:
        """The same probability for every answer, certified against 1 / n."""
        log_policy = np.full(game.ref.shape, -np.log(game.n))
        residual = abs(np.exp(log_policy) - 1 / game.n).max(-1)
        return Solution(log_policy, Certificate("pi = 1 / n", residual, 1e-12))
