"""Square tables: win probabilities or win counts, distinguished by their diagonal."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from games.comparisons import Comparisons
from games.errors import GameError
from games.game import PreferenceGame
from games.io.layouts import FORMS

Square = Comparisons | PreferenceGame
"""Win counts or win probabilities."""

_READINGS = (
    "a square table holds win probabilities (diagonal 1/2, P + P^T = 1) "
    "or win counts (diagonal 0, blank or NaN; whole numbers >= 0 or halves, for ties)"
)
_MOST = 2.0**63


def square(table: NDArray[Any], names: Sequence[str] = (), lines: Sequence[int] = ()) -> Square:
    """Read a square table of either kind.

    Parameters
    ----------
    table : array (..., n, n)
        In the type it is stored in, which sets the tolerance of P + P^T = 1.
    names : n strings, optional
    lines : n ints, optional
        Where the rows stand in a text file.

    Raises
    ------
    GameError
        If the table fits neither reading; the message names both.
    """
    diagonal = np.diagonal(table, axis1=-2, axis2=-1) if table.ndim > 1 else table
    try:
        if (np.isnan(diagonal) | (diagonal == 0)).all():
            return win_counts(table, names, lines)
        if lines:
            _complementary(table, lines)
        return PreferenceGame(table, names=names)
    except GameError as error:
        raise GameError(f"{error}; {_READINGS}") from None


def win_counts(
    table: NDArray[Any], names: Sequence[str] = (), lines: Sequence[int] = ()
) -> Comparisons:
    """Read entry [i, j] as how often i was preferred to j; parameters as in ``square``."""
    wins = table.astype(np.float64)
    if wins.ndim > 1 and wins.shape[-1] == wins.shape[-2]:
        k = np.arange(wins.shape[-1])
        wins[..., k, k] = np.where(np.isnan(wins[..., k, k]), 0, wins[..., k, k])
        wrong = ~((wins >= 0) & (wins <= _MOST) & (2 * wins == np.floor(2 * wins)))
        wrong[..., k, k] = wins[..., k, k] != 0
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            expected = "0 or nothing" if at[-1] == at[-2] else "a whole number >= 0, or a half,"
            raise GameError(f"{_entry(wins, at, lines)}, expected {expected} as a win count")
    return Comparisons(wins, names=names)


def from_rows(rows: Sequence[tuple[int, Sequence[str]]]) -> Square:
    """Read the lines of a text file: numbers, with the names before the rows and columns or not.

    The first line is a header of names if it holds something that is no number, or if its corner
    is no number and it lists what the first column lists.

    Parameters
    ----------
    rows : pairs of a line number and its cells

    Raises
    ------
    GameError
        If the table is ragged, not square, or has an entry that is no number; with its line.
    """
    lines = [line for line, _ in rows]
    cells = [[cell.strip() for cell in row] for _, row in rows]
    for line, row in zip(lines, cells, strict=True):
        if len(row) != len(cells[0]):
            raise GameError(
                f"line {line}: {len(row)} cells, expected {len(cells[0])} as in line {lines[0]}"
            )
    if len(cells) != len(cells[0]):
        raise GameError(
            f"{len(cells)} lines of {len(cells[0])} cells are not square; with names, the first "
            f"line and the first column both give them; comparisons have the columns {FORMS}"
        )
    names: list[str] = []
    if _has_names(cells):
        names, lines, (_, *cells) = cells[0][1:], lines[1:], cells
        for line, name, row in zip(lines, names, cells, strict=True):
            if row[0] != name:
                raise GameError(
                    f"line {line}: the row is called {row[0]!r:.40} and its column {name!r:.40}; "
                    "list the answers in the same order"
                )
        cells = [row[1:] for row in cells]
    if not cells:
        raise GameError("no numbers below the header; expected a square table")
    table = np.array(
        [
            [_number(cell, line, i == j) for j, cell in enumerate(row)]
            for i, (line, row) in enumerate(zip(lines, cells, strict=True))
        ]
    )
    return square(table, names, lines)


def _has_names(cells: list[list[str]]) -> bool:
    corner, *first = cells[0]
    if not all(_is_number(cell) for cell in first if cell):
        return True
    return not _is_number(corner) and sorted(first) == sorted(row[0] for row in cells[1:])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, line: int, diagonal: bool) -> float:
    if diagonal and not cell:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise GameError(f"line {line}: {cell!r:.40} is not a number; give every entry") from None


def _complementary(P: NDArray[Any], lines: Sequence[int]) -> None:
    """Find the line that breaks P + P^T = 1, as PreferenceGame knows only rows."""
    off = np.maximum(abs(P + P.T - 1), abs(P - 0.5) - 0.5)
    wrong = ~(off <= 1e-9)
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        back = tuple(reversed(at))
        raise GameError(
            f"{_entry(P, at, lines)} and its mirror image {P[back]:g}; expected two "
            "probabilities that sum to 1, or (P + 1 - P^T) / 2 if they were rounded"
        )


def _entry(values: NDArray[Any], at: tuple[int, ...], lines: Sequence[int]) -> str:
    line = f"line {lines[at[-2]]}: " if lines else ""
    return f"{line}entry [{', '.join(map(str, at))}] is {values[at]:g}"
