"""Slow mirror descent."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Concept, Solution


@dataclass(frozen=True)
class SlowMirror(IterativeSolver):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta P pi + const, with a small eta."""

    tau: float = 0.2
    eta: float = 0.2
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "unpublished"

    def target(self, game: PreferenceGame) -> Solution:
        return NlhfExact(self.tau).solve(game)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator | None) -> Float:
        pull = self.eta * self.tau
        return (
            (1 - pull) * state + pull * game.log_ref + self.eta * game.win_rates(self.policy(state))
        )
