"""Checks of what a user gives a catalogue game; every failure is a GameError that names it."""

import numpy as np

from games.errors import GameError
from games.game import DENSE_LIMIT, Float


def count(game: str, what: str, value: object, low: int, high: int = DENSE_LIMIT) -> int:
    """``value`` if it is a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise GameError(f"{game}: {what} is {value!r}, expected a whole number")
    if not low <= value <= high:
        raise GameError(f"{game}: {what} is {value}, expected a whole number in [{low}, {high}]")
    return int(value)


def numbers(game: str, what: str, values: object, *shape: int | None) -> Float:
    """``values`` as finite floats of this shape; None stands for any length above 0."""
    wanted = f"an array of shape ({', '.join('any' if k is None else str(k) for k in shape)})"
    if not shape:
        wanted = "a number"
    try:
        array = np.asarray(values)
    except ValueError:
        raise GameError(f"{game}: {what} is ragged, expected {wanted}") from None
    if array.dtype.kind not in "fiu":
        raise GameError(f"{game}: {what} is {values!r}, expected {wanted}")
    fits = len(shape) == array.ndim and array.size > 0
    if not fits or any(k not in (None, got) for k, got in zip(shape, array.shape, strict=True)):
        raise GameError(f"{game}: {what} has shape {array.shape}, expected {wanted}")
    if not np.isfinite(array).all():
        raise GameError(f"{game}: {what} is {values!r}, expected finite numbers")
    return array.astype(np.float64)


def mixture(game: str, what: str, values: object, k: int) -> Float:
    """``values`` if they are ``k`` positive shares that sum to 1 (within 1e-9)."""
    shares = numbers(game, what, values, k)
    if not (shares > 0).all() or not abs(shares.sum() - 1) <= 1e-9:
        raise GameError(
            f"{game}: {what} is {values!r}, expected positive shares that sum to 1; "
            "drop a group of share 0, divide the others by their sum"
        )
    return shares
