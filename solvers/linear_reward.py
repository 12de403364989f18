"""Bradley-Terry rewards that are linear in features, fitted to pairs drawn from a policy.

r = X w, and w minimises L = -sum_ij pi_i pi_j P_ij log sigmoid(r_i - r_j) + ridge / 2 |w|^2.
"""

import numpy as np

from games import numerics
from games.game import Float


def errors(P: Float, pi: Float, w: Float, X: Float, ridge: float) -> tuple[Float, Float]:
    """The errors sigmoid(r_i - r_j) - P_ij, (..., n, n), and the Hessian of L in w, (..., d, d)."""
    r = w @ X.T
    fitted = numerics.sigmoid(r[..., :, None] - r[..., None, :])
    curved = pi[..., :, None] * pi[..., None, :] * fitted * (1 - fitted)
    laplacian = np.eye(r.shape[-1], dtype=r.dtype) * curved.sum(-1)[..., None] - curved
    return fitted - P, X.T @ laplacian @ X + ridge * np.eye(X.shape[-1], dtype=r.dtype)


def fit_weights(P: Float, pi: Float, w: Float, X: Float, ridge: float, steps: int) -> Float:
    """Newton steps on L from ``w``, damped by log(1 + s) / s where they spread rewards by s.

    The damping keeps a logistic loss falling (as recalled, not re-derived) and vanishes near the
    minimum.

    Parameters
    ----------
    P : float array (..., n, n)
    pi : float array (..., n)
    w : float array (..., d)
    X : float array (n, d)
        Features of the answers; the identity makes w a table of rewards.
    ridge : float > 0
    steps : int

    Returns
    -------
    float array (..., d)
    """
    for _ in range(steps):
        error, hessian = errors(P, pi, w, X, ridge)
        slope = (pi * numerics.win_rates(error, pi)) @ X + ridge * w
        change = np.linalg.solve(hessian, slope[..., None])[..., 0]
        spread = np.maximum(np.ptp(change @ X.T, axis=-1, keepdims=True), 1e-6)
        w = w - change * np.log1p(spread) / spread
    return np.asarray(w)
