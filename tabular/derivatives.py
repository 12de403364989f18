"""How an exact answer moves with the preferences: derivatives in closed form.

Obtained by differentiating the optimality conditions of the three concepts; checked against finite
differences of the solvers. D = diag pi - pi pi^T is the Jacobian of softmax, h = log pi - log ref.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from games import PreferenceGame, measures, numerics
from games.game import TIE_TOL, Float
from solvers import Solution, Solver
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from solvers.solver import Reasons
from tabular.matching import MatchedKl

_SUPPORT = 1e-9


@dataclass(frozen=True)
class Derivative:
    """First-order response of a policy; NaN in the contexts in which it has none.

    Attributes
    ----------
    by_P : float array (..., n, n, n)
        ``by_P[k, i, j]``: change of pi_k per unit of dP_ij = -dP_ji; antisymmetric in i and j.
    by_weight : float array (..., n, n, n)
        ``by_weight[k, i, j]``: the same for the weight w_ij of a pair in the Bradley-Terry fit,
        with weights that sum to 1 over pairs; 0 for concepts that do not read weights.
    message : str array (...)
        Why there is no derivative, for each context; "" where there is one.
    """

    by_P: Float
    by_weight: Float
    message: Reasons

    def change(self, dP: ArrayLike, dw: ArrayLike | None = None) -> Float:
        """First-order change of the policy (..., n) for changes of P and of the pair weights.

        Parameters
        ----------
        dP : float array (..., n, n), antisymmetric
        dw : float array (..., n, n), symmetric; 0 if left out
            Change of the weights, which sum to 1 over pairs before and after.
        """
        moved = self.by_P * np.asarray(dP)[..., None, :, :]
        if dw is not None:
            moved = moved + self.by_weight * np.asarray(dw)[..., None, :, :]
        return np.asarray(moved.sum((-1, -2)) / 2)


def derivative(
    solver: Solver, game: PreferenceGame, solution: Solution | None = None
) -> Derivative:
    """The derivative of an exact answer in P and in the pair weights, in every context.

    RLHF: D L^+ w_ij (e_i - e_j) / tau with L the Laplacian of w s (1 - s), s = sigmoid(r_i - r_j).
    NLHF: (I - D P / tau)^-1 D (pi_j e_i - pi_i e_j) / tau. SLHF: D (f(j|i) e_i - f(i|j) e_j) /
    tau_leader, f the follower. At a fixed KL to the reference (``MatchedKl``) tau responds too:
    the part of the response that would change the KL is taken out along d pi / d tau.

    At tau = 0 RLHF and SLHF are piecewise constant: 0, and no derivative at a tie. The maximal
    lottery moves with the pairs of its support only, and has a derivative where it is unique and
    every other answer is strictly worse.

    Parameters
    ----------
    solver : Solver
        An exact solver of one of the three concepts, or ``MatchedKl`` of one.
    game : PreferenceGame
    solution : Solution, optional
        The solver's answer to the game; solved for if left out.
    """
    answer = solver.solve(game) if solution is None else solution
    reason = _unsupported(solver)
    if reason or np.all(answer.message != ""):
        nothing = np.full((*game.batch, game.n, game.n, game.n), np.nan)
        return Derivative(
            nothing, nothing, np.full(game.batch, reason) if reason else answer.message
        )
    matched = isinstance(solver, MatchedKl)
    exact = solver.at_tau(1.0) if isinstance(solver, MatchedKl) else solver
    tau = answer.tau if matched else getattr(exact, "tau_leader", getattr(exact, "tau", 0.0))
    tau = np.broadcast_to(np.asarray(tau, dtype=np.float64), game.batch)
    follows = matched and "tau_follower" not in getattr(solver, "params", {})
    by_P, by_weight, by_tau, why = _response(exact, game, answer, tau, follows)
    if matched:
        by_P, by_weight = (_at_equal_kl(part, by_tau, game, answer) for part in (by_P, by_weight))
    message = np.where(answer.message != "", answer.message, why)
    missing = (message != "")[..., None, None, None]
    return Derivative(
        np.where(missing, np.nan, by_P), np.where(missing, np.nan, by_weight), message
    )


def _unsupported(solver: Solver) -> str:
    kind = solver.solver if isinstance(solver, MatchedKl) else type(solver)
    params = solver.params if isinstance(solver, MatchedKl) else vars(solver)
    exact = issubclass(kind, RlhfExact | NlhfExact | SlhfExact)
    fixed = isinstance(solver, MatchedKl) and "tau_leader" in params
    if exact and not fixed and params.get("payoff", "raw") == "raw":
        return ""
    return (
        f"{kind.__name__}: no closed form of its derivative; use rlhf_exact, slhf_exact (where a "
        "KL is matched, with tau_leader free), or nlhf_exact with the raw payoff"
    )


def _response(
    solver: Solver, game: PreferenceGame, answer: Solution, tau: Float, follows: bool
) -> tuple[Float, Float, Float, Reasons]:
    """By P, by pair weight, by tau, and why they do not exist; tau_follower may follow tau."""
    if isinstance(solver, RlhfExact):
        return _rlhf(solver, game, answer, tau)
    if isinstance(solver, NlhfExact):
        return _nlhf(solver, game, answer, tau)
    assert isinstance(solver, SlhfExact)
    return _slhf(solver, game, answer, tau, follows)


def _softmax_jacobian(answer: Solution) -> Float:
    pi = answer.policy
    return np.asarray(pi[..., None] * np.eye(pi.shape[-1]) - pi[..., :, None] * pi[..., None, :])


def _tilt(game: PreferenceGame, answer: Solution) -> Float:
    """Log pi - log ref; 0 where pi is 0."""
    return np.where(answer.policy > 0, answer.log_policy - game.log_ref, 0.0)


def _between(columns: Float, weights: Float) -> Float:
    """columns[k, i] weights[i, j] - columns[k, j] weights[j, i], shape (..., n, n, n)."""
    forward = columns[..., :, :, None] * weights[..., None, :, :]
    return np.asarray(forward - np.swapaxes(forward, -1, -2))


def _at_equal_kl(part: Float, by_tau: Float, game: PreferenceGame, answer: Solution) -> Float:
    h = _tilt(game, answer)
    ratio = np.einsum("...k,...kij->...ij", h, part) / (h * by_tau).sum(-1)[..., None, None]
    return np.asarray(part - by_tau[..., :, None, None] * ratio[..., None, :, :])


def _constant(game: PreferenceGame) -> Float:
    return np.zeros((*game.batch, game.n, game.n, game.n))


def _rlhf(
    solver: RlhfExact, game: PreferenceGame, answer: Solution, tau: Float
) -> tuple[Float, Float, Float, Reasons]:
    n, r, nothing = game.n, solver.rewards(game), _constant(game)
    if solver.tau == 0:
        return nothing, nothing, nothing[..., 0, 0], _ties(r, "two rewards")
    w = game.pair_weights / (game.pair_weights.sum((-1, -2), keepdims=True) / 2)
    s = numerics.sigmoid(r[..., :, None] - r[..., None, :])
    curvature = w * s * (1 - s)
    laplacian = curvature.sum(-1)[..., None] * np.eye(n) - curvature + solver.ridge * np.eye(n)
    finite = np.where(np.isfinite(laplacian).all((-1, -2))[..., None, None], laplacian, np.eye(n))
    D = _softmax_jacobian(answer) / tau[..., None, None]
    columns = D @ np.linalg.pinv(finite, hermitian=True)
    misfit = game.P - s  # antisymmetric: the two ends of a pair move apart
    pushed = columns[..., :, :, None] * misfit[..., None, :, :]
    by_weight = pushed + np.swapaxes(pushed, -1, -2)
    by_tau = -(D @ _tilt(game, answer)[..., None])[..., 0]
    return _between(columns, w), by_weight, by_tau, np.full(game.batch, "")


def _nlhf(
    solver: NlhfExact, game: PreferenceGame, answer: Solution, tau: Float
) -> tuple[Float, Float, Float, Reasons]:
    nothing = _constant(game)
    if solver.tau == 0:
        by_P, why = _lottery(game, answer.policy)
        return by_P, nothing, nothing[..., 0, 0], why
    D = _softmax_jacobian(answer) / tau[..., None, None]
    feedback = np.where(np.isfinite(D), np.eye(game.n) - D @ game.P, np.eye(game.n))
    columns = np.asarray(np.linalg.solve(feedback, D), dtype=np.float64)
    by_tau = -(columns @ _tilt(game, answer)[..., None])[..., 0]
    return _between(columns, answer.policy[..., None, :]), nothing, by_tau, np.full(game.batch, "")


def _lottery(game: PreferenceGame, policy: Float) -> tuple[Float, Reasons]:
    """Derivative of the maximal lottery p: A dp = -dA p and sum dp = 0 on its support."""
    n = game.n
    by_P, why = _constant(game), np.full(game.batch, "", dtype=object)
    for index in np.ndindex(game.batch):
        p, margins = policy[index], game.P[index] - 0.5
        support = np.flatnonzero(p > _SUPPORT)
        outside = np.flatnonzero(~(p > _SUPPORT))
        inner = np.vstack([margins[np.ix_(support, support)], np.ones(len(support))])
        strict = bool((margins[outside] @ p < -_SUPPORT).all())
        if not strict or np.linalg.matrix_rank(inner) < len(support):
            why[index] = (
                "the maximal lottery has no derivative: it is not unique, or an answer outside "
                "its support does as well"
            )
            continue
        columns = np.zeros((n, n))
        columns[np.ix_(support, support)] = -np.linalg.pinv(inner)[:, :-1]
        by_P[index] = _between(columns, p[None, :])
    return by_P, np.asarray(why).astype(np.str_)


def _slhf(
    solver: SlhfExact, game: PreferenceGame, answer: Solution, tau: Float, follows: bool
) -> tuple[Float, Float, Float, Reasons]:
    nothing, follower = _constant(game), answer.follower
    assert follower is not None  # None only in games whose derivative would not fit into memory
    if solver.tau_leader == 0:
        values = measures.follower_values(game, solver.tau_follower)
        return nothing, nothing, nothing[..., 0, 0], _ties(values, "two answers of the leader")
    why = np.full(game.batch, "")
    if solver.tau_follower == 0:
        least = game.P.min(-1, keepdims=True)
        ties = ((game.P - least <= TIE_TOL).sum(-1) > 1).any(-1)
        why = np.where(ties, "no derivative: two replies of the follower tie at tau = 0", "")
    D = _softmax_jacobian(answer) / tau[..., None, None]
    tilt = _tilt(game, answer)
    if follows:  # dV(y) / d tau_follower = KL(follower(. | y) | ref_follower(. | y))
        tilt = tilt - numerics.kl(numerics.log(follower), game.log_ref_follower(slice(None)))
    by_tau = -(D @ tilt[..., None])[..., 0]
    return _between(D, follower), nothing, by_tau, why


def _ties(values: Float, what: str) -> Reasons:
    best = values >= values.max(-1, keepdims=True) - TIE_TOL
    return np.where(best.sum(-1) > 1, f"no derivative: {what} tie at tau = 0", "")
