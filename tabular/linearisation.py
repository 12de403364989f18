"""How small deviations from the fixed point of an algorithm grow in a step of size eta.

Written out from the update rules and evaluated at the fixed point that an exact solver finds; no
step of the algorithm is taken. Deviations are of logits, in which adding a constant changes
nothing. Throughout A = P - 1/2, and D(pi) = diag pi - pi pi^T is the Jacobian of softmax.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from games import PreferenceGame, measures, numerics
from games.game import Float
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact

Complex = NDArray[np.complex128]


def spectrum(game: PreferenceGame, policy: Float) -> Complex:
    """Eigenvalues (n,) of (P - 1/2)(diag pi - pi pi^T), the game's turning at ``policy``."""
    return np.asarray(np.linalg.eigvals((game.P - 0.5) @ _spread(policy)), dtype=np.complex128)


def omega(game: PreferenceGame, policy: Float) -> float:
    """Spectral radius of (P - 1/2)(diag pi - pi pi^T), in [0, 1/2], for one context."""
    return float(abs(spectrum(game, policy)).max())


def _spread(pi: Float) -> Float:
    return np.asarray(np.diag(pi) - np.outer(pi, pi))


Factors = Callable[[float], Complex]
"""eta -> factors by which small deviations from the fixed point grow in a step."""


def _modes(solver: Any, game: PreferenceGame) -> Complex:
    return spectrum(game, NlhfExact(solver.tau).solve(game).policy)


def _mirror_descent(solver: Any, game: PreferenceGame) -> Factors:
    modes = _modes(solver, game)
    return lambda eta: 1 - eta * solver.tau + eta * modes


def _extragradient(solver: Any, game: PreferenceGame) -> Factors:
    """Ahead = theta + eta N (A D - tau) theta, theta' = theta + eta N (A D ahead - tau theta).

    N = n (diag nu - nu nu^T) with nu the distribution of the pairs; the mode of constants is taken
    out.
    """
    n, pi = game.n, NlhfExact(solver.tau).solve(game).policy
    nu = {"uniform": np.full(n, 1 / n), "reference": game.ref, "policy": pi}[solver.pairs]
    pairs, unit = n * _spread(nu), np.eye(n)
    turn, pull = pairs @ (game.P - 0.5) @ _spread(pi), solver.tau * pairs

    def factors(eta: float) -> Complex:
        ahead = unit + eta * (turn - pull)
        jacobian = unit + eta * (turn @ ahead - pull)
        return np.asarray(np.linalg.eigvals(jacobian - 1 / n), dtype=np.complex128)

    return factors


def _optimistic(solver: Any, game: PreferenceGame) -> Factors:
    """Base' = keep base + eta mode ahead, ahead' = keep base' + eta mode ahead."""
    modes = _modes(solver, game)

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        rows = [[[keep, t], [keep**2, keep * t + t]] for t in (eta * modes).tolist()]
        return np.asarray(np.linalg.eigvals(np.array(rows)).ravel(), dtype=np.complex128)

    return factors


def _mixture(solver: Any, game: PreferenceGame) -> Factors:
    """The opponent is the mixture, whose fixed point moves with eta."""

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        mixture = NlhfExact(solver.tau / keep).solve(game).policy
        return np.asarray(keep * (1 + eta * spectrum(game, mixture)))

    return factors


def _rejection(solver: Any, game: PreferenceGame) -> Factors:
    modes = _modes(solver, game)
    return lambda eta: 1 - eta * solver.tau + eta * modes**2 / solver.tau


def _moving_average(solver: Any, game: PreferenceGame) -> Factors:
    """Theta' = keep theta + eta mode mean, mean' = (1 - rate) mean + rate theta'."""
    modes, rate = _modes(solver, game), solver.rate

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        rows = [[[keep, t], [rate * keep, 1 - rate + rate * t]] for t in (eta * modes).tolist()]
        return np.asarray(np.linalg.eigvals(np.array(rows)).ravel(), dtype=np.complex128)

    return factors


def _moving_magnet(solver: Any, game: PreferenceGame) -> Factors:
    """Of a whole period: k steps theta' = own theta + pull magnet, then magnet' = theta'.

    At the maximal lottery; among answers outside it deviations die out whatever eta, and they are
    left out like the constants.
    """
    lottery = NlhfExact(0.0).solve(game).policy
    modes = spectrum(game, lottery)
    modes = modes[np.argsort(abs(modes))[1 + int((lottery == 0).sum()) :]]

    def factors(eta: float) -> Complex:
        keep = 1 / (1 + eta * solver.tau)
        own, pull = keep * (1 + eta * modes), 1 - keep
        left = own**solver.reset_every
        return np.asarray(left + pull * (1 - left) / (1 - own))

    return factors


def _history(solver: Any, game: PreferenceGame) -> Factors:
    """Roots of z^h = (keep + eta mode) sum_j weight_j z^(h - 1 - j)."""
    modes = _modes(solver, game)

    def factors(eta: float) -> Complex:
        own = 1 - eta * solver.tau + eta * modes
        return np.concatenate([np.roots([1, *(-f * solver.weights)]) for f in own])

    return factors


def _policy_gradient(solver: Any, game: PreferenceGame) -> Factors:
    """I + eta D [(1 - mixture) A D_opponent - tau I], less the mode of constants."""
    mixture = getattr(solver, "mixture", 0.0)
    opponent = game.ref
    if mixture < 1:
        opponent = NlhfExact(solver.tau / (1 - mixture)).solve(game).policy
    own = _spread(measures.best_response(game, opponent, solver.tau))
    pull = (1 - mixture) * (game.P - 0.5) @ _spread(opponent) - solver.tau * np.eye(game.n)
    flow: Complex = np.asarray(np.linalg.eigvals(own @ pull), dtype=np.complex128)
    flow = np.delete(flow, abs(flow).argmin())
    return lambda eta: 1 + eta * flow


def _proximal(solver: Any, game: PreferenceGame) -> Factors:
    """V' + eta tau slope v' = v + eta A D v - const, where v' too is orthogonal to pi.

    The slope of the divergence's derivative in the log-ratio is 2 pi / ref (chi-square), ref / pi
    (forward KL) or 1 (reverse KL). An answer that is not used leaves whatever eta.
    """
    policy = solver.target(game).policy
    used = policy > 0
    pi, ratio = policy[used], policy[used] / game.ref[used]
    turn = (game.P[np.ix_(used, used)] - 0.5) @ _spread(pi)
    slopes = {"chi_square": 2 * ratio, "forward_kl": 1 / ratio, "reverse_kl": np.ones_like(pi)}
    slope = slopes[solver.divergence]

    def factors(eta: float) -> Complex:
        weight = 1 / (1 + eta * solver.tau * slope)
        damp = np.diag(weight) - np.outer(weight, pi * weight) / (pi @ weight)
        jacobian = damp @ (np.eye(len(pi)) + eta * turn)
        return np.asarray(np.linalg.eigvals(jacobian), dtype=np.complex128)

    return factors


def _descent(hessian: Float) -> Factors:
    """1 - eta h, h the largest eigenvalue of the Hessian, in logits, at the minimum of a loss.

    None is negative, so the others contract wherever it does, some of them very slowly.
    """
    largest = np.linalg.eigvalsh(hessian)[-1:]
    return lambda eta: np.asarray(1 - eta * largest, dtype=np.complex128)


def _natural_gradient(solver: Any, game: PreferenceGame) -> Factors:
    return _descent(solver.tau * np.eye(game.n))


def _softmax_gradient(solver: Any, game: PreferenceGame) -> Factors:
    return _descent(solver.tau * _spread(RlhfExact(solver.tau).solve(game).policy))


def _logistic_regression(solver: Any, game: PreferenceGame) -> Factors:
    """Laplacian of w_ij s (1 - s), s = sigmoid(r_i - r_j), over max_i sum_j w_ij / 2."""
    del solver
    weights, r = game.pair_weights, RlhfExact().rewards(game)
    wins = numerics.sigmoid(r[:, None] - r)
    return _descent(2 * _laplacian(weights * wins * (1 - wins)) / weights.sum(-1).max())


def _least_squares(solver: Any, game: PreferenceGame) -> Factors:
    """Laplacian of w_ij over 2 max_i sum_j w_ij."""
    del solver
    weights = game.pair_weights
    return _descent(_laplacian(weights) / (2 * weights.sum(-1).max()))


def _laplacian(weights: Float) -> Float:
    return np.asarray(np.diag(weights.sum(-1)) - weights)


def _follower_gradients(solver: Any, game: PreferenceGame) -> Factors:
    """At the fixed point neither player's deviation moves the other's gradient to first order."""
    solution = SlhfExact(solver.tau_leader, solver.tau_follower).solve(game)
    pi, rows = solution.policy, solution.follower
    assert rows is not None  # every SLHF answer has one
    leader, follower = _spread(pi), [p * _spread(row) for p, row in zip(pi, rows, strict=True)]
    if solver.gradient == "natural":
        leader, follower = np.eye(game.n), [np.eye(game.n)] * game.n
    own = [solver.kappa * solver.tau_follower * block for block in follower]
    return _descent(linalg.block_diag(solver.tau_leader * leader, *own))


def _self_improvement(solver: Any, game: PreferenceGame) -> Factors:
    """Both losses vanish at the fixed point: the Hessian is that of Gauss and Newton.

    Over tau it is the sum over i, j of w_ij / (2 max_i sum_j w_ij) times (1 - alpha) a a^T +
    alpha / 4 b b^T, with a and b the derivatives of u_ij - u_ii and u_ij - u_ji + l_j - l_i.
    """
    n = game.n
    ours = SlhfExact(solver.tau, solver.tau).solve(PreferenceGame(game.P, game.ref))
    assert ours.follower is not None  # every SLHF answer has one
    unit = np.eye(n + n * n)
    policy, logits = unit[:n], unit[n:].reshape(n, n, -1)
    a = logits - logits[np.arange(n), np.arange(n)][:, None]
    u = logits - np.einsum("ik,ikm->im", ours.follower, logits)[:, None]
    b = u - u.swapaxes(0, 1) + policy - policy[:, None]
    shares = game.pair_weights / (2 * game.pair_weights.sum(-1).max())
    improve, generate = (1 - solver.alpha) * shares, solver.alpha / 4 * shares
    hessian = np.einsum("ij,ijm,ijk->mk", improve, a, a)
    return _descent(hessian + np.einsum("ij,ijm,ijk->mk", generate, b, b))


MULTIPLIERS: dict[str, Callable[[Any, PreferenceGame], Factors]] = {
    "OnlineIpo1": _mirror_descent,
    "Inpo": _mirror_descent,
    "Egpo": _extragradient,
    "Omwu": _optimistic,
    "NashMd": _mixture,
    "NashRs": _rejection,
    "NashEma": _moving_average,
    "Mpo": _moving_magnet,
    "Mnpo": _history,
    "OnlineIpo2": _policy_gradient,
    "NashMdPg": _policy_gradient,
    "Rspo": _proximal,
    "NaturalPg": _natural_gradient,
    "SoftmaxPg": _softmax_gradient,
    "Dpo": _logistic_regression,
    "Ipo": _least_squares,
    "StackelbergNpg": _follower_gradients,
    "Srpo": _self_improvement,
}
"""Class of a solver with a step size ``eta`` -> its linearisation."""
