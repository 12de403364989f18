"""What is known of a game beside the game: the people behind it, and published answers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from games.errors import GameError
from games.validation import SUM_TOL, TIE_TOL, Float, frozen


@dataclass(frozen=True, init=False, eq=False)
class Population:
    """User types behind a game.

    Attributes
    ----------
    shares : float array (..., k), positive, sums to 1
        How common each type is.
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


@dataclass(frozen=True, eq=False)
class Known:
    """A published or derived answer of a game, checked by the tests of the registry.

    Attributes
    ----------
    solver : str
        Name in the solver registry.
    params : mapping
        Its parameters.
    policy : float array (..., n)
        The answer.
    source : str
        Where it stands, or how it is derived.
    atol : float > 0
        Half a unit of the last printed digit.
    """

    solver: str
    params: Mapping[str, float]
    policy: ArrayLike
    source: str
    atol: float = 1e-9
