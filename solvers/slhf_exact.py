"""The Stackelberg answer: the best policy of a leader whose answer a follower responds to.

Pasztor et al., Stackelberg Learning from Human Feedback, 2025, arXiv:2512.16626, Eq. (5).
The closed form is derived from it; at tau = 0 it is the maximin (Simpson-Kramer) voting rule.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from games import measures, numerics
from games.game import DENSE_LIMIT, TIE_TOL, Float, PreferenceGame
from solvers.solver import Certificate, Concept, ExactSolver, Solution, require

_BLOCK = 1 << 24


@dataclass(frozen=True)
class SlhfExact(ExactSolver):
    """Closed form of max_pi min_omega E P(y > y') + tau_follower KL(omega) - tau_leader KL(pi).

    follower(y'|y) ~ ref_follower(y'|y) exp(-P[y, y'] / tau_follower), with value
    V(y) = -tau_follower log sum_y' ref_follower(y'|y) exp(-P[y, y'] / tau_follower);
    leader ~ ref exp(V / tau_leader). The follower does not depend on the leader's policy, only on
    its answer. A tau of 0 is the limit, tau_follower first: V is the row minimum, ties are split
    by the reference. Above 5,000 answers ``Solution.follower`` is None; see ``follower_rows``.

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

    def compute(self, game: PreferenceGame) -> Solution:
        """The leader and, for up to 5,000 answers, every row of the follower."""
        values = measures.follower_values(game, self.tau_follower)
        if self.tau_leader > 0:
            log_policy = numerics.log_softmax(game.log_ref + values / self.tau_leader)
        else:
            log_policy = numerics.spread_over_best(values, game.log_ref, TIE_TOL)
        follower = self.follower_rows(game, slice(None)) if game.n <= DENSE_LIMIT else None
        return Solution(log_policy, self._certify(game, log_policy, follower), follower)

    def follower_rows(self, game: PreferenceGame, i: Any) -> Float:
        """The follower's policy after the answers ``i``; shape (..., i, n)."""
        cost = game.rows(i)
        log_ref = game.log_ref_follower(i)
        if self.tau_follower > 0:
            log_omega = numerics.log_softmax(log_ref - cost / self.tau_follower)
        else:
            log_ref = np.broadcast_to(log_ref, cost.shape)
            log_omega = numerics.spread_over_best(-cost, log_ref, TIE_TOL)
        return np.asarray(np.exp(log_omega))

    def _certify(
        self, game: PreferenceGame, log_policy: Float, follower: Float | None
    ) -> Certificate:
        """First-order conditions of both players, with V taken as what the follower pays.

        tau > 0: the spread of log omega - log ref + P / tau in each row, and of log pi - log ref
        - V / tau; tau = 0: what a player still gains by its best answer. V is the follower's
        objective as played, not the log-sum-exp that made the leader.
        """
        values = np.empty((*game.batch, game.n))
        residual = np.zeros(game.batch)
        step = max(1, _BLOCK // game.n)
        for start in range(0, game.n, step):
            i = slice(start, start + step)
            cost, log_ref = game.rows(i), game.log_ref_follower(i)
            omega = self.follower_rows(game, i) if follower is None else follower[..., i, :]
            paid = (omega * cost).sum(-1)
            if self.tau_follower > 0:
                log_omega = numerics.log(omega)
                off = _spread(log_omega - log_ref + cost / self.tau_follower, log_omega)
                paid = paid + self.tau_follower * numerics.kl(log_omega, log_ref)
            else:
                off = paid - cost.min(-1)
            values[..., i] = paid
            residual = np.maximum(residual, off.max(-1))
        if self.tau_leader > 0:
            off = _spread(log_policy - game.log_ref - values / self.tau_leader, log_policy)
        else:
            off = values.max(-1) - (np.exp(log_policy) * values).sum(-1)
        # a tie may be worth TIE_TOL to each player; rounding of P / tau grows with 1 / tau
        slack = [1e-12 / min(1, tau) if tau > 0 else 2 * TIE_TOL for tau in self._taus]
        if self.tau_follower == 0 and self.tau_leader > 0:
            slack.append(2 * TIE_TOL / min(1, self.tau_leader))
        condition = "first-order conditions of leader and follower"
        return Certificate(condition, np.maximum(residual, off), max(slack))

    @property
    def _taus(self) -> tuple[float, float]:
        return self.tau_leader, self.tau_follower


def _spread(values: Float, log_p: Float) -> Float:
    """Half the range of ``values`` over the answers whose probability is above 1e-290."""
    positive = log_p > -667
    high = np.where(positive, values, -np.inf).max(-1)
    low = np.where(positive, values, np.inf).min(-1)
    return np.asarray((high - low) / 2)
