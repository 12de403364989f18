"""The RLHF answer: fit a Bradley-Terry reward to the compared pairs, then maximise it.

Bradley and Terry, Biometrika 1952; the two-stage recipe: Ziegler et al. 2019, arXiv:1909.08593.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.estimation.rewards import fit_rewards, mean_weights, reward_gradient, why_infinite
from games.game import TIE_TOL, Float, PreferenceGame
from solvers.solver import (
    Certificate,
    Concept,
    Reasons,
    Solution,
    Weight,
    WeightedSolver,
    Weights,
    require,
)

_TOLERANCE = 1e-10
_COARSE_TAU = 1e3


@dataclass(frozen=True)
class RlhfExact(WeightedSolver):
    """Policy ~ ref exp(r / tau), with r the Bradley-Terry maximum likelihood under ``game.pairs``.

    r minimises -sum_{i<j} w_ij [P_ij log sigmoid(r_i - r_j) + P_ji log sigmoid(r_j - r_i)] +
    ridge / 2 |r|^2 with w proportional to ``pairs`` and sum_{i<j} w_ij = 1; sum r = 0. Unless P
    is itself Bradley-Terry, r and the policy depend on which pairs were compared. Where the graph
    of wins is not strongly connected (Ford's condition) the fit is infinite and the answer
    undefined; the message names the components.

    Attributes
    ----------
    tau : float >= 0
        Weight of the KL penalty to ``ref``, in reward units (log-odds): the same tau is not the
        same strength as in NLHF or SLHF, where it is in probability. 0: the answers of highest
        reward, ties split by ``ref``. Above 1e3 the policy hardly shows the reward, and
        is certified less tightly, in proportion to tau.
    ridge : float >= 0
        Weight of the penalty; above 0 the fit exists on all data.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    ridge: float = 0.0
    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "Bradley and Terry 1952; Ziegler et al. 2019, arXiv:1909.08593"

    def __post_init__(self) -> None:
        require(self, tau=(0, np.inf), ridge=(0, np.inf))

    def compute_at(self, game: PreferenceGame, weights: Weights) -> Solution:
        """The reference tilted by the fitted reward, certified by the reward it implies."""
        tau, r = weights["tau"], self.rewards(game)
        if numerics.is_soft(tau):
            log_policy = _tilted(game, r, tau)
            # the rewards that the policy implies, so that the policy itself is certified
            r = numerics.per_context(tau, r) * (log_policy - game.log_ref)
            r = r - r.mean(-1, keepdims=True)
            lost = np.zeros(game.batch)
        else:
            log_policy = numerics.spread_over_best(r, game.log_ref, TIE_TOL)
            lost = r.max(-1) - numerics.expectation(np.exp(log_policy), r) - TIE_TOL
        w = mean_weights(game.pair_weights)
        off = abs(reward_gradient(game.P, w, self.ridge, r)).max(-1)
        tolerance = _TOLERANCE * np.maximum(1, tau / _COARSE_TAU)
        certificate = Certificate("Bradley-Terry stationarity", np.maximum(off, lost), tolerance)
        return Solution(log_policy, certificate)

    def at_weights(self, game: PreferenceGame) -> Callable[[Weights], Float]:
        """Policies of one fit, at any tau > 0."""
        r = self.rewards(game)
        return lambda weights: _tilted(game, r, weights["tau"])

    def rewards(self, game: PreferenceGame) -> Float:
        """Bradley-Terry rewards r, shape (..., n), summing to 0 in every context.

        NaN where they are infinite; ``undefined`` says why.
        """
        finite = np.asarray(self.undefined(game) == "")
        w = mean_weights(game.pair_weights)
        r = np.full(game.ref.shape, np.nan)
        r[finite] = fit_rewards(game.P[finite], w[finite], self.ridge)
        return r

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the maximum is infinite or not unique, for each context; "" where it is finite."""
        if self.ridge > 0:
            return np.full(game.batch, "")
        reasons = why_infinite(game.P, game.pair_weights, game.names)
        return np.where(reasons == "", "", np.char.add("RlhfExact: ", reasons))


def _tilted(game: PreferenceGame, r: Float, tau: Weight) -> Float:
    """The log-policy ref exp(r / tau)."""
    return np.asarray(numerics.log_softmax(game.log_ref + r / numerics.per_context(tau, r)))
