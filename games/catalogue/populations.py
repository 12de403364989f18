"""User types, and the game in which the majority among them decides each pair."""

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from games.population import Population
from games.validation import Float

MOST_RANKED = 7
"""Most answers whose rankings are all listed: 7! = 5,040 types."""


def majority(people: Population) -> Float:
    """P[i, j] = share of the types that prefer i to j, plus half of those that are indifferent."""
    shares, utilities = people.shares, people.utilities
    margins = np.zeros((*utilities.shape[:-2], utilities.shape[-1], utilities.shape[-1]))
    for k in range(shares.shape[-1]):  # one table at a time: there may be thousands of types
        u = utilities[..., k, :]
        margins += shares[..., k, None, None] * np.sign(u[..., :, None] - u[..., None, :])
    return np.asarray(0.5 + margins / 2)


def rankings(shares: ArrayLike, orders: ArrayLike) -> Population:
    """Types who rank all answers; utility = number of answers ranked lower.

    Parameters
    ----------
    shares : float array (k,), >= 0
        Divided by their sum; types of share 0 are left out.
    orders : int array (k, n)
        The answers from best to worst, one row a type.
    """
    weights, best_first = np.asarray(shares, dtype=np.float64), np.asarray(orders)
    there = weights > 0
    utilities = best_first.shape[1] - 1 - np.argsort(best_first[there], axis=1)
    return Population(weights[there] / weights.sum(), utilities)


def every_order(n: int) -> NDArray[np.int64]:
    """All n! orders of n answers, best first; shape (n!, n)."""
    return np.array(list(itertools.permutations(range(n))))
