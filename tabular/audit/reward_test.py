"""Is a reward enough? The Bradley-Terry model against the table of observed win rates."""

from dataclasses import dataclass

import numpy as np

from games import numerics
from games.comparisons import Comparisons
from games.estimation.rewards import fit_rewards, mean_weights, reward_gradient
from games.game import Float
from tabular.audit import davidson

_RIDGE = 1e-9
_CHORDS = 8
_STATIONARY = 1e-7
_AT_ONCE = 2_000_000
"""Most entries of the tables that are drawn and fitted at once."""


@dataclass(frozen=True)
class RewardTest:
    """Likelihood-ratio test of Bradley-Terry rewards.

    Attributes
    ----------
    statistic : float >= 0
        Twice the log-likelihood that the win rates of the pairs gain over the fitted rewards.
    df : int >= 0
        Pairs that were compared, less the free rewards. At 0 every table fits.
    p_value : float in (0, 1], or NaN
        Share of data sets from the fitted Davidson model whose statistic is as large.
    message : str
        Why there is no p-value; "" if there is one.
    """

    statistic: float
    df: int
    p_value: float
    message: str = ""


def likelihood_ratio(data: Comparisons, near: Float | None = None) -> Float:
    """2 sum_{i<j} n_ij KL(win rate of i over j, sigmoid(r_i - r_j)), for each context; (...).

    r maximises the likelihood of wins plus half the ties. What is finite about an infinite r is
    kept: a penalty of 1e-9 / 2 |r|^2 a comparison.

    Parameters
    ----------
    data : Comparisons
    near : float array (n,), optional
        Rewards that the fits are near to. They are then found with the curvature there alone, and
        by Newton's method only where that does not end.
    """
    shares, pairs = data.shares, data.pairs
    n, batch = shares.shape[-1], shares.shape[:-2]
    P, w = shares.reshape(-1, n, n), mean_weights(pairs.reshape(-1, n, n))
    r = np.zeros((len(P), n)) if near is None else _near_fits(P, w, near)
    off = abs(reward_gradient(P, w, _RIDGE, r)).max(-1) > _STATIONARY
    r[off] = fit_rewards(P[off], w[off], _RIDGE)
    log_fit = -np.logaddexp(0, r[:, None, :] - r[:, :, None])
    log_share = numerics.log(np.where(P > 0, P, 1))
    gain = pairs.reshape(-1, n, n) * P * (log_share - log_fit)
    return np.asarray(2 * gain.sum((-1, -2)).reshape(batch))


def _near_fits(P: Float, w: Float, near: Float) -> Float:
    """Newton's method with the Hessian at ``near`` for the mean weights, always the same one."""
    rate = numerics.sigmoid(near[:, None] - near[None, :])
    curvature = w.mean(0) * rate * (1 - rate)
    hessian = np.diag(curvature.sum(-1) + _RIDGE) - curvature
    step = np.linalg.inv(hessian + np.trace(hessian) / len(near) ** 2)
    r = np.tile(near, (len(P), 1))
    for _ in range(_CHORDS):
        r -= reward_gradient(P, w, _RIDGE, r) @ step
    return r


def degrees_of_freedom(data: Comparisons) -> int:
    """Pairs that were compared, less the answers, plus the groups that no comparison joins."""
    from scipy.sparse.csgraph import connected_components

    compared = data.pairs > 0
    groups, _ = connected_components(compared, directed=False)
    return int(compared.sum() // 2 - len(compared) + groups)


def likelihood_ratio_test(data: Comparisons, draws: int, rng: np.random.Generator) -> RewardTest:
    """Test the rewards by a parametric bootstrap, with ties as a Davidson model draws them.

    Half wins have less variance than coin tosses: with the binomial null the test would hardly
    ever reject where ties are common.

    Parameters
    ----------
    data : Comparisons of one context
        Comparisons independent of one another; see ``cluster_test`` where they are not.
    draws : int >= 1
    """
    statistic, df = float(likelihood_ratio(data)), degrees_of_freedom(data)
    if df == 0:
        why = "the compared pairs form no circle, so that every table fits; compare more pairs"
        return RewardTest(statistic, 0, np.nan, why)
    model = davidson.fit(data)
    block = max(1, _AT_ONCE // data.wins.size)
    sizes = [min(block, draws - start) for start in range(0, draws, block)]
    sets = (model.sample(data.pairs, size, rng) for size in sizes)
    null = np.concatenate([likelihood_ratio(drawn, model.rewards) for drawn in sets])
    as_large = int((null >= statistic * (1 - 1e-9)).sum())
    return RewardTest(statistic, df, (1 + as_large) / (1 + draws))
