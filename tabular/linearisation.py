"""How small deviations from the fixed point of an algorithm grow in a step of size eta.

Written out from the update rules and evaluated at the fixed point that an exact solver finds; no
step of the algorithm is taken. Deviations are of logits, in which adding a constant changes
nothing. Throughout A = P - 1/2, and D(pi) = diag pi - pi pi^T is the Jacobian of softmax.
"""

from collections.abc import Callable
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from games import PreferenceGame, measures, numerics
from games.game import Float
from solvers import Solver
from solvers.dpo import Dpo
from solvers.egpo import Egpo
from solvers.inpo import Inpo
from solvers.ipo import Ipo
from solvers.mnpo import Mnpo
from solvers.mpo import Mpo
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nash_rs import NashRs
from solvers.natural_pg import NaturalPg
from solvers.nlhf_exact import NlhfExact
from solvers.omwu import Omwu
from solvers.online_ipo_1 import OnlineIpo1
from solvers.online_ipo_2 import OnlineIpo2
from solvers.rlhf_exact import RlhfExact
from solvers.rspo import Rspo
from solvers.slhf_exact import SlhfExact
from solvers.softmax_pg import SoftmaxPg
from solvers.srpo import Srpo
from solvers.stackelberg_npg import StackelbergNpg

Complex = NDArray[np.complex128]


def spectrum(game: PreferenceGame, policy: Float) -> Complex:
    """Eigenvalues (n,) of (P - 1/2)(diag pi - pi pi^T): imaginary, the rotation at ``policy``."""
    return np.asarray(np.linalg.eigvals((game.P - 0.5) @ _spread(policy)), dtype=np.complex128)


def omega(game: PreferenceGame, policy: Float) -> float:
    """Spectral radius of (P - 1/2)(diag pi - pi pi^T), in [0, 1/2], for one context."""
    return float(abs(spectrum(game, policy)).max())


def _spread(pi: Float) -> Float:
    return np.asarray(np.diag(pi) - np.outer(pi, pi))


Factors = Callable[[float], Complex]
"""eta -> factors by which small deviations from the fixed point grow in a step."""


@singledispatch
def multipliers(solver: Solver, game: PreferenceGame) -> Factors | None:
    """The linearisation of a solver with a step size ``eta`` in one context; None if unknown.

    Registered by class below: a subclass that changes the step registers a formula of its own.
    """
    return None


def _modes(tau: float, game: PreferenceGame) -> Complex:
    return spectrum(game, NlhfExact(tau).solve(game).policy)


@multipliers.register
def _mirror_descent(solver: OnlineIpo1 | Inpo, game: PreferenceGame) -> Factors:
    modes = _modes(solver.tau, game)
    return lambda eta: 1 - eta * solver.tau + eta * modes


@multipliers.register
def _extragradient(solver: Egpo, game: PreferenceGame) -> Factors:
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


@multipliers.register
def _optimistic(solver: Omwu, game: PreferenceGame) -> Factors:
    """Base' = keep base + eta mode ahead, ahead' = keep base' + eta mode ahead."""
    modes = _modes(solver.tau, game)

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        rows = [[[keep, t], [keep**2, keep * t + t]] for t in (eta * modes).tolist()]
        return np.asarray(np.linalg.eigvals(np.array(rows)).ravel(), dtype=np.complex128)

    return factors


@multipliers.register
def _mixture(solver: NashMd, game: PreferenceGame) -> Factors | None:
    """The opponent is the mixture, which moves with eta if its weight does; None for decreasing."""
    if solver.schedule == "decreasing":
        return None

    def factors(eta: float) -> Complex:
        pull = eta * solver.tau
        mixing = pull if solver.mixing is None else solver.mixing
        opponent = game.ref
        if mixing < 1:
            opponent = NlhfExact(solver.tau / (1 - mixing)).solve(game).policy
        return np.asarray(1 - pull + eta * (1 - mixing) * spectrum(game, opponent))

    return factors


@multipliers.register
def _rejection(solver: NashRs, game: PreferenceGame) -> Factors:
    modes = _modes(solver.tau, game)
    return lambda eta: 1 - eta * solver.tau + eta * modes**2 / solver.tau


@multipliers.register
def _moving_average(solver: NashEma, game: PreferenceGame) -> Factors:
    """Theta' = keep theta + eta mode mean, mean' = (1 - rate) mean + rate theta'."""
    modes, rate = _modes(solver.tau, game), solver.rate

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        rows = [[[keep, t], [rate * keep, 1 - rate + rate * t]] for t in (eta * modes).tolist()]
        return np.asarray(np.linalg.eigvals(np.array(rows)).ravel(), dtype=np.complex128)

    return factors


@multipliers.register
def _moving_magnet(solver: Mpo, game: PreferenceGame) -> Factors:
    """Of a whole period: k steps theta' = growth theta + pull magnet, then magnet' = theta'.

    At the maximal lottery; among answers outside it deviations die out whatever eta, and they are
    left out like the constants.
    """
    lottery = NlhfExact(0.0).solve(game).policy
    modes = spectrum(game, lottery)
    modes = modes[np.argsort(abs(modes))[1 + int((lottery == 0).sum()) :]]

    def factors(eta: float) -> Complex:
        keep = 1 / (1 + eta * solver.tau)
        growth, pull = keep * (1 + eta * modes), 1 - keep
        left = growth**solver.reset_every
        return np.asarray(left + pull * (1 - left) / (1 - growth))

    return factors


@multipliers.register
def _history(solver: Mnpo, game: PreferenceGame) -> Factors:
    """Roots of z^h = sum_j (keep start_j + eta mode opponent_j) z^(h - 1 - j)."""
    modes, start = _modes(solver.tau, game), solver.weights
    opponent = start if solver.opponents == "history" else np.eye(solver.history)[0]

    def factors(eta: float) -> Complex:
        each = (1 - eta * solver.tau) * start + eta * np.multiply.outer(modes, opponent)
        return np.concatenate([np.roots([1, *-coefficients]) for coefficients in each])

    return factors


@multipliers.register
def _policy_gradient(solver: OnlineIpo2 | NashMdPg, game: PreferenceGame) -> Factors:
    """I + eta D [(1 - mixture) A D_opponent - tau I], less the mode of constants."""
    mixture = solver.mixture if isinstance(solver, NashMdPg) else 0.0
    opponent = game.ref
    if mixture < 1:
        opponent = NlhfExact(solver.tau / (1 - mixture)).solve(game).policy
    response = _spread(measures.best_response(game, opponent, solver.tau))
    pull = (1 - mixture) * (game.P - 0.5) @ _spread(opponent) - solver.tau * np.eye(game.n)
    flow: Complex = np.asarray(np.linalg.eigvals(response @ pull), dtype=np.complex128)
    flow = np.delete(flow, abs(flow).argmin())
    return lambda eta: 1 + eta * flow


@multipliers.register
def _proximal(solver: Rspo, game: PreferenceGame) -> Factors:
    """V' + eta tau slope v' = v + eta A D v - const, where v' too is orthogonal to pi.

    The slope of the divergence's derivative in the log-ratio is 2 pi / ref (chi-square), ref / pi
    (forward KL) or 1 (reverse KL). An answer that is not used leaves whatever eta.
    """
    policy, share = solver.target(game).policy, solver.forward_share
    used = policy > 0
    pi, ratio = policy[used], policy[used] / game.ref[used]
    turn = (game.P[np.ix_(used, used)] - 0.5) @ _spread(pi)
    slope = 2 * ratio if solver.divergence == "chi_square" else share / ratio + 1 - share

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


@multipliers.register
def _natural_gradient(solver: NaturalPg, game: PreferenceGame) -> Factors:
    return _descent(solver.tau * np.eye(game.n))


@multipliers.register
def _softmax_gradient(solver: SoftmaxPg, game: PreferenceGame) -> Factors:
    return _descent(solver.tau * _spread(RlhfExact(solver.tau).solve(game).policy))


@multipliers.register
def _logistic_regression(solver: Dpo, game: PreferenceGame) -> Factors:
    """Laplacian of w_ij s (1 - s), s = sigmoid(r_i - r_j), over max_i sum_j w_ij / 2."""
    weights, r = game.pair_weights, RlhfExact().rewards(game)
    wins = numerics.sigmoid(r[:, None] - r)
    return _descent(2 * _laplacian(weights * wins * (1 - wins)) / weights.sum(-1).max())


@multipliers.register
def _least_squares(solver: Ipo, game: PreferenceGame) -> Factors:
    """Laplacian of w_ij over 2 max_i sum_j w_ij."""
    weights = game.pair_weights
    return _descent(_laplacian(weights) / (2 * weights.sum(-1).max()))


def _laplacian(weights: Float) -> Float:
    return np.asarray(np.diag(weights.sum(-1)) - weights)


@multipliers.register
def _follower_gradients(solver: StackelbergNpg, game: PreferenceGame) -> Factors:
    """At the fixed point neither player's deviation moves the other's gradient to first order."""
    solution = SlhfExact(solver.tau_leader, solver.tau_follower).solve(game)
    pi, rows = solution.policy, solution.follower
    assert rows is not None  # every SLHF answer has one
    leader, follower = _spread(pi), [p * _spread(row) for p, row in zip(pi, rows, strict=True)]
    if solver.gradient == "natural":
        leader, follower = np.eye(game.n), [np.eye(game.n)] * game.n
    blocks = [solver.kappa * solver.tau_follower * block for block in follower]
    return _descent(linalg.block_diag(solver.tau_leader * leader, *blocks))


@multipliers.register
def _self_improvement(solver: Srpo, game: PreferenceGame) -> Factors:
    """Both losses vanish at the fixed point: the Hessian is that of Gauss and Newton.

    Over tau it is the sum over i, j of w_ij / (2 max_i sum_j w_ij) times (1 - alpha) a a^T +
    alpha / 4 b b^T, with a and b the derivatives of u_ij - u_ii and u_ij - u_ji + l_j - l_i.
    """
    n = game.n
    ours = SlhfExact(solver.tau, solver.tau).solve(game)
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
