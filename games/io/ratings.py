"""Rated answers: each two of a prompt, rated by the same rater, make a comparison."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from games.errors import GameError
from games.io.tables import Limits

_NAMES = {
    "model": ("model", "model_name"),
    "response": ("response", "completion", "text", "content"),
    "rating": ("overall_score", "rating", "score", "fine-grained_score"),
}
NESTED = "completions"
"""The column whose cells are lists of rated answers."""


def unfolded(where: str, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rated answers that a record lists, as a record each (UltraFeedback).

    Raises
    ------
    GameError
        If the list holds something else.
    """
    listed = record[NESTED]
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise GameError(
            f"{where}: {NESTED} is {type(listed).__name__}, expected a list of objects with "
            "model, response and overall_score"
        )
    rest = {key: value for key, value in record.items() if key != NESTED}
    for each in listed:
        found = {
            name: next((each[key] for key in keys if key in each), None)
            for name, keys in _NAMES.items()
        }
        yield {**rest, **found}


def pairs(cluster: NDArray[np.int64], limits: Limits) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The two rows of every pair of rows in the same cluster, the earlier first.

    Raises
    ------
    GameError
        If there are more than the limit.
    """
    order = np.argsort(cluster, kind="stable")
    _, starts, sizes = np.unique(cluster[order], return_index=True, return_counts=True)
    limits.check_rows(int((sizes * (sizes - 1) // 2).sum()), "pairs of rated answers")
    one: list[NDArray[np.intp]] = [np.empty(0, np.intp)]
    two: list[NDArray[np.intp]] = [np.empty(0, np.intp)]
    for size in np.unique(sizes[sizes > 1]):
        i, j = np.triu_indices(int(size), 1)
        at = starts[sizes == size][:, None]
        one.append(order[(at + i).ravel()])
        two.append(order[(at + j).ravel()])
    first, second = np.concatenate(one), np.concatenate(two)
    by_row = np.lexsort((second, first))
    return first[by_row], second[by_row]
