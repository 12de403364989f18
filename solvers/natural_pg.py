"""Natural policy gradient on a Bradley-Terry reward: the exact form of KL-regularised RLHF.

Kakade, A Natural Policy Gradient, NeurIPS 2001; the objective: Ziegler et al. 2019,
arXiv:1909.08593.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.reward_ascent import RewardAscent
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Open, Solution, require


@dataclass(frozen=True)
class NaturalPg(RewardAscent):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta r + const.

    r is the Bradley-Terry reward under ``game.pairs``, so what is reached depends on which pairs
    were compared. The logits contract by |1 - eta tau| in each step: eta = 1 / tau takes one step,
    and above 2 / tau they diverge. With a fixed reward the policy cannot cycle, as it may with the
    same update on win rates against itself.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``, in reward units (log-odds).
    eta : float > 0
        Step size in reward units.

    Raises
    ------
    SolverError
        If tau or eta is out of range.
    """

    tau: float = 0.1
    eta: float = 1.0
    paper: ClassVar[str] = "Kakade 2001, NeurIPS; Ziegler et al. 2019, arXiv:1909.08593"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), np.inf))

    def target(self, game: PreferenceGame) -> Solution:
        """The closed form of RLHF at the same tau."""
        return RlhfExact(self.tau).solve(game)

    def step(
        self, game: PreferenceGame, state: tuple[Float, Float], rng: np.random.Generator
    ) -> tuple[Float, Float]:
        """The state after one contraction towards log ref + r / tau."""
        theta, r = state
        eta, tau = self.eta, self.tau
        return numerics.log_softmax((1 - eta * tau) * theta + eta * tau * game.log_ref + eta * r), r
