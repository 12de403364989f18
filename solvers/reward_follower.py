"""The reward model as the follower: a policy that foresees how the reward will be fitted to it.

After the general description of STA-RLHF (CoCoMARL workshop, 2024) and of foresighted preference
optimisation (2026, arXiv:2605.04266). Its penalties are those of its public code (GauthierE/fpo
1059d7e: simulations/linear, llm/fpo.py); the papers were not checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from games import numerics
from games.errors import GameError, SolverError
from games.game import Float, PreferenceGame
from games.validation import numbers
from solvers.iterative import IterativeSolver
from solvers.linear_reward import errors, fit_weights
from solvers.solver import Concept, Open, require

Penalty = Literal["exact", "relaxed", "practical"]
State = tuple[Float, Float]
"""Log of the policy (..., n), and the weights of the reward model (..., d)."""

_FIRST_FIT = 100
_LATER_FITS = 3


@dataclass(frozen=True)
class RewardFollower(IterativeSolver):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta r_eff + const, r refitted each step.

    The follower is a reward model r = X w: w(pi) minimises L = -sum_ij pi_i pi_j P_ij log
    sigmoid(r_i - r_j) + ridge / 2 |w|^2, Bradley-Terry on pairs drawn from the policy itself. X is
    the identity, a table of rewards, unless ``features`` are given. The leader ascends
    J(pi, r(pi)), with J = pi . r - tau KL(pi | ref). With e_ij = sigmoid(r_i - r_j) - P_ij, H the
    Hessian of L in w and u = X H^{-1} X^T pi, the nested gradient acts like the reward

        r_eff = r + steering [e (pi u) - u (e pi)]                          (exact)
        r_eff_i = r_i - steering sum_y ref_y (x_i . x_i - x_i . x_y) e_iy   (relaxed)
        r_eff_i = r_i - steering sum_y ref_y (x_i . x_i - x_i . x_y)        (practical)

    steering = 1 of the exact form is the Stackelberg gradient; steering = 0 takes r as given
    (iterated RLHF), whose fixed points are stationary for no one objective. Relaxed is the reward
    that i would have after one gradient step of size ``steering`` on a comparison of i with an
    answer of ``ref``; practical puts 1 in the place of the overconfidence e_iy. (The public code
    draws one y, and fits r to such comparisons with ``ref`` instead of pairs from the policy.)

    Where P is Bradley-Terry a table r hardly depends on pi, and both reach RLHF, up to the ridge.
    Elsewhere J(pi, r(pi)) need not be concave, and which of its stationary points is reached
    depends on the start; large steps cycle. A table has no blind spots: what foresight is about
    needs features that answers share, so that what is learnt on some moves the reward of others. In
    a table x_i . x_y is 0, and the practical penalty, steering (1 - ref_i), sees no preference.

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
        Strength of the penalty on w, which makes the follower's problem strongly convex.
    steering : float in [0, 1]; >= 0 for the other penalties
        Share of the gradient through the follower that is followed, or weight of the penalty.
    penalty : "exact", "relaxed" or "practical"
        How the follower's next fit is foreseen.
    features : n rows of d numbers, or None for the identity
        Shared features of the answers, in their order.

    Raises
    ------
    SolverError
        If a parameter is out of range, or there is not one row of features for each answer.
    """

    tau: float = 0.5
    eta: float = 0.2
    ridge: float = 0.01
    steering: float = 1.0
    penalty: Penalty = "exact"
    features: Sequence[Sequence[float]] | None = None
    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = "after STA-RLHF (CoCoMARL 2024) and arXiv:2605.04266, as described"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), np.inf))
        if self.penalty not in get_args(Penalty):
            raise SolverError(
                f"RewardFollower: penalty is {self.penalty!r}, expected one of "
                f"{', '.join(get_args(Penalty))}"
            )
        most = 1.0 if self.penalty == "exact" else np.inf
        require(self, ridge=(1e-6, np.inf), steering=(0, most))
        if self.features is not None:
            object.__setattr__(self, "features", _rows(self.features))

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> State:
        """Log of the reference, and the weights fitted to it."""
        if self.features is not None and len(self.features) != game.n:
            raise SolverError(
                f"RewardFollower: features has {len(self.features)} rows, expected one for each of "
                f"{game.n} answers"
            )
        d = self._matrix(game.ref).shape[-1]
        start = np.zeros((*game.batch, d), dtype=game.ref.dtype)
        return game.log_ref, self.fit(game.P, game.ref, start, _FIRST_FIT)

    def step(self, game: PreferenceGame, state: State, rng: np.random.Generator) -> State:
        """Move the leader, then fit the follower to the new policy."""
        log_pi, w = state
        eta, tau, P = self.eta, self.tau, game.P
        pull = tau * game.log_ref + self.effective_reward(P, game.ref, np.exp(log_pi), w)
        log_pi = numerics.log_softmax((1 - eta * tau) * log_pi + eta * pull)
        return log_pi, self.fit(P, np.exp(log_pi), w, _LATER_FITS)

    def effective_reward(self, P: Float, ref: Float, pi: Float, w: Float) -> Float:
        """r_eff, shape (..., n): exact, the derivative of pi . r(pi) with respect to pi."""
        X = self._matrix(pi)
        r = w @ X.T
        error, hessian = errors(P, pi, w, X, self.ridge)
        if self.penalty == "exact":
            v = np.linalg.solve(hessian, (pi @ X)[..., None])[..., 0]
            u = v @ X.T
            steer = numerics.win_rates(error, pi * u) - u * numerics.win_rates(error, pi)
            return np.asarray(r + self.steering * steer)
        shared = X @ X.T
        influence = np.diagonal(shared)[:, None] - shared
        if self.penalty == "relaxed":
            influence = influence * error
        return np.asarray(r - self.steering * numerics.win_rates(influence, ref))

    def fit(self, P: Float, pi: Float, w: Float, steps: int) -> Float:
        """Newton steps on L from the weights ``w``."""
        return fit_weights(P, pi, w, self._matrix(pi), self.ridge, steps)

    def _matrix(self, like: Float) -> Float:
        """X (n, d), in the float type of ``like``."""
        if self.features is None:
            return np.eye(like.shape[-1], dtype=like.dtype)
        return np.array(self.features, dtype=like.dtype)

    def policy(self, state: State) -> Float:
        """Policy of the leader, (..., n)."""
        return np.asarray(np.exp(state[0]))

    def residual(self, game: PreferenceGame, before: State, after: State) -> Float:
        """Largest difference of pi from ref exp(r_eff / tau) / Z, with r_eff fitted to pi."""
        pi = np.exp(after[0])
        reward = self.effective_reward(game.P, game.ref, pi, after[1])
        best = np.exp(numerics.log_softmax(game.log_ref + reward / self.tau))
        return np.asarray(abs(best - pi).max(-1))


def _rows(features: object) -> tuple[tuple[float, ...], ...]:
    """The features as tuples of floats; a SolverError unless they are a table of numbers."""
    try:
        table = numbers("RewardFollower", "features", features, None, None)
    except GameError as error:
        raise SolverError(
            f"{error}: equally many finite numbers, at least one, for each answer"
        ) from None
    return tuple(tuple(row) for row in table.tolist())
