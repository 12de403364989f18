"""Comparison records of JSON and Parquet: answers are text or conversations."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from games.errors import GameError
from games.io.comparison_table import Rows, Table


def record_table(records: Iterator[tuple[int, Any]], unit: str) -> Table:
    """A comparison table of JSON objects, whose columns are the keys of the first.

    Raises
    ------
    GameError
        If there is no record; while rows are read, if one is no object or lacks a key.
    """
    checked = (_keyed(f"{unit} {place}", place, record) for place, record in records)
    start = next(checked, None)
    if start is None:
        raise GameError("holds no records; expected one object for each comparison")

    def rows(columns: tuple[str, ...]) -> Rows:
        for place, record in chain([start], checked):
            missing = [column for column in columns if column not in record]
            if missing:
                raise GameError(f"{unit} {place}: lacks {', '.join(missing)}; give every key")
            yield place, texts(f"{unit} {place}", columns, [record[c] for c in columns])

    return Table(unit, list(start[1]), rows)


def _keyed(where: str, place: int, record: Any) -> tuple[int, dict[str, Any]]:
    if not isinstance(record, dict):
        raise GameError(f"{where}: is {type(record).__name__}, expected an object with the columns")
    return place, record


def texts(where: str, columns: Sequence[str], values: Sequence[Any]) -> tuple[str, ...]:
    """The cells of one row as text.

    A conversation, a list of ``{"role": ..., "content": ...}``, becomes the contents of its
    messages, one below the other; what "chosen" and "rejected" begin with alike is the prompt
    and no part of either answer.

    Raises
    ------
    GameError
        If a value is neither text, nor a number, nor a conversation.
    """
    cells = dict(zip(columns, values, strict=True))
    chosen, rejected = cells.get("chosen"), cells.get("rejected")
    if isinstance(chosen, list) and isinstance(rejected, list):
        shared = 0
        while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
            shared += 1
        cells.update(chosen=chosen[shared:], rejected=rejected[shared:])
    return tuple(_text(where, column, value) for column, value in cells.items())


def _text(where: str, column: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(value)
    if isinstance(value, list) and value:
        turns = [turn.get("content") for turn in value if isinstance(turn, dict)]
        contents = [content for content in turns if isinstance(content, str)]
        if len(contents) == len(value):
            return "\n".join(contents)
    raise GameError(
        f"{where}: {column} is {'null' if value is None else type(value).__name__}, expected text "
        'or a list of messages {"role": ..., "content": ...}'
    )
