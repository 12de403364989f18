"""The reward model as the follower: a policy that foresees how the reward will be fitted to it.

After the general description of STA-RLHF (CoCoMARL workshop, 2024) and of foresighted preference
optimisation (2026, arXiv:2605.04266); not checked against the papers.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.solver import Concept, Open, require

_FIRST_FIT = 100
_LATER_FITS = 3


@dataclass(frozen=True)
class RewardFollower(IterativeSolver):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta r_eff + const, r refitted each step.

    Built from the general description, not checked against the papers. The follower is a table of
    rewards: r(pi) minimises L = -sum_ij pi_i pi_j P_ij log sigmoid(r_i - r_j) + ridge / 2 |r|^2,
    Bradley-Terry on pairs drawn from the policy itself. The leader ascends J(pi, r(pi)), with
    J = pi . r - tau KL(pi | ref). With e_ij = sigmoid(r_i - r_j) - P_ij, H the Hessian of L in r
    and v = H^{-1} pi, the nested gradient acts like the reward

        r_eff = r + steering [e (pi v) - v (e pi)].

    steering = 1 is the Stackelberg gradient; steering = 0 takes r as given (iterated RLHF), whose
    fixed points are stationary for no one objective. Where P is Bradley-Terry r hardly depends on
    pi and both reach RLHF, up to the ridge. Elsewhere J(pi, r(pi)) need not be concave, and which
    of its stationary points is reached depends on the start; large steps cycle.

    There is no ``target``, because no other solver finds a stationary point of this objective. A
    settled policy satisfies log pi = log ref + r_eff / tau + const, and ``residual`` is by how much
    that fails.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``, in reward units (log-odds).
    eta : float > 0
        Step size in reward units.
    ridge : float >= 1e-6
        Strength of the penalty on r, which makes the follower's problem strongly convex.
    steering : float in [0, 1]
        Share of the gradient through the follower that is followed.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.5
    eta: float = 0.2
    ridge: float = 0.01
    steering: float = 1.0
    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = "after STA-RLHF (CoCoMARL 2024) and arXiv:2605.04266, as described"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), np.inf))
        require(self, ridge=(1e-6, np.inf), steering=(0, 1))

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, Float]:
        """Log of the reference, and the rewards fitted to it."""
        start = np.zeros_like(game.ref)
        return game.log_ref, self.fit(game.P, game.ref, start, _FIRST_FIT)

    def step(
        self, game: PreferenceGame, state: tuple[Float, Float], rng: np.random.Generator
    ) -> tuple[Float, Float]:
        """Move the leader, then fit the follower to the new policy."""
        log_pi, r = state
        eta, tau, P = self.eta, self.tau, game.P
        pull = tau * game.log_ref + self.effective_reward(P, np.exp(log_pi), r)
        log_pi = numerics.log_softmax((1 - eta * tau) * log_pi + eta * pull)
        return log_pi, self.fit(P, np.exp(log_pi), r, _LATER_FITS)

    def effective_reward(self, P: Float, pi: Float, r: Float) -> Float:
        """r_eff, shape (..., n): the derivative of pi . r(pi) with respect to pi."""
        error, hessian = self._errors(P, pi, r)
        v = np.linalg.solve(hessian, pi[..., None])[..., 0]
        steer = numerics.win_rates(error, pi * v) - v * numerics.win_rates(error, pi)
        return np.asarray(r + self.steering * steer)

    def fit(self, P: Float, pi: Float, r: Float, steps: int) -> Float:
        """Newton steps on L from ``r``, damped by log(1 + d) / d where they spread the gaps by d.

        The damping keeps a logistic loss falling (as recalled, not re-derived) and vanishes near
        the minimum.
        """
        for _ in range(steps):
            error, hessian = self._errors(P, pi, r)
            slope = pi * numerics.win_rates(error, pi) + self.ridge * r
            change = np.linalg.solve(hessian, slope[..., None])[..., 0]
            spread = np.maximum(np.ptp(change, axis=-1, keepdims=True), 1e-6)
            r = r - change * np.log1p(spread) / spread
        return np.asarray(r)

    def _errors(self, P: Float, pi: Float, r: Float) -> tuple[Float, Float]:
        """The errors e and the Hessian of L, both (..., n, n)."""
        fitted = numerics.sigmoid(r[..., :, None] - r[..., None, :])
        curved = pi[..., :, None] * pi[..., None, :] * fitted * (1 - fitted)
        diagonal = np.eye(r.shape[-1], dtype=r.dtype)
        return fitted - P, diagonal * (curved.sum(-1) + self.ridge)[..., None] - curved

    def policy(self, state: tuple[Float, Float]) -> Float:
        """Policy of the leader, (..., n)."""
        return np.asarray(np.exp(state[0]))

    def residual(
        self, game: PreferenceGame, before: tuple[Float, Float], after: tuple[Float, Float]
    ) -> Float:
        """Largest difference of pi from ref exp(r_eff / tau) / Z, with r_eff fitted to pi."""
        pi = np.exp(after[0])
        reward = self.effective_reward(game.P, pi, after[1])
        best = np.exp(numerics.log_softmax(game.log_ref + reward / self.tau))
        return np.asarray(abs(best - pi).max(-1))
