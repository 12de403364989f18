"""Comparison tables as columns of codes, whatever kind of file they come from."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from games.errors import GameError

Codes = NDArray[np.int32]
Cells = tuple[Sequence[Hashable], NDArray[np.integer] | None]
"""Some cells of a column: their values, or distinct values and which of them each cell has."""

CHUNK = 1 << 16
"""Rows that are read at once."""


@dataclass(frozen=True)
class Limits:
    """How much of a file is read before it is refused.

    Attributes
    ----------
    rows : int >= 1
        Most comparisons, or ratings and pairs of them.
    bytes : int >= 1
        Most bytes that a compressed file may unpack to; the size of a plain file is visible.
    """

    rows: int = 20_000_000
    bytes: int = 1 << 30

    def check_rows(self, n: int, what: str = "rows") -> None:
        """Refuse more rows than the limit.

        Raises
        ------
        GameError
            If there are more.
        """
        if n > self.rows:
            raise GameError(
                f"has more than {self.rows:,} {what}; if that is no mistake, raise the limit: "
                "--max-rows"
            )


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    codes : int array (m,)
        Which of the values each row has.
    values : list
        The distinct values in order of appearance; text, or what ``games.io.cells`` makes of
        anything else.
    """

    codes: Codes
    values: list[Hashable]

    def has(self, kind: type) -> bool:
        """Whether a value is of this type."""
        return any(isinstance(value, kind) for value in self.values)

    def take(self, rows: NDArray[np.intp]) -> "Column":
        """The column of these rows."""
        return Column(self.codes[rows], self.values)


@dataclass(frozen=True)
class Table:
    """A comparison table that is read in chunks, as often as it is asked for.

    Attributes
    ----------
    unit : str
        What a place in the file is called: "line", "record" or "row".
    header : strings
        Names of the columns in lower case, without white space around them.
    numeric : strings
        The columns that hold numbers in the first rows.
    chunks : callable
        The cells of the columns it is given, some rows at a time.
    place : callable
        Where a row stands in the file, given its number, which counts from 0.
    """

    unit: str
    header: Sequence[str]
    numeric: Collection[str]
    chunks: Callable[[Sequence[str]], Iterator[Sequence[Cells]]]
    place: Callable[[int], int]

    def at(self, row: int) -> str:
        """Where a row stands, for error messages."""
        return f"{self.unit} {self.place(int(row))}"

    def columns(self, names: Sequence[str], limits: Limits) -> dict[str, Column]:
        """Read these columns.

        Raises
        ------
        GameError
            If there is no row, there are more than the limit, or the file is damaged.
        """
        names = list(dict.fromkeys(names))
        index: list[defaultdict[Hashable, int]] = [defaultdict() for _ in names]
        for codes in index:
            codes.default_factory = codes.__len__
        parts: list[list[Codes]] = [[] for _ in names]
        n = 0
        for chunk in self.chunks(names):
            for part, codes, (values, which) in zip(parts, index, chunk, strict=True):
                found = np.fromiter(map(codes.__getitem__, values), np.int32, len(values))
                part.append(found if which is None else found[which])
            n += len(parts[0][-1])
            limits.check_rows(n)
        if not n:
            raise GameError("no comparisons below the header; add a row for each")
        return {
            name: _compact(np.concatenate(part), list(codes))
            for name, part, codes in zip(names, parts, index, strict=True)
        }


def plain(header: Sequence[object]) -> list[str]:
    """Names of columns in lower case, without white space around them."""
    return [str(name).strip().lower() for name in header]


def _compact(codes: Codes, values: list[Hashable]) -> Column:
    """A column without values that no row has, which dictionaries of Arrow may hold."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(values)))
    if len(used) == len(values):
        return Column(codes, values)
    new = np.zeros(len(values), np.int32)
    new[used] = np.arange(len(used))
    return Column(new[codes], [values[k] for k in used])
