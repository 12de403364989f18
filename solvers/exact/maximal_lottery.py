"""The maximal lottery nearest to the reference: a linear programme, then a KL projection."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from games import numerics
from games.errors import SolverError
from games.game import Float

Bound = tuple[float | None, float | None]

_TOL = 1e-9
_NOISE = 1e-10
_INTERIOR_POINT_ABOVE = 500


def maximal_lottery(P: Float, ref: Float) -> tuple[Float, float]:
    """Argmin KL(p | ref) over all lotteries p with P p <= 1/2.

    Complementary slackness sorts the answers: those that some maximal lottery uses, and the rest,
    which all give 0. If the former have only one lottery it is the kernel of P - 1/2 restricted to
    them; else the KL projection is found by Newton's method on its dual.

    Parameters
    ----------
    P : float array (n, n)
    ref : float array (n,), > 0

    Returns
    -------
    tuple of float array (n,) and float
        The lottery, and the KKT residual of the projection (0 where it was not needed).

    Raises
    ------
    SolverError
        If HiGHS does not report an optimum.
    """
    n = len(ref)
    margins = scaled_margins(P)
    used = _used_by_some_lottery(margins)
    inner = margins[np.ix_(used, used)]
    _, sizes, basis = np.linalg.svd(inner)
    rank = int((sizes > _TOL).sum())
    policy = np.zeros(n)
    if rank >= len(inner) - 1:
        kernel = basis[-1] / basis[-1].sum()
        policy[used] = np.clip(kernel, 0, None) / np.clip(kernel, 0, None).sum()
        return policy, 0.0
    outer = margins[np.ix_(~used, used)]
    policy[used], residual = _project(basis[:rank], outer, np.log(ref[used]))
    return policy, residual


def scaled_margins(P: Float) -> Float:
    """P - 1/2 made exactly skew, without the noise of rounding, scaled to a largest of 1."""
    margins = (P - np.swapaxes(P, -1, -2)) / 2
    margins[abs(margins) < _NOISE] = 0
    largest = abs(margins).max((-1, -2), keepdims=True)
    return np.asarray(margins / np.where(largest > 0, largest, 1.0))


def _used_by_some_lottery(margins: Float) -> NDArray[np.bool_]:
    """Mask of the answers that have positive probability in some maximal lottery."""
    n = len(margins)
    # minimise t subject to (margins p)_i <= t: the value t is 0
    rows, cost = np.hstack([margins, -np.ones((n, 1))]), np.append(np.zeros(n), 1.0)
    p = _highs(cost, rows, [(0, None)] * n + [(None, None)], n)
    used, unused = p > _TOL, margins @ p < -_TOL
    while not (used | unused).all():
        # among the lotteries, margins p <= 0, one that spreads over many undecided answers:
        # maximise the sum of their shares s <= p, each counted up to 1 / n
        undecided = ~(used | unused)
        k = int(undecided.sum())
        rows = np.block([[margins, np.zeros((n, k))], [-np.eye(n)[undecided], np.eye(k)]])
        cost = np.append(np.zeros(n), -np.ones(k))
        p = _highs(cost, rows, [(0, None)] * n + [(0, 1 / n)] * k, n)
        found = undecided & (p > _TOL)
        if not found.any():
            break
        used, unused = used | found, unused | (margins @ p < -_TOL)
    return used


def _highs(cost: Float, rows: Float, bounds: list[Bound], n: int) -> Float:
    """Argmin cost x subject to rows x <= 0, the bounds, and x_1 + ... + x_n = 1: its first n."""
    method: Any = "highs-ipm" if len(cost) > _INTERIOR_POINT_ABOVE else "highs"
    simplex = np.append(np.ones(n), np.zeros(len(cost) - n))[None, :]
    for presolve in (True, False):  # presolve may call the thin set of lotteries empty
        result = linprog(
            cost,
            A_ub=rows,
            b_ub=np.zeros(len(rows)),
            A_eq=simplex,
            b_eq=np.ones(1),
            bounds=bounds,
            method=method,
            options={
                "primal_feasibility_tolerance": 1e-10,
                "dual_feasibility_tolerance": 1e-10,
                "presolve": presolve,
            },
        )
        if result.status == 0:
            return np.asarray(result.x)[:n]
    raise SolverError(
        f"NlhfExact: HiGHS ended with status {result.status} ({result.message}); "
        "rescale the preferences or use tau > 0"
    )


def _project(equal: Float, at_most: Float, log_ref: Float) -> tuple[Float, float]:
    """The p nearest to ref in KL with equal p = 0 and at_most p <= 0, and its KKT residual.

    The dual, min log sum ref exp(-G' price) over prices that are >= 0 for the inequalities, is
    smooth and convex: p = softmax(log ref - G' price). Projected Newton (Bertsekas 1982).
    """
    G = np.vstack([equal, at_most])
    bounded = np.arange(len(G)) >= len(equal)
    price = np.zeros(len(G))
    for _ in range(500):
        z = log_ref - G.T @ price
        p = np.exp(numerics.log_softmax(z))
        slope = -G @ p
        downhill = price - np.where(bounded, np.maximum(price - slope, 0), price - slope)
        size = abs(downhill).max(initial=0)
        if size < 1e-15:
            break
        move = ~bounded | (price > 0) | (slope < 0)
        J = G[move]
        hessian = (J * p) @ J.T - np.outer(slope[move], slope[move])
        # parallel constraints make it singular; the damping vanishes at the solution
        hessian[np.diag_indices(len(J))] += 1e-3 * min(size, 1e-3) + 1e-14
        step = np.zeros(len(G))
        step[move] = np.linalg.solve(hessian, slope[move])
        value = numerics.logsumexp(z)
        length = 1.0
        while length > 1e-10:
            trial = price - length * step
            trial = np.where(bounded, np.maximum(trial, 0), trial)
            fall = 1e-4 * slope @ (price - trial) - 1e-15 * max(1.0, abs(value))
            if numerics.logsumexp(log_ref - G.T @ trial) <= value - fall:
                break
            length /= 2
        price = trial
    log_p = numerics.log_softmax(log_ref - G.T @ price)
    p = np.exp(log_p)
    off = log_p - log_ref + G.T @ price
    slack = G @ p
    residual = max(
        (off.max() - off.min()) / 2,
        np.where(bounded, slack, abs(slack)).max(initial=0),
        abs(bounded * price * slack).max(initial=0),
    )
    return p, float(residual)
