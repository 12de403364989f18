"""Numerical primitives, in log space, batched, on NumPy or torch arrays alike.

The array namespace is taken from the arguments; dtype and device stay as they are.
"""

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from games.errors import GameError

Array = Any
"""A float array of any namespace that array-api-compat knows."""


def logsumexp(x: Array, axis: int = -1) -> Array:
    """Log sum exp(x) along ``axis``; -inf entries are allowed, all of them -inf gives -inf."""
    xp = array_namespace(x)
    top = xp.max(x, axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    return log(xp.sum(xp.exp(x - top), axis=axis)) + xp.squeeze(top, axis=axis)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """The log-probabilities of the policy with logits ``x``: x - log sum exp(x).

    The largest logit is subtracted first, so that the policy sums to 1 however large the logits
    are. Where the largest is not finite, the result is NaN.
    """
    xp = array_namespace(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def log(p: Array) -> Array:
    """The logarithm of ``p``, with log 0 = -inf and no warning; NaN stays NaN."""
    xp = array_namespace(p)
    zero = p <= 0
    return xp.where(zero, -xp.inf, xp.log(xp.where(zero, xp.ones_like(p), p)))


def expectation(p: Array, values: Array) -> Array:
    """sum_i p_i values_i along the last axis, with 0 * (+-inf) = 0; NaN stays NaN."""
    xp = array_namespace(p, values)
    support = xp.logical_not(p == 0)
    supported = xp.where(support, values, xp.zeros_like(values))
    return xp.sum(xp.where(support, p * supported, 0.0), axis=-1)


def kl(log_p: Array, log_q: Array) -> Array:
    """KL(p | q) = sum_i p_i (log p_i - log q_i) in nats, from log-probabilities.

    Summed as p_i log(p_i / q_i) - p_i + q_i, which is the same because both sum to 1, is never
    negative, and keeps its digits where p and q nearly agree.
    """
    xp = array_namespace(log_p, log_q)
    p, q = xp.exp(log_p), xp.exp(log_q)
    support, zero = xp.logical_not(p == 0), xp.zeros_like(p)
    gap = xp.where(support, log_p, zero) - xp.where(support, log_q, zero)
    near = xp.abs(gap) < 1
    small = xp.where(near, gap, zero)
    close = q * (small * xp.exp(small) - xp.expm1(small))
    return xp.sum(xp.where(support, xp.where(near, close, p * (gap - 1) + q), q), axis=-1)


def entropy(log_p: Array) -> Array:
    """-sum_i p_i log p_i in nats, from log-probabilities along the last axis."""
    xp = array_namespace(log_p)
    return 0.0 - expectation(xp.exp(log_p), log_p)  # a sure answer has 0, not -0


def total_variation(p: Array, q: Array) -> Array:
    """Half the l1 distance of two policies, in [0, 1]."""
    xp = array_namespace(p, q)
    return xp.sum(xp.abs(p - q), axis=-1) / 2


def win_rates(P: Array, policy: Array) -> Array:
    """(P pi)_i = probability that answer i is preferred to a draw from ``policy``."""
    return (P @ policy[..., None])[..., 0]


def per_context(weight: Array, values: Array) -> Array:
    """A number, or one number a context (...), shaped to broadcast against ``values`` (..., *)."""
    added = values.ndim - getattr(weight, "ndim", 0)
    return weight.reshape(*weight.shape, *[1] * added) if getattr(weight, "ndim", 0) else weight


def is_soft(tau: Any) -> bool:
    """Whether penalties of weight ``tau`` count: True where all are > 0, False where all are 0.

    ``tau`` is a number, or one number a context. NaN, for a context without a weight, counts as
    > 0, so that NaN comes out.

    Raises
    ------
    GameError
        If one is negative, or if only some are 0: the formulas at 0 and above differ.
    """
    weights = np.asarray(tau)
    zero = weights == 0
    if (weights < 0).any() or (zero.any() and not zero.all()):
        raise GameError(
            f"tau is {tau}, expected numbers that are all 0 or all > 0; treat contexts at tau = 0 "
            "separately"
        )
    return not zero.any()


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    xp = array_namespace(x)
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + small), small / (1 + small))


def spread_over_best(values: Array, log_ref: Array, tie_tol: float) -> Array:
    """Log of ``ref`` restricted to the maximisers of ``values`` (within ``tie_tol``)."""
    xp = array_namespace(values, log_ref)
    best = values >= xp.max(values, axis=-1, keepdims=True) - tie_tol
    return log_softmax(xp.where(best, log_ref, xp.full_like(log_ref, -xp.inf)))


def project_to_simplex(x: Array) -> Array:
    """Nearest policy to ``x`` in the Euclidean norm: max(x - threshold, 0), along the last axis.

    The k largest entries, less a common threshold, sum to 1 at (their sum - 1) / k; the threshold
    of the projection is the largest of these over k (Held, Wolfe and Crowder 1974).
    """
    xp = array_namespace(x)
    shifted = x - xp.max(x, axis=-1, keepdims=True)
    decreasing = xp.sort(shifted, axis=-1, descending=True)
    counts = xp.cumulative_sum(xp.ones_like(decreasing), axis=-1)
    thresholds = (xp.cumulative_sum(decreasing, axis=-1) - 1) / counts
    excess = shifted - xp.max(thresholds, axis=-1, keepdims=True)
    p = xp.where(excess > 0, excess, xp.zeros_like(excess))
    return p / xp.sum(p, axis=-1, keepdims=True)
