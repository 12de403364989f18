"""Magnetic preference optimisation: magnetic mirror descent whose magnet moves now and then.

Wang et al., Magnetic Preference Optimization, 2024, arXiv:2410.16714; the inner method is Sokota
et al., A Unified Approach to Reinforcement Learning, ..., ICLR 2023, arXiv:2206.05825.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import SAMPLES, estimated_win_rates
from solvers.solver import Concept, Open, Solution, require


@dataclass(frozen=True)
class Mpo(IterativeSolver):
    """theta <- (theta + eta tau log magnet + eta P pi) / (1 + eta tau); now and then magnet <- pi.

    Each period approaches the equilibrium regularised towards the magnet, and the magnets approach
    the equilibrium without penalty, whatever tau. Moving the magnet too often turns this into
    multiplicative weights, which diverges: reset_every eta tau = 0.25 does on rock-paper-scissors,
    1.5 was enough in the games tested. Within a period eta / (1 + eta tau) must be below the limit
    of online_ipo_1; eta <= 4 tau always is. Where several maximal lotteries exist it depends on
    the start: from ``ref`` it is the one nearest to ``ref`` in KL if each answer belongs to some
    maximal lottery; otherwise the answers that die out leave a trace, and it is another one.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to the magnet.
    eta : float > 0
        Step size in payoff units.
    reset_every : int >= 1
        Steps between two moves of the magnet.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = 0.4
    reset_every: int = 50
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Wang et al. 2024, arXiv:2410.16714"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), np.inf))
        require(self, reset_every=(1, np.inf), samples=SAMPLES)

    def target(self, game: PreferenceGame) -> Solution:
        """The maximal lottery, where it is unique or every answer belongs to one."""
        return NlhfExact(0.0).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, Float, int]:
        """Logits of the policy and of the magnet, and the number of steps taken."""
        return game.log_ref, game.log_ref, 0

    def step(
        self,
        game: PreferenceGame,
        state: tuple[Float, Float, int],
        rng: np.random.Generator,
    ) -> tuple[Float, Float, int]:
        """One step of magnetic mirror descent; at the end of a period the magnet follows."""
        theta, magnet, t = state
        eta, pull = self.eta, self.eta * self.tau
        rates = estimated_win_rates(game, self.policy(state), self.samples, rng)
        theta = numerics.log_softmax((theta + pull * magnet + eta * rates) / (1 + pull))
        return theta, theta if (t + 1) % self.reset_every == 0 else magnet, t + 1
