"""Nash-RS: mirror descent against the best response, which is drawn by rejection sampling.

Liu et al., Statistical Impossibility and Possibility of Aligning LLMs with Human Preferences, 2025,
arXiv:2503.10990; taken from its published code, not from the paper.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import measures
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import estimated_win_rates
from solvers.solver import Concept, Solution, require


@dataclass(frozen=True)
class NashRs(IterativeSolver):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta P q + const, q ~ ref exp(P pi / tau).

    q, the best response to pi, is what accepting y ~ ref with probability exp(-P(pi > y) / tau)
    draws. The published code accepts with 1 - exp(-P(pi > y) / tau) instead, which favours answers
    that lose to pi and does not reach the equilibrium; here the sign is the right one. Near the
    regularised equilibrium it damps without turning (real eigenvalues) and is stable for eta <
    2 tau / (tau^2 + omega^2), omega as for online_ipo_1, but this is local: from ``ref`` it can
    cycle below that limit. A step looks up win rates twice; drawing q would take some exp(1 / (2
    tau)) proposals an answer.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``, for the policy and its opponent.
    eta : float in [0, 2 / tau]; 0 for the safe tau / (tau^2 + 1/4)
        Step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Accepted opponents with binary labels, for each answer and step; the best response itself
        is exact.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = 0.0
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Liu et al. 2025, arXiv:2503.10990"

    def __post_init__(self) -> None:
        require(self, tau=(1e-12, np.inf), samples=(0, 1e9))
        require(self, eta=(0, 2 / self.tau))

    @property
    def step_size(self) -> float:
        """``eta``, or the default."""
        return self.eta or self.tau / (self.tau**2 + 0.25)

    def target(self, game: PreferenceGame) -> Solution:
        """The equilibrium at tau."""
        return NlhfExact(self.tau).solve(game)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator | None) -> Float:
        """One step of mirror descent against the best response."""
        eta, tau = self.step_size, self.tau
        opponent = measures.best_response(game, self.policy(state), tau)
        rates = estimated_win_rates(game, opponent, self.samples, rng)
        return (1 - eta * tau) * state + eta * tau * game.log_ref + eta * rates
