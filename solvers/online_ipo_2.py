"""Online IPO 2: gradient descent on the IPO loss of pairs drawn from the current policy.

Calandriello et al., Human Alignment of Large Language Models through Online Preference
Optimisation, ICML 2024, arXiv:2403.08635.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import SAMPLES, sampled_wins
from solvers.solver import Concept, Open, Solution, require


@dataclass(frozen=True)
class OnlineIpo2(IterativeSolver):
    """theta <- theta - (eta tau / 4) grad E (h(winner) - h(loser) - 1 / (2 tau))^2.

    h = log pi / ref; both answers are drawn from pi, which is a constant in the gradient. The
    expected gradient is 4 pi_i [h_i - E h - ((P pi)_i - 1/2) / tau], which is -4 / tau times the
    softmax policy gradient of self-play: without sampling this is Nash-MD-PG with mixture 0. With
    small steps it reaches the regularised equilibrium at every tau (near it, eta < 4 tau / (tau^2 +
    omega^2) is enough). The trap is the rate of about eta tau min(pi): an answer of small
    probability is hardly ever corrected.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float > 0, or None for 2 tau / (tau^2 + 1/4)
        Step size in payoff units: 4 / tau times the learning rate on the loss.
    samples : int >= 0; 0 for the expected loss
        Pairs in each step, with one binary label each; needs the dense ``P``.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float | None = None
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Calandriello et al. 2024, arXiv:2403.08635"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), np.inf), samples=SAMPLES)

    @property
    def step_size(self) -> float:
        """``eta``, or the default where that is None."""
        return 2 * self.tau / (self.tau**2 + 0.25) if self.eta is None else self.eta

    def target(self, game: PreferenceGame) -> Solution:
        """The regularised equilibrium at tau."""
        return NlhfExact(self.tau).solve(game)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """One gradient step."""
        log_pi = numerics.log_softmax(state)
        h = log_pi - game.log_ref
        if self.samples == 0:
            pi = np.exp(log_pi)
            off = h - numerics.expectation(pi, h)[..., None]
            slope = 4 * pi * (off - (game.win_rates(pi) - 0.5) / self.tau)
        else:
            won = sampled_wins(game, np.exp(log_pi), self.samples, rng)
            error = won * (h[..., :, None] - h[..., None, :] - 1 / (2 * self.tau))
            slope = 2 * (error.sum(-1) - error.sum(-2))
        return np.asarray(state - self.step_size * self.tau / 4 * slope)
