"""The Stackelberg answer: the best policy of a leader whose answer a follower responds to.

Pasztor et al., Stackelberg Learning from Human Feedback, 2025, arXiv:2512.16626, Eq. (5).
The closed form is derived from it; at tau = 0 it is the maximin (Simpson-Kramer) voting rule.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from games import measures, numerics
from games.game import DENSE_LIMIT, TIE_TOL, Float, PreferenceGame
from solvers.solver import (
    Certificate,
    Concept,
    Solution,
    Weight,
    WeightedSolver,
    Weights,
    require,
)

_BLOCK = 1 << 24


@dataclass(frozen=True)
class SlhfExact(WeightedSolver):
    """Closed form of max_pi min_omega E P(y > y') + tau_follower KL(omega) - tau_leader KL(pi).

    follower(y'|y) ~ ref_follower(y'|y) exp(-P[y, y'] / tau_follower), with value
    V(y) = -tau_follower log sum_y' ref_follower(y'|y) exp(-P[y, y'] / tau_follower);
    leader ~ ref exp(V / tau_leader). The follower does not depend on the leader's policy, only on
    its answer. A tau of 0 is the limit, tau_follower first: V is the row minimum, ties are split
    by the reference. Above 5,000 answers ``Solution.follower`` is None; see ``follower_rows``.
    Equal tau's tie two strengths together; neither is that of RLHF or NLHF at the same tau, so
    concepts are compared at equal KL to ``ref``, with tau_follower tied to tau_leader and at 0.

    Attributes
    ----------
    tau_leader : float >= 0
        Weight of KL(leader | ref), in payoff units.
    tau_follower : float >= 0
        Weight of KL(follower | ref_follower).

    Raises
    ------
    SolverError
        If a tau is negative or not finite.
    """

    tau_leader: float = 0.1
    tau_follower: float = 0.1
    concept: ClassVar[Concept] = "slhf"
    paper: ClassVar[str] = "Pasztor et al. 2025, arXiv:2512.16626"

    def __post_init__(self) -> None:
        require(self, tau_leader=(0, np.inf), tau_follower=(0, np.inf))

    def compute_at(self, game: PreferenceGame, weights: Weights) -> Solution:
        """The leader and, for up to 5,000 answers, every row of the follower."""
        log_policy = self.at_weights(game)(weights)
        rows, small = slice(None), game.n <= DENSE_LIMIT
        follower = self.follower_rows(game, rows, weights["tau_follower"]) if small else None
        certificate = self._certify(game, log_policy, follower, weights)
        return Solution(log_policy, certificate, follower)

    def at_weights(self, game: PreferenceGame) -> Callable[[Weights], Float]:
        """Leaders at any weights."""

        def log_policy(weights: Weights) -> Float:
            tau_leader, tau_follower = weights["tau_leader"], weights["tau_follower"]
            values = measures.follower_values(game, tau_follower)
            if numerics.is_soft(tau_leader):
                tilt = values / numerics.per_context(tau_leader, values)
                return np.asarray(numerics.log_softmax(game.log_ref + tilt))
            return np.asarray(numerics.spread_over_best(values, game.log_ref, TIE_TOL))

        return log_policy

    def follower_rows(
        self, game: PreferenceGame, i: Any, tau_follower: Weight | None = None
    ) -> Float:
        """The follower's policy after the answers ``i``; shape (..., i, n)."""
        tau = self.tau_follower if tau_follower is None else tau_follower
        cost = game.rows(i)
        log_ref = game.log_ref_follower(i)
        if numerics.is_soft(tau):
            log_omega = numerics.log_softmax(log_ref - cost / numerics.per_context(tau, cost))
        else:
            log_ref = np.broadcast_to(log_ref, cost.shape)
            log_omega = numerics.spread_over_best(-cost, log_ref, TIE_TOL)
        return np.asarray(np.exp(log_omega))

    def _certify(
        self,
        game: PreferenceGame,
        log_policy: Float,
        follower: Float | None,
        weights: Weights,
    ) -> Certificate:
        """First-order conditions of both players, with V taken as what the follower pays.

        tau > 0: the spread of log omega - log ref + P / tau in each row, and of log pi - log ref
        - V / tau; tau = 0: what a player still gains by its best answer. V is the follower's
        objective as played, not the log-sum-exp that made the leader.
        """
        tau_leader, tau_follower = weights["tau_leader"], weights["tau_follower"]
        values = np.empty((*game.batch, game.n))
        residual = np.zeros(game.batch)
        step = max(1, _BLOCK // game.n)
        for start in range(0, game.n, step):
            i = slice(start, start + step)
            cost, log_ref = game.rows(i), game.log_ref_follower(i)
            if follower is None:
                omega = self.follower_rows(game, i, tau_follower)
            else:
                omega = follower[..., i, :]
            paid = (omega * cost).sum(-1)
            if numerics.is_soft(tau_follower):
                log_omega = numerics.log(omega)
                scaled = cost / numerics.per_context(tau_follower, cost)
                off = _spread(log_omega - log_ref + scaled, log_omega)
                penalty = numerics.kl(log_omega, log_ref)
                paid = paid + numerics.per_context(tau_follower, penalty) * penalty
            else:
                off = paid - cost.min(-1)
            values[..., i] = paid
            residual = np.maximum(residual, off.max(-1))
        if numerics.is_soft(tau_leader):
            tilt = values / numerics.per_context(tau_leader, values)
            off = _spread(log_policy - game.log_ref - tilt, log_policy)
        else:
            off = values.max(-1) - (np.exp(log_policy) * values).sum(-1)
        slack = np.maximum(_slack(tau_leader), _slack(tau_follower))
        if not numerics.is_soft(tau_follower) and numerics.is_soft(tau_leader):
            slack = np.maximum(slack, 2 * TIE_TOL / np.minimum(1, tau_leader))
        condition = "first-order conditions of leader and follower"
        return Certificate(condition, np.maximum(residual, off), slack)


def _slack(tau: Weight) -> Float:
    """How far off a player may be: a tie at tau = 0, else rounding of P / tau."""
    return np.asarray(1e-12 / np.minimum(1, tau) if numerics.is_soft(tau) else 2 * TIE_TOL)


def _spread(values: Float, log_p: Float) -> Float:
    """Half the range of ``values`` over the answers whose probability is above 1e-290."""
    positive = log_p > -667
    high = np.where(positive, values, -np.inf).max(-1)
    low = np.where(positive, values, np.inf).min(-1)
    return np.asarray((high - low) / 2)
