"""What voting rules on pairwise majorities share: the answers of highest score, split by ref."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import measures, numerics
from games.game import TIE_TOL, Float, PreferenceGame
from solvers.solver import Certificate, Concept, ExactSolver, Solution


@dataclass(frozen=True)
class Voting(ExactSolver, ABC):
    """The answers of highest score; scores within 1e-9 tie, and tied answers share by ``ref``.

    A voting rule has no KL penalty: it stands beside the other concepts at tau = 0. It reads P and
    neither ``pairs`` nor, but for ties, ``ref``.
    """

    concept: ClassVar[Concept] = "other"

    @abstractmethod
    def scores(self, game: PreferenceGame) -> Float:
        """The score of every answer, shape (..., n)."""

    def compute(self, game: PreferenceGame) -> Solution:
        """The best answers, certified by ``violation``."""
        scores = self.scores(game)
        log_policy = numerics.spread_over_best(scores, game.log_ref, TIE_TOL)
        condition, lacking = self.violation(game, scores)
        residual = numerics.expectation(np.exp(log_policy), lacking)
        return Solution(log_policy, Certificate(condition, residual, TIE_TOL))

    def violation(self, game: PreferenceGame, scores: Float) -> tuple[str, Float]:
        """A condition on the answers that may be given, and by how much each (..., n) fails it."""
        return "no answer has a higher score", scores.max(-1, keepdims=True) - scores


def strengths(game: PreferenceGame) -> Float:
    """P[i, j] - 1/2 where i strictly beats j, and 0 elsewhere; shape (..., n, n)."""
    return np.where(measures.beats(game), game.P - 0.5, 0.0)


def widest_paths(strength: Float) -> Float:
    """Largest, over all paths from i to j, of the weakest step; (..., n, n), 0 if there is none.

    Floyd and Warshall's algorithm with (max, min) in the place of (min, +); infinite from i to i.
    """
    n = strength.shape[-1]
    widest = np.where(np.eye(n, dtype=bool), np.inf, strength)
    for k in range(n):
        through = np.minimum(widest[..., :, k, None], widest[..., k, None, :])
        widest = np.maximum(widest, through)
    return widest
