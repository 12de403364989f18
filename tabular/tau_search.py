"""The largest tau at which a distance reaches a level, in every context; and solvers of one tau."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root

from games import PreferenceGame
from games.game import Float
from solvers import Certificate, Solution, Solver

GRID = 4.0 ** np.arange(4, -8, -1)
"""The tau's among which the search begins: from 256, quartered down to 2^-14."""

_TOLERANCES: Any = {"xatol": 1e-14, "fatol": 1e-12}
_LEAST = 1e-300


def largest_tau(
    distance: Callable[[Float], Float], kl: float, batch: tuple[int, ...]
) -> tuple[Float, Float]:
    """The largest tau's at which the KL's reach ``kl``, NaN if out of reach.

    Parameters
    ----------
    distance : callable
        The KL's (...) as a function of tau (...).
    kl : float > 0
    batch : shape (...)

    Returns
    -------
    tuple of float array (...) and float array (...)
        The tau's, and the largest KL's on the grid down to them.
    """
    tau = np.full(batch, GRID[0])
    largest = distance(tau)
    for below in GRID[1:]:
        reached = largest >= kl
        if np.all(reached):
            break
        tau = np.where(reached, tau, below)
        largest = np.fmax(largest, distance(tau))

    def excess(log_tau: Float, /, contexts: NDArray[np.int64]) -> Float:
        tau.flat[contexts] = np.exp(log_tau)
        return np.log(np.maximum(distance(tau).flat[contexts], _LEAST) / kl)

    low = np.log(tau.ravel())
    root = find_root(
        excess, (low, low + np.log(4)), args=(np.arange(tau.size),), tolerances=_TOLERANCES
    )
    # NaN where the ends of the bracket are both farther, or both nearer, than kl
    return np.exp(root.x).reshape(batch), largest


def log_policies(
    at_tau: Callable[[float], Solver], game: PreferenceGame, rng: np.random.Generator | None
) -> Callable[[Float], Float]:
    """The log-policy (..., n) as a function of tau (...), for solvers of one tau.

    Contexts of equal tau are solved together, and those whose tau has not changed not again.
    """
    log_policy, last = np.empty((*game.batch, game.n)), np.full(game.batch, np.nan)

    def solve(tau: Float) -> Float:
        for weight in np.unique(tau[tau != last]):
            now = np.asarray((tau == weight) & (tau != last))
            log_policy[now] = at_tau(float(weight)).solve(game.at(now), rng).log_policy
        last[...] = tau
        return log_policy

    return solve


def solutions(
    at_tau: Callable[[float], Solver],
    game: PreferenceGame,
    tau: Float,
    rng: np.random.Generator | None,
) -> Solution:
    """The solutions of single contexts, each at its tau, as the solution of the whole game."""
    contexts = [game.at(index) for index in np.ndindex(game.batch)] if game.batch else [game]
    parts = [
        at_tau(float(weight)).solve(context, rng)
        for weight, context in zip(tau.flat, contexts, strict=True)
    ]
    shape, first = (*game.batch, game.n), parts[0]
    certificate = Certificate(
        first.certificate.condition,
        np.reshape([p.certificate.residual for p in parts], game.batch),
        np.reshape([p.certificate.tolerance for p in parts], game.batch),
    )
    rows = [p.follower for p in parts if p.follower is not None]
    return Solution(
        np.reshape([p.log_policy for p in parts], shape),
        certificate,
        np.reshape(rows, (*shape, game.n)) if rows else None,
        np.reshape([p.status for p in parts], game.batch),
        message=np.reshape([p.message for p in parts], game.batch),
    )
