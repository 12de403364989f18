"""The maximal lotteries of many games in one batch, where they are unique."""

import numpy as np
from numpy.typing import NDArray

from games import numerics
from games.game import Float
from solvers.exact.maximal_lottery import scaled_margins

_LARGEST = 64
_CLEAR = 1e-6
_ROUNDING = 1e-12
_SINGULAR = 1e-3
_PIVOT = 1e-9


def unique_lotteries(P: Float) -> tuple[Float, NDArray[np.bool_]]:
    """The kernel of A = P - 1/2 on a support S, in the games where that is the only lottery.

    S comes from a batched simplex method, which may fail; nothing rests on it. A policy p is
    accepted if p > 0 on S and 0 outside, A p = 0 on S, A p < 0 outside, and the kernel of A_SS has
    one dimension. Then p is the only maximal lottery: A is skew, so for any lottery q, A q <= 0,

        0 >= p' A q = -q' A p = -sum over i not in S of q_i (A p)_i >= 0,

    and both ends are 0. On the right, (A p)_i < 0 leaves q_i = 0 outside S. On the left, p > 0 on S
    and A q <= 0 leave (A q)_i = 0 on S, that is A_SS q_S = 0. So q is a multiple of p; both sum
    to 1. The reference has no say, and no projection is needed.

    Conversely, a unique lottery passes: some lottery is strictly complementary (Goldman and Tucker
    1956, recalled, not checked), and a second dimension of the kernel would give more lotteries.
    But each inequality must hold by far more than rounding, with A scaled to a largest entry of 1,
    so that near-ties are left out too.

    Parameters
    ----------
    P : float array (games, n, n)

    Returns
    -------
    float array (games, n)
        The lotteries where they are accepted; elsewhere without meaning.
    bool array (games,)
        Where they are accepted: nowhere above 64 answers.
    """
    n = P.shape[-1]
    if n > _LARGEST:
        return np.zeros(P.shape[:-1]), np.zeros(len(P), dtype=bool)
    margins = scaled_margins(P)
    support = _supports(margins)
    inner = support[:, :, None] & support[:, None, :]
    # the identity outside gives one shape to all supports, and adds no small singular value
    _, sizes, basis = np.linalg.svd(np.where(inner, margins, np.eye(n)))
    kernel = np.where(support, basis[:, -1], 0.0)
    total = kernel.sum(-1, keepdims=True)
    policy = kernel / np.where(abs(total) > _CLEAR, total, 1.0)
    rates = numerics.win_rates(margins, policy)
    on_support = (policy > _CLEAR) & (abs(rates) < _ROUNDING)
    accepted = np.where(support, on_support, rates < -_CLEAR).all(-1)
    return policy, accepted & (sizes[:, -2:-1] > _SINGULAR).all(-1)


def _supports(margins: Float) -> NDArray[np.bool_]:
    """Supports of maximal lotteries, by the simplex method; wrong ones where it does not end.

    Maximise sum x subject to (margins + 2) x <= 1, x >= 0, from x = 0 on: the lottery is x over its
    sum. The tableau (Tucker's) has the basic variables as rows; 0, ..., n - 1 are x, the others
    slacks. Ties may make it cycle: the number of pivots is limited.
    """
    games, n, _ = margins.shape
    tableau = np.empty((games, n + 1, n + 1))
    tableau[:, :n, :n] = margins + 2
    tableau[:, :n, n], tableau[:, n, :n], tableau[:, n, n] = 1, -1, 0
    basic, other = np.tile(np.arange(n, 2 * n), (games, 1)), np.tile(np.arange(n), (games, 1))
    going = np.arange(games)
    for _ in range(10 * n):
        enter = tableau[going, n, :n].argmin(-1)
        column = tableau[going, :, enter]
        rises = column[:, :n] > _PIVOT
        improves = (column[:, n] < -_PIVOT) & rises.any(-1)
        going, enter = going[improves], enter[improves]
        column, rises = column[improves], rises[improves]
        if going.size == 0:
            break
        now, every = tableau[going], np.arange(going.size)
        bounds = np.where(rises, now[:, :n, n] / np.where(rises, column[:, :n], 1), np.inf)
        leave = bounds.argmin(-1)
        pivot = column[every, leave, None]
        row = now[every, leave] / pivot
        now -= column[:, :, None] * row[:, None, :]
        now[every, :, enter] = -column / pivot
        now[every, leave] = row
        now[every, leave, enter] = 1 / pivot[:, 0]
        tableau[going] = now
        entering = other[going, enter]
        basic[going, leave], other[going, enter] = entering, basic[going, leave]
    support = np.zeros((games, 2 * n), dtype=bool)
    np.put_along_axis(support, basic, True, axis=-1)
    return support[:, :n]
