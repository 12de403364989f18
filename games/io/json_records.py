"""Comparison tables of records: JSON objects, or the nested rows of Parquet."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from games.errors import GameError
from games.io.cells import cell
from games.io.ratings import NESTED, unfolded
from games.io.tables import CHUNK, Cells, Table, plain


def record_table(records: Callable[[], Iterator[tuple[int, Any]]], unit: str) -> Table:
    """A comparison table of objects, whose columns are the keys of the first.

    Objects that list rated answers (``completions``) become a row for each answer.

    Parameters
    ----------
    records : callable
        Each object with its place, from the beginning at every call.
    unit : str
        What a place is called.

    Raises
    ------
    GameError
        If there is no record; while rows are read, if one is no object or lacks a key.
    """

    def rows() -> Iterator[tuple[int, dict[str, Any]]]:
        for place, record in records():
            if not isinstance(record, dict):
                kind = type(record).__name__
                raise GameError(f"{unit} {place}: is {kind}, expected an object with the columns")
            if NESTED in record:
                for each in unfolded(f"{unit} {place}", record):
                    yield place, each
            else:
                yield place, record

    _, start = next(rows(), (0, None))
    if start is None:
        raise GameError("holds no records; expected one object for each comparison")
    header = plain(list(start))
    keys = dict(zip(header, start, strict=True))

    def picked(columns: Sequence[str]) -> Iterator[list[Any]]:
        wanted = [keys[column] for column in columns]
        for place, record in rows():
            try:
                yield [record[key] for key in wanted]
            except KeyError:
                missing = ", ".join(key for key in wanted if key not in record)
                raise GameError(f"{unit} {place}: lacks {missing}; give every key") from None

    def chunks(columns: Sequence[str]) -> Iterator[Sequence[Cells]]:
        cells = picked(columns)
        while some := list(islice(cells, CHUNK)):
            yield [(list(map(cell, column)), None) for column in zip(*some, strict=True)]

    def place(row: int) -> int:
        return next(islice(rows(), row, None))[0]

    numeric = [
        name
        for name, value in zip(header, start.values(), strict=True)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return Table(unit, header, numeric, chunks, place)
