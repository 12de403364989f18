"""Online IPO 1: online mirror descent against the current policy (self-play).

Calandriello et al., Human Alignment of Large Language Models through Online Preference
Optimisation, ICML 2024, arXiv:2403.08635; in this form Zhou et al. 2025, arXiv:2503.08942.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import estimated_win_rates
from solvers.solver import Concept, Solution, require


@dataclass(frozen=True)
class OnlineIpo1(IterativeSolver):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta P pi + const.

    The gradient step on E (log-ratio difference of y, y' - [P(y > y'') - P(y' > y'')] / tau)^2,
    y and y' uniform, y'' ~ pi: learning rate lr gives eta = 4 lr / (n tau). The fixed point is the
    regularised equilibrium whatever eta, but it is stable only if eta < 2 tau / (tau^2 + omega^2),
    omega the largest modulus of the (imaginary) eigenvalues of (P - 1/2)(diag pi - pi pi^T) there;
    above, it cycles. omega <= 1/2, so the default is stable in every game. Near the fixed point
    KL shrinks by (1 - eta tau)^2 + eta^2 omega^2 a step.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in [0, 2 / tau]; 0 for the safe tau / (tau^2 + 1/4)
        Step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step. The policy then hovers
        around the target, at a KL of the order of eta / samples.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = 0.0
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Calandriello et al. 2024, arXiv:2403.08635"

    def __post_init__(self) -> None:
        require(self, tau=(1e-12, np.inf), samples=(0, 1e9))
        require(self, eta=(0, 2 / self.tau))

    @property
    def step_size(self) -> float:
        """``eta``, or the default."""
        return self.eta or self.tau / (self.tau**2 + 0.25)

    def target(self, game: PreferenceGame) -> Solution:
        """The equilibrium at tau, if eta is below the limit."""
        return NlhfExact(self.tau).solve(game)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator | None) -> Float:
        """One step of mirror descent."""
        eta, tau = self.step_size, self.tau
        rates = estimated_win_rates(game, self.policy(state), self.samples, rng)
        return (1 - eta * tau) * state + eta * tau * game.log_ref + eta * rates
