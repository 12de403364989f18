"""The test of Bradley-Terry rewards where comparisons come in clusters: of a rater, of a prompt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from games import numerics
from games.estimation.rewards import fit_rewards, mean_weights
from games.game import Float

FEW_CLUSTERS, TOO_FEW_CLUSTERS = 30, 10
"""Below the first a p-value comes with a warning, below the second there is none."""

_RIDGE = 1e-9
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class ClusterTest:
    """Score test of Bradley-Terry rewards that allows for dependence within clusters.

    Attributes
    ----------
    statistic : float >= 0
        Sum over pairs of the squared residual win count over its binomial variance.
    clusters : int
    p_value : float in (0, 1], or NaN
        Share of random signs of the clusters for which the statistic is as large.
    message : str
        Why there is no p-value, or how far not to trust it; "" otherwise.
    """

    statistic: float
    clusters: int
    p_value: float
    message: str = ""


def cluster_test(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    points: Float,
    weight: Float,
    cluster: NDArray[np.int64],
    n: int,
    draws: int,
    rng: np.random.Generator,
) -> ClusterTest:
    """Test the rewards with the clusters' residuals multiplied by random signs.

    With e_k the points of pair k less those expected of the fitted rewards and v_k their binomial
    variance, the statistic is sum_k e_k^2 / v_k. Each draw multiplies the part of e that a cluster
    contributes by +1 or -1 and takes off what refitting the rewards would: the projection on
    X' e = 0, X_k = 1 at the first answer of the pair and -1 at the second. (Kline and Santos, A
    Score Based Approach to Wild Bootstrap Inference, 2012; recalled, not checked.)

    Parameters
    ----------
    first, second : int arrays (m,)
        The answers compared.
    points : float array (m,), in [0, 1]
        1 where the first won, 1/2 for a tie.
    weight : float array (m,), >= 0
    cluster : int array (m,)
        Comparisons of different clusters are independent.
    n : int
        Number of answers.
    draws : int >= 1
    """
    names, of = np.unique(cluster, return_inverse=True)
    if len(names) < TOO_FEW_CLUSTERS:
        why = f"{len(names)} clusters are too few for a p-value; {TOO_FEW_CLUSTERS} are needed"
        return ClusterTest(np.nan, len(names), np.nan, why)
    low, high = np.minimum(first, second), np.maximum(first, second)
    points = np.where(first == low, points, 1 - points)
    code, k = np.unique(low * n + high, return_inverse=True)
    i, j = np.divmod(code, n)
    count = np.bincount(k, weight)
    share = np.bincount(k, weight * points) / np.where(count > 0, count, 1)
    P, pairs = np.full((n, n), 0.5), np.zeros((n, n))
    P[i, j], P[j, i] = share, 1 - share
    pairs[i, j] = pairs[j, i] = count
    groups, _ = connected_components(pairs > 0, directed=False)
    if len(code) - n + groups == 0:
        why = "the compared pairs form no circle, so that every table fits; compare more pairs"
        return ClusterTest(0.0, len(names), np.nan, why)
    r = fit_rewards(P, mean_weights(pairs), _RIDGE)
    rate = numerics.sigmoid(r[i] - r[j])
    variance = np.maximum(count * rate * (1 - rate), 1e-12)
    parts = sparse.csr_array((weight * (points - rate[k]), (of, k)), shape=(len(names), len(code)))
    pair = np.arange(len(code))
    X = sparse.csr_array(
        (np.tile([1.0, -1.0], len(code)), (np.repeat(pair, 2), np.stack([i, j], 1).ravel())),
        shape=(len(code), n),
    )
    WX = sparse.diags_array(variance) @ X
    inverse = np.linalg.pinv((X.T @ WX).toarray(), hermitian=True)

    def statistics(signs: Float) -> Float:
        e = np.asarray(signs @ parts)
        e -= (WX @ (inverse @ (X.T @ e.T))).T
        return np.asarray((e**2 / variance).sum(-1))

    statistic = float(statistics(np.ones((1, len(names))))[0])
    block = max(1, _AT_ONCE // max(len(code), len(names)))
    as_large = 0
    for start in range(0, draws, block):
        size = min(block, draws - start)
        signs = rng.choice([-1.0, 1.0], (size, len(names)))
        as_large += int((statistics(signs) >= statistic * (1 - 1e-9)).sum())
    warning = f"{len(names)} clusters are few; do not trust the p-value far"
    p_value = (1 + as_large) / (1 + draws)
    few = len(names) < FEW_CLUSTERS
    return ClusterTest(statistic, len(names), p_value, warning if few else "")
