"""Optimistic multiplicative weights: mirror descent that counts the latest win rates twice.

tau = 0: Wei et al., Linear Last-Iterate Convergence in Constrained Saddle-Point Optimization, ICLR
2021, arXiv:2006.09517; for preferences arXiv:2512.24818. Two sequences: ONPO, arXiv:2502.16852.
tau > 0: Cen et al., Fast Policy Extragradient Methods for Competitive Games with Entropy
Regularization, NeurIPS 2021, arXiv:2105.15186.
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
class Omwu(IterativeSolver):
    """base <- (1 - eta tau) base + eta tau log ref + eta P pi, then the same from base gives pi.

    Both moves of a step use the win rates against the old pi, so a step looks them up once. At
    tau = 0 it is log pi <- log pi + eta (2 P pi - P pi_before), with P pi_before = 0 in the first
    step.

    The last iterate converges where that of plain multiplicative weights spirals away: locally for
    eta omega < 1 / sqrt 3 at tau = 0, where omega <= 1/2 is the largest |eigenvalue| of (P - 1/2)
    (diag pi - pi pi^T) at the lottery; the proved range is eta <= 1/8 (as recalled, not
    re-derived). At tau > 0 the KL to the equilibrium falls like (1 - eta tau)^t, proved for eta <=
    min(1 / (2 tau + 2 L), 1 / (4 L)) (as recalled) and observed up to eta = 2. With several maximal
    lotteries the limit is one of them, not always the one nearest to ``ref``.

    Attributes
    ----------
    tau : float >= 0
        Weight of the KL penalty to ``ref``; 0 for the game without reference.
    eta : float in (0, 1000], with eta tau <= 1
        Step size in payoff units.
    samples : int >= 0
        Sampled opponents with binary labels for each answer and step; 0 for exact win rates.

    Raises
    ------
    SolverError
        If tau, eta or samples is out of range.
    """

    tau: float = 0.1
    eta: float = 1.0
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Cen et al. 2021, arXiv:2105.15186; Wei et al. 2021, arXiv:2006.09517"

    def __post_init__(self) -> None:
        require(self, tau=(0, np.inf), samples=SAMPLES)
        require(self, eta=(Open(0), min(1e3, 1 / self.tau) if self.tau > 0 else 1e3))

    def target(self, game: PreferenceGame) -> Solution:
        """The equilibrium at tau; at tau = 0 a maximal lottery, which need not be the only one."""
        return NlhfExact(self.tau).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, Float]:
        """Base and policy, both the log of the reference."""
        return game.log_ref, game.log_ref

    def step(
        self, game: PreferenceGame, state: tuple[Float, Float], rng: np.random.Generator
    ) -> tuple[Float, Float]:
        """Move the base, then extrapolate from it with the same win rates."""
        base, log_policy = state
        rates = estimated_win_rates(game, np.exp(log_policy), self.samples, rng)
        shrink, move = 1 - self.eta * self.tau, self.eta * (self.tau * game.log_ref + rates)
        base = numerics.log_softmax(shrink * base + move)
        return base, numerics.log_softmax(shrink * base + move)

    def policy(self, state: tuple[Float, Float]) -> Float:
        """The extrapolated policy."""
        return np.asarray(np.exp(state[1]))
