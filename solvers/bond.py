"""BOND: distil the best of N into the policy, then take the best of N of that, and so on.

Sessa et al., BOND: Aligning LLMs with Best-of-N Distillation, ICLR 2025, arXiv:2407.14622.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.best_of_n import best_of
from solvers.reward_ascent import RewardAscent
from solvers.solver import Open, require


@dataclass(frozen=True)
class Bond(RewardAscent):
    """pi <- best of N draws from the anchor; log anchor <- (1 - rate) log anchor + rate log pi.

    The inner problem, the least Jeffreys divergence to the best-of-N distribution of the anchor,
    is solved exactly: over all policies its minimum is that distribution, whatever the weights of
    the two KLs. The trap: with rate = 1 the policy after t steps is the best of N^t draws from
    ``ref``, so it converges to argmax r and not to a compromise with ``ref``; only the number of
    steps regularises. A smaller rate only slows it down.

    Attributes
    ----------
    n_answers : int in [2, 1000000]
        Number of draws from the anchor, of which the best is imitated.
    rate : float in (0, 1]
        How far the anchor moves to the policy, in logits.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    n_answers: int = 2
    rate: float = 0.5
    paper: ClassVar[str] = "Sessa et al. 2024, arXiv:2407.14622"

    def __post_init__(self) -> None:
        require(self, n_answers=(2, 1_000_000), rate=(Open(0), 1))

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, Float, Float]:
        """Logs of policy and anchor, both the reference, and the rewards."""
        return game.log_ref, *super().init(game, rng)

    def step(
        self,
        game: PreferenceGame,
        state: tuple[Float, Float, Float],
        rng: np.random.Generator,
    ) -> tuple[Float, Float, Float]:
        """The state after distilling the best of N, and moving the anchor towards it."""
        _, anchor, r = state
        log_pi = best_of(self.n_answers, r, anchor)
        return log_pi, numerics.log_softmax((1 - self.rate) * anchor + self.rate * log_pi), r
