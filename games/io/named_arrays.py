"""Games as named arrays: the keys of JSON objects and of .npz files."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from games.errors import GameError
from games.game import PreferenceGame
from games.io.square_table import Square, win_counts
from games.population import Population
from games.registry import near
from games.score_game import ScoreGame

_KEYS = {
    "P": ("ref", "ref_follower", "pairs", "shares", "utilities", "names"),
    "wins": ("names",),
    "X": ("R", "logistic", "ref", "names"),
}
"""The key that holds the table -> the keys that may accompany it."""

_TOGETHER = (("X", "R"), ("X", "logistic"), ("shares", "utilities"), ("utilities", "shares"))


def from_arrays(values: Mapping[str, Any]) -> Square:
    """The game whose arrays these are; the inverse of ``to_arrays``.

    Parameters
    ----------
    values : mapping
        ``P`` (win probabilities), ``wins`` (win counts) or ``X`` and ``R`` (a ScoreGame), and
        what ``PreferenceGame.arrays`` names; arrays, or lists of numbers.

    Raises
    ------
    GameError
        If a key is missing, unknown or does not hold numbers, or the game is malformed.
    """
    tables = [key for key in _KEYS if key in values]
    if len(tables) != 1:
        raise GameError(
            f"has the keys {', '.join(values)!r:.120}; expected either P (win probabilities) or "
            "wins (win counts), and names if there are any"
        )
    table = tables[0]
    for key in values:
        if key not in (table, *_KEYS[table]):
            raise GameError(f"key {key!r:.60} does not go with {table}{near(key, _KEYS[table])}")
    arrays = {key: numbers(value, key) for key, value in values.items() if key != "names"}
    names = _names(values.get("names", ()))
    if table == "wins":
        return win_counts(arrays["wins"], names)
    for one, other in _TOGETHER:
        if one in arrays and other not in arrays:
            raise GameError(f"has {one} without {other}; give both")
    if table == "X":
        link: Literal["linear", "logistic"] = "logistic" if arrays["logistic"].all() else "linear"
        return ScoreGame(arrays["X"], arrays["R"], link, arrays.get("ref"), names)
    people = Population(arrays["shares"], arrays["utilities"]) if "shares" in arrays else None
    return PreferenceGame(
        arrays["P"],
        arrays.get("ref"),
        arrays.get("ref_follower"),
        arrays.get("pairs"),
        names,
        people,
    )


def to_arrays(game: PreferenceGame) -> dict[str, Any]:
    """The arrays that ``==`` compares, and the names as one JSON text, which preserves them."""
    return {"names": np.array(json.dumps(game.names)), **game.arrays()}


def numbers(values: Any, what: str) -> NDArray[Any]:
    """An array of real numbers in its own type; null (None) in a list becomes NaN.

    Raises
    ------
    GameError
        If it is ragged, empty, or holds anything else.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and all(
            item is None or isinstance(item, int | float) for item in array.flat
        ):
            array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise GameError(
            f"{what} is ragged, or no table of numbers; give rows of equal length"
        ) from None
    if array.dtype.kind not in "fiub":
        raise GameError(f"{what} has entries of type {array.dtype}, expected real numbers")
    if not array.size:
        raise GameError(f"{what} is empty; expected numbers")
    return array


def _names(values: Any) -> Sequence[str]:
    """Names from a list, from an array of text, or from the JSON text that ``to_arrays`` makes."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        values = values.tolist() if values.ndim else _unwritten(values.item())
    if not isinstance(values, list | tuple) or not all(isinstance(name, str) for name in values):
        raise GameError("names is no list of text; give one name for each answer")
    return values


def _unwritten(names: str) -> Any:
    try:
        return json.loads(names)
    except (ValueError, RecursionError):
        return names
