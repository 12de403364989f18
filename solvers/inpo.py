"""INPO: iterative Nash policy optimisation, mirror descent as a regression on sampled pairs.

Zhang et al., Iterative Nash Policy Optimization, ICLR 2025, arXiv:2407.00617.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.mirror_descent import MirrorDescent
from solvers.sampling import sampled_wins


@dataclass(frozen=True)
class Inpo(MirrorDescent):
    """theta <- (1 - eta tau) theta + eta tau log ref + d, d = argmin E (d_w - d_l - eta / 2)^2.

    The pairs are drawn from pi, and w is preferred to l. In expectation d = eta P pi + const, so
    the update is that of online_ipo_1: stable for eta < 2 tau / (tau^2 + omega^2), with cycles
    above. The paper's rates (average gap 1 / sqrt t, last KL 1 / t) are quoted as recalled.

    There are two traps. The paper's step, eta = 1 / 0.0075, is far above that limit unless
    preferences hardly differ. And with samples d is the least-squares fit of least norm: an answer
    that was not drawn keeps d = 0, so that a rare answer is hardly ever corrected and the policy is
    biased as well as noisy.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in (0, 2 / tau], or None for the safe tau / (tau^2 + 1/4)
        Step size in payoff units; one over the paper's eta.
    samples : int >= 0; 0 for the expected loss
        Pairs in each step, with one binary label each; needs the dense ``P``.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    paper: ClassVar[str] = "Zhang et al. 2024, arXiv:2407.00617"

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """The logits after one regression."""
        eta, tau = self.step_size, self.tau
        pi = np.exp(numerics.log_softmax(state))
        if self.samples == 0:
            fit = eta * game.win_rates(pi)
        else:
            won = sampled_wins(game, pi, self.samples, rng)
            lost = np.swapaxes(won, -1, -2)
            laplacian = np.eye(game.n) * (won + lost).sum(-1, keepdims=True) - won - lost
            inverse = np.linalg.pinv(laplacian, rcond=1e-9, hermitian=True)
            fit = eta / 2 * numerics.win_rates(inverse, (won - lost).sum(-1))
        return (1 - eta * tau) * state + eta * tau * game.log_ref + fit
