"""Nash-EMA: mirror descent against an exponential moving average of past parameters.

Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886, Appendix F.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import estimated_win_rates
from solvers.solver import Concept, Solution, require


@dataclass(frozen=True)
class NashEma(IterativeSolver):
    """theta <- (1 - eta tau) theta + eta tau log ref + eta P softmax(mean); the mean follows.

    mean <- (1 - rate) mean + rate theta, of logits. The fixed point is the regularised equilibrium,
    but averaging can make it unstable: with kappa = rate / eta and small steps it is stable if and
    only if tau (tau + kappa)^2 > kappa omega^2, omega as for online_ipo_1. So unless 2 tau > omega
    there is a band of kappa in the middle that cycles, and slower averaging is not always safer.
    The paper keeps 0.999 of the mean or more; no theorem for the last iterate is recalled.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in (0, 2 / tau]
        Step size in payoff units.
    rate : float in (0, 1]
        Weight of the new parameters in the mean; 1 for self-play, as online_ipo_1.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = 0.1
    rate: float = 0.5
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Munos et al. 2023, arXiv:2312.00886"

    def __post_init__(self) -> None:
        require(self, tau=(1e-12, np.inf), rate=(1e-12, 1), samples=(0, 1e9))
        require(self, eta=(1e-12, 2 / self.tau))

    def target(self, game: PreferenceGame) -> Solution:
        """The equilibrium at tau, outside the unstable band."""
        return NlhfExact(self.tau).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator | None) -> tuple[Float, Float]:
        """Logits of the policy and their mean."""
        del rng
        return game.log_ref, game.log_ref

    def step(
        self, game: PreferenceGame, state: tuple[Float, Float], rng: np.random.Generator | None
    ) -> tuple[Float, Float]:
        """One step against the mean, which then follows."""
        theta, mean = state
        opponent = np.exp(numerics.log_softmax(mean))
        rates = estimated_win_rates(game, opponent, self.samples, rng)
        pull = self.eta * self.tau
        theta = (1 - pull) * theta + pull * game.log_ref + self.eta * rates
        return theta, (1 - self.rate) * mean + self.rate * theta

    def policy(self, state: tuple[Float, Float]) -> Float:
        """Softmax of the logits, not of their mean."""
        return np.asarray(np.exp(numerics.log_softmax(state[0])))
