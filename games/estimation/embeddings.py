"""Skew-symmetric log-odds of low rank: V R V^T, by projection and by maximum likelihood.

R is block-diagonal with the quarter turn [[0, -1], [1, 0]], so that two answers that are embedded
in the plane at V_i and V_j have log-odds |V_i| |V_j| sin(angle from V_j to V_i).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from games.validation import Float

_MAX_STEPS = 5_000


def turned(V: Float) -> Float:
    """V R: each pair of columns (a, b) becomes (b, -a); shape (..., n, dim), dim even."""
    pairs = V.reshape(*V.shape[:-1], -1, 2)
    return np.asarray(np.stack([pairs[..., 1], -pairs[..., 0]], axis=-1).reshape(V.shape))


def log_odds(V: Float) -> Float:
    """V R V^T, skew-symmetric, shape (..., n, n)."""
    return np.asarray(turned(V) @ np.swapaxes(V, -1, -2))


def projected(S: Float, dim: int) -> Float:
    """The embeddings (..., n, dim) whose log-odds are nearest to the skew ``S`` in least squares.

    They keep the dim / 2 largest pairs of imaginary eigenvalues of S, which is exact where dim
    reaches its rank; which pair stays is arbitrary where two tie at the cut.
    """
    n = S.shape[-1]
    # i S is Hermitian: eigenvalues in pairs +-s, ascending; the last are the largest
    sizes, vectors = np.linalg.eigh(1j * S)
    kept = min(dim // 2, n // 2)
    u, s = vectors[..., n - kept :], sizes[..., None, n - kept :]
    scaled = u * np.sqrt(2 * np.maximum(s, 0))
    V = np.zeros((*S.shape[:-1], dim), S.dtype)
    V[..., 0 : 2 * kept : 2], V[..., 1 : 2 * kept : 2] = scaled.real, scaled.imag
    return V


@dataclass(frozen=True)
class LogisticLoss:
    """Loss of embeddings V, with rewards r beside them or without, on one context.

    sum_ij w_ij P_ij log(1 + exp(-S_ij)) + ridge / 2 (|V|^2 + |r|^2), S_ij = (V R V^T)_ij, plus
    r_i - r_j with rewards. A point is an array (n, dim) or (n, dim + 1), rewards last.

    Attributes
    ----------
    P : float array (n, n)
        Share of wins of each pair.
    w : float array (n, n), symmetric, sum_{i<j} w_ij = 1
        Weight of each pair.
    ridge : float >= 0
    dim : even int >= 0
    """

    P: Float
    w: Float
    ridge: float
    dim: int

    def log_odds(self, point: Float) -> Float:
        """S at the point, shape (n, n)."""
        r = point[:, self.dim :].sum(-1)
        return np.asarray(log_odds(point[:, : self.dim]) + r[:, None] - r[None, :])

    def at(self, point: Float) -> tuple[float, Float]:
        """The loss in nats, and its gradient: -H V R and the row sums of H, plus ridge * point.

        H = w (sigmoid(S) - P), and the gradient has the shape of the point.
        """
        S = self.log_odds(point)
        likelihood = (self.w * self.P * np.logaddexp(0, -S)).sum()
        H = self.w * (expit(S) - self.P)
        gradient = self.ridge * point
        gradient[:, : self.dim] -= H @ turned(point[:, : self.dim])
        gradient[:, self.dim :] += H.sum(-1, keepdims=True)
        return float(likelihood + self.ridge / 2 * (point**2).sum()), gradient

    def minimised(self, start: Float) -> Float:
        """A stationary point, by L-BFGS from ``start``; another one may have a lower loss."""

        def flat(values: Float) -> tuple[float, Float]:
            loss, gradient = self.at(values.reshape(start.shape))
            return loss, gradient.ravel()

        found = minimize(
            flat,
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _MAX_STEPS, "maxfun": 2 * _MAX_STEPS, "ftol": 0.0, "gtol": 1e-9},
        )
        return np.asarray(found.x.reshape(start.shape))
