"""What iterative methods on a fitted Bradley-Terry reward share."""

from abc import ABC
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from games.game import PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Concept, Reasons, Solution


@dataclass(frozen=True)
class RewardAscent(IterativeSolver, ABC):
    """Fit Bradley-Terry rewards to ``game.pairs`` once, in ``init``; then climb them in ``step``.

    Whatever such a method does, it inherits the dependence of the fit on which pairs were compared,
    and it is undefined where the fit is infinite. The rewards are the last entry of the state.
    """

    concept: ClassVar[Concept] = "rlhf"

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the rewards of a context are infinite; "" where they are finite."""
        return RlhfExact().undefined(game)

    def target(self, game: PreferenceGame) -> Solution:
        """The answers of highest reward, in proportion to ``ref``."""
        return RlhfExact(0.0).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Any, ...]:
        """Log of the reference, and the rewards (..., n) in the float type of the game."""
        return game.log_ref, RlhfExact().rewards(game).astype(game.ref.dtype)
