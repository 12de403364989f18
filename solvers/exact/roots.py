"""Elementwise roots of equations in one unknown, for proximal steps of divergences beyond KL."""

from collections.abc import Callable

import numpy as np

from games.game import Float

_NEWTON_STEPS = 7
_MAX_STEPS = 100
_TOL = 4  # in units of rounding


def wright_omega(weight: Float, total: Float) -> Float:
    """The x with x + weight exp(x) = total, elementwise; at weight = 1 the Wright omega function.

    For weight >= 0. u = x + log weight solves u + exp(u) = total + log weight. The left side is
    convex and the first guess lies to the right of the root, so Newton's method descends to it
    without overshoot.
    """
    present = weight > 0
    log_weight = np.log(np.where(present, weight, 1))
    goal = total + log_weight
    u = np.where(goal > 1, np.log(np.maximum(goal, 1)), goal)
    for _ in range(_NEWTON_STEPS):
        grown = np.exp(u)
        u = u - (u + grown - goal) / (1 + grown)
    grown = np.exp(u)
    # two expressions for the same x; each is used where its rounding error is smaller
    return np.where(present, np.where(grown < 1, total - grown, u - log_weight), total)


def decreasing_root(
    function: Callable[[Float], tuple[Float, Float]], low: Float, high: Float
) -> Float:
    """Roots of decreasing functions, elementwise: Newton's method, with bisection as a safeguard.

    Parameters
    ----------
    function : callable
        Value and slope at a point, elementwise.
    low, high : float arrays
        value(low) >= 0 >= value(high).

    Returns
    -------
    float array
        Roots in [low, high], to rounding.
    """
    at = (low + high) / 2
    tol = _TOL * np.finfo(at.dtype).eps
    for _ in range(_MAX_STEPS):
        value, slope = function(at)
        low, high = np.where(value >= 0, at, low), np.where(value <= 0, at, high)
        newton = at - value / np.where(slope < 0, slope, -1)
        inside = (newton >= low) & (newton <= high)
        after = np.where(inside, newton, (low + high) / 2)
        settled = (abs(value) <= tol) | (abs(after - at) <= tol * abs(at))
        if settled.all():
            break
        at = np.where(settled, at, after)
    return np.asarray(at)
