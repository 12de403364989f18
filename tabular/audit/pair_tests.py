"""Which of two answers is preferred: a one-sided test of every pair, and bands for all at once."""

from dataclasses import dataclass

import numpy as np

from games.game import Float
from tabular.audit.votes import Votes


@dataclass(frozen=True)
class PairTests:
    """What the votes say about each pair.

    Attributes
    ----------
    share : float array (n, n), in [0, 1]
        Observed rate at which i is preferred to j; 1/2 where they were never compared.
    error : float array (n, n), >= 0
        Standard error of that rate; infinite where there are fewer than two clusters.
    p_value : float array (n, n)
        Of the hypothesis that i is not preferred to j, P_ij <= 1/2; 1 where never compared.
    units : int array (n, n)
        Clusters, or single comparisons, that say something about the pair.
    clustered : bool
        Whether the units are clusters.
    """

    share: Float
    error: Float
    p_value: Float
    units: Float
    clustered: bool


def pair_tests(votes: Votes, by: str | None = None) -> PairTests:
    """Test every pair: by the exact sign test, or by Student's t test on clusters.

    Without clusters ties are left out, as they favour neither side, and the wins are compared
    with a fair coin. With clusters the unit is what a cluster adds to the pair, its points less
    half its comparisons.

    Parameters
    ----------
    votes : Votes
    by : str, optional
        Clusters that are independent of one another.
    """
    from scipy import stats

    n, points = votes.n, votes.points
    pairs = points + points.T
    share = np.divide(points, pairs, out=np.full((n, n), 0.5), where=pairs > 0)
    low, high = np.minimum(votes.first, votes.second), np.maximum(votes.first, votes.second)
    turned = np.where(votes.first == low, votes.share, 1 - votes.share) - 0.5
    place = low * n + high
    if by is None:
        wins = np.rint(votes.comparisons().wins)
        p = stats.binom.sf(wins - 1, wins + wins.T, 0.5)
        off = turned - (share[low, high] - 0.5)
        squares = np.bincount(place, votes.weight * off**2, n * n).reshape(n, n)
        error = np.sqrt(squares + squares.T) / np.where(pairs > 0, pairs, 1)
        return PairTests(share, _floored(error, pairs), np.where(pairs > 0, p, 1.0), pairs, False)
    _, of = np.unique(votes.clusters[by], return_inverse=True)
    key, at = np.unique(place * (of.max() + 1) + of, return_inverse=True)
    where = key // (of.max() + 1)
    count = np.bincount(at, votes.weight)
    lead = np.bincount(at, votes.weight * turned)
    i, j = np.divmod(where, n)
    off = lead - count * (share[i, j] - 0.5)
    units = np.bincount(where, minlength=n * n).reshape(n, n).astype(np.float64)
    squares = np.bincount(where, off**2, n * n).reshape(n, n)
    units, squares = units + units.T, squares + squares.T
    many = units > 1
    scale = units / np.where(many, units - 1, 1)
    error = _floored(np.sqrt(squares * scale) / np.where(pairs > 0, pairs, 1), units)
    p = stats.t.sf((share - 0.5) / error, np.maximum(units - 1, 1))
    return PairTests(share, error, np.where(many, p, 1.0), units, True)


def _floored(error: Float, units: Float) -> Float:
    """At least 1 / (units + 2): five wins of five do not make a rate known without error."""
    return np.where(units > 1, np.maximum(error, 1 / (units + 2)), np.inf)
