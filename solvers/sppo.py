"""SPPO: self-play by least squares on the log-ratio to the last policy.

Wu et al., Self-Play Preference Optimization for Language Model Alignment, 2024, arXiv:2405.00675.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.exact.roots import decreasing_root, wright_omega
from solvers.sampling import estimated_win_rates
from solvers.self_play_mwu import SelfPlayMwu


@dataclass(frozen=True)
class Sppo(SelfPlayMwu):
    """pi <- argmin_p E_{y ~ pi} (log p(y) / pi(y) - eta (P(y > pi) - 1/2))^2 over the simplex.

    The constant 1/2 stands in for the log-normaliser of multiplicative weights, which the step
    therefore only approximates: from ``ref`` by some 1e-7 in total variation at eta = .1, 1e-4 at 1
    and up to .1 at 10, of the order eta^3. The log-ratio w of the argmin solves w + c exp(w) =
    eta (P pi - 1/2) in every coordinate, with the c >= 0 that makes p sum to 1. The average of the
    iterates approaches the maximal lotteries for small eta (rate O(1 / sqrt t) as recalled, not
    re-derived); the last iterate, which is what is deployed in practice, does not.

    Attributes
    ----------
    eta : float in (0, 1000]
        Step size in payoff units. The published code calls 1 / eta beta and takes eta = 1000.
    samples : int >= 0
        Sampled opponents with binary labels for each answer and step; 0 for exact win rates. The
        estimates are centred at their mean under the policy, which is 1/2 in expectation.

    Raises
    ------
    SolverError
        If eta or samples is out of range.
    """

    paper: ClassVar[str] = "Wu et al. 2024, arXiv:2405.00675"

    def step(
        self, game: PreferenceGame, state: tuple[Any, ...], rng: np.random.Generator
    ) -> tuple[Float, ...]:
        """The constrained least-squares fit."""
        log_policy, total = state
        policy = np.exp(log_policy)
        rates = estimated_win_rates(game, policy, self.samples, rng)
        mean_rate = numerics.expectation(policy, rates)[..., None]
        goal = self.eta * (rates - mean_rate)

        def excess(c: Float) -> tuple[Float, Float]:
            """Log of the sum of p, and its slope in c."""
            ratio = wright_omega(c[..., None], goal)
            log_sum = numerics.logsumexp(log_policy + ratio)
            grown = np.exp(ratio)
            p = np.exp(log_policy + ratio - log_sum[..., None])
            return log_sum, -numerics.expectation(p, grown / (1 + c[..., None] * grown))

        # at c = 0 the sum is >= 1 by Jensen; at c = max goal every ratio is <= 0
        c = decreasing_root(excess, np.zeros_like(goal[..., 0]), np.maximum(goal.max(-1), 0))
        log_policy = numerics.log_softmax(log_policy + wright_omega(c[..., None], goal))
        return log_policy, total + np.exp(log_policy)
