"""The people behind a game: user types, and the majorities that they make."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from games.errors import GameError
from games.validation import SUM_TOL, TIE_TOL, Float, frozen

MOST_RANKED = 7
"""Most answers whose rankings are all listed: 7! = 5,040 types."""


@dataclass(frozen=True, init=False, eq=False)
class Population:
    """User types behind a game.

    Attributes
    ----------
    shares : float array (..., k), positive, sums to 1
        Proportion of each type.
    utilities : float array (..., k, n)
        What each answer is worth to each type; a type's favourites maximise its row.
    """

    shares: Float
    utilities: Float

    def __init__(self, shares: ArrayLike, utilities: ArrayLike) -> None:
        shares = frozen("Population: shares", shares)
        utilities = frozen("Population: utilities", utilities)
        if shares.ndim < 1 or utilities.shape[:-1] != shares.shape:
            raise GameError(
                f"Population: shares {shares.shape} and utilities {utilities.shape} do not fit; "
                "expected (..., k) and (..., k, n)"
            )
        if not (shares > 0).all() or not (abs(shares.sum(-1) - 1) <= SUM_TOL).all():
            raise GameError(f"Population: shares must be positive and sum to 1, got {shares}")
        if not np.isfinite(utilities).all():
            raise GameError("Population: utilities must be finite; replace NaN and inf")
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "utilities", utilities)

    @property
    def favourites(self) -> NDArray[np.bool_]:
        """Boolean mask (..., k, n): the answers of highest utility for each type."""
        top = self.utilities.max(-1, keepdims=True)
        return np.asarray(self.utilities >= top - TIE_TOL)

    @property
    def scaled(self) -> Float:
        """Utilities (..., k, n) mapped to [0, 1] for each type: worst answer 0, favourite 1.

        Scales of different types are not comparable otherwise. A type to which all answers are
        worth the same, within 1e-9, has 1 everywhere: each is its favourite.
        """
        low = self.utilities.min(-1, keepdims=True)
        width = self.utilities.max(-1, keepdims=True) - low
        share = (self.utilities - low) / np.where(width > TIE_TOL, width, 1)
        return np.asarray(np.where(width > TIE_TOL, share, 1))


def majority(people: Population) -> Float:
    """P[i, j] = share of the types that prefer i to j, plus half of those that are indifferent."""
    shares, utilities = people.shares[..., None], people.utilities
    margins = np.stack(  # an answer at a time: there may be thousands of types
        [
            (shares * np.sign(utilities[..., i : i + 1] - utilities)).sum(-2)
            for i in range(utilities.shape[-1])
        ],
        axis=-2,
    )
    return np.asarray(0.5 + margins / 2)


def makes(people: Population, P: Float) -> bool:
    """Whether the majorities of two or more user types make P (..., n, n), within 1e-9."""
    if people.shares.shape[-1] < 2:
        return False
    return bool(np.allclose(majority(people), P, rtol=0, atol=SUM_TOL))


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
    positive = weights > 0
    utilities = best_first.shape[1] - 1 - np.argsort(best_first[positive], axis=1)
    return Population(weights[positive] / weights.sum(), utilities)


def every_order(n: int) -> NDArray[np.int64]:
    """All n! orders of n answers, best first; shape (n!, n)."""
    return np.array(list(itertools.permutations(range(n))))
