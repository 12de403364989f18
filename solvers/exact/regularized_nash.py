"""Newton's method with continuation in tau for log pi = log ref + P pi / tau + const."""

import numpy as np
from numpy.typing import NDArray

from games import numerics
from games.game import Float

_FIRST_TAU = 1.0
_FIRST_JUMP = 2.0
_STAGE_TOL = 1e-2
_MAX_STEPS = 2_000


def regularized_nash(
    P: Float, log_ref: Float, tau: float | Float, start: tuple[Float, Float] | None = None
) -> tuple[Float, NDArray[np.int64]]:
    """Log-policies of the regularised equilibria of many games, and the Newton steps they took.

    Each game follows its own path in log tau, from large tau, where the answer is near ``ref``,
    or from an answer that is known: a stage is solved by damped Newton steps with Jacobian
    I - P D / tau, D = diag(pi) - pi pi^T (never singular, because P - 1/2 is skew); a stage that
    stalls is retried with half the jump in log tau. A game leaves when its residual no longer
    falls.

    Parameters
    ----------
    P : float array (games, n, n)
    log_ref : float array (games, n)
    tau : float > 0, or array (games,)
    start : tuple of float array (games, n) and float array (games,), optional
        Log-policies of the equilibria at other tau's, and these tau's.

    Returns
    -------
    float array (games, n)
        Check the residual: a hard game may not have converged.
    int array (games,)
        Linear systems solved, those of steps that were rejected included.
    """
    games, n = log_ref.shape
    done, steps = np.empty((games, n)), np.zeros(games, dtype=np.int64)
    index = np.arange(games)
    goal: Float = np.broadcast_to(np.asarray(tau, dtype=float), games).copy()
    jump = np.full(games, _FIRST_JUMP)
    if start is None:
        solved, solved_tau = log_ref.copy(), 10 * np.maximum(goal, _FIRST_TAU)
        now = np.maximum(goal, _FIRST_TAU)
    else:
        solved, solved_tau = start[0].copy(), start[1].copy()
        now = _toward(goal, solved_tau, jump)
    theta = solved.copy()
    for _ in range(_MAX_STEPS):
        off = _residual(P, log_ref, now, theta)
        size = abs(off).max(-1)
        moved, smaller = _newton_step(P, log_ref, now, theta, off, size)
        steps[index] += 1
        last = now == goal
        stage_over = ~last & ((size <= _STAGE_TOL) | (smaller & (size <= 10 * _STAGE_TOL)))
        finished = last & ~smaller & (size <= 1e-6)
        failed = ~smaller & ~stage_over & ~finished
        theta = np.where(smaller[:, None], moved, theta)

        solved[stage_over], solved_tau[stage_over] = theta[stage_over], now[stage_over]
        jump = np.where(stage_over, 1.5 * jump, np.where(failed, 0.5 * jump, jump))
        now = np.where(stage_over | failed, _toward(goal, solved_tau, jump), now)
        theta = np.where(failed[:, None], solved, theta)

        ended = finished | (jump < 1e-6)
        done[index[ended]] = theta[ended]
        if ended.any():
            rest = ~ended
            P, log_ref, index, theta = P[rest], log_ref[rest], index[rest], theta[rest]
            goal = goal[rest]
            solved, solved_tau, now, jump = solved[rest], solved_tau[rest], now[rest], jump[rest]
        if index.size == 0:
            return done, steps
    done[index] = theta
    return done, steps


def _toward(tau: Float, solved_tau: Float, jump: Float) -> Float:
    """``tau``, or where it is farther than that a jump in log tau from ``solved_tau``."""
    return np.clip(tau, solved_tau * np.exp(-jump), solved_tau * np.exp(jump))


def _residual(P: Float, log_ref: Float, tau: Float, theta: Float) -> Float:
    """Log pi - log ref - P pi / tau, less its mid-range, for each game."""
    off = theta - log_ref - numerics.win_rates(P, np.exp(theta)) / tau[:, None]
    return np.asarray(off - (off.max(-1, keepdims=True) + off.min(-1, keepdims=True)) / 2)


def _newton_step(
    P: Float, log_ref: Float, tau: Float, theta: Float, off: Float, size: Float
) -> tuple[Float, NDArray[np.bool_]]:
    """The longest step of 1, 1/2, ..., 1/64 that shrinks the residual, and whether one does."""
    pi = np.exp(theta)
    rates = numerics.win_rates(P, pi)
    jacobian = (rates[:, :, None] - P) * (pi / tau[:, None])[:, None, :]
    diagonal = np.arange(P.shape[-1])
    jacobian[:, diagonal, diagonal] += 1
    step = -np.linalg.solve(jacobian, off[..., None])[..., 0]
    moved = theta.copy()
    smaller = np.zeros(len(theta), dtype=bool)
    length = 1.0
    while length > 1 / 100 and not smaller.all():
        trial = numerics.log_softmax(theta + length * step)
        better = abs(_residual(P, log_ref, tau, trial)).max(-1) < (1 - length / 8) * size
        take = better & ~smaller
        moved[take] = trial[take]
        smaller |= better
        length /= 2
    return moved, smaller
