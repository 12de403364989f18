"""How many cells a line of a table rests on, and how many of them are whole."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd

from results.rows import FAILED

OK = "ok"
MEANING = (
    "of the cells behind this line, those in which every value exists and every answer met its "
    "tolerance; the reasons of the others are under Statuses"
)

_KEYS = ("game", "comparison", "method")


@dataclass(frozen=True)
class Cells:
    """The cells of a question by what tables tell apart.

    Attributes
    ----------
    rows : DataFrame
        Columns cell, game, comparison, method and labels as text, and whether such a row is ok.
    failed : DataFrame
        The same of cells that failed, which lack the labels that a cell has several of.
    of_cell : list of str
        The columns that have one value in each cell.
    """

    rows: pd.DataFrame
    failed: pd.DataFrame
    of_cell: list[str]

    def at(self, comparison: str) -> "Cells":
        """The cells of one comparison."""
        word = comparison.replace("_", " ")
        rows, failed = (part[part["comparison"] == word] for part in (self.rows, self.failed))
        return Cells(rows, failed, self.of_cell)

    def counts(self, keys: list[str]) -> dict[tuple[str, ...], str]:
        """Values of ``keys`` -> "19 of 20": the cells without a row that is not ok, and all."""
        whole: dict[tuple[str, ...], bool] = {}
        for line, ok in zip(_lines(self.rows, ["cell", *keys]), self.rows[OK], strict=True):
            whole[line] = whole.get(line, True) and ok
        sizes = Counter(line[1:] for line in whole)
        kept = Counter(line[1:] for line, ok in whole.items() if ok)
        shared = [name in self.of_cell for name in keys]
        failed = Counter(_lines(self.failed, [name for name in keys if name in self.of_cell]))
        return {
            line: f"{kept[line]} of {n + failed[tuple(compress(line, shared))]}"
            for line, n in sizes.items()
        }


def cells_of(rows: pd.DataFrame, labels: Iterable[str]) -> Cells:
    """The cells of the described rows of a question, in which those of failed cells are.

    Parameters
    ----------
    rows : DataFrame
    labels : iterable of str
        Further columns that tables may have among their keys.
    """
    keys = [*_KEYS, *labels]
    words = rows[["cell", *keys]].apply(_words)
    failed = rows["status"].isin(FAILED)
    measured = words[~failed].assign(ok=rows["status"] == "ok")
    cells = measured["cell"].nunique()
    of_cell = [k for k in keys if len(measured[["cell", k]].drop_duplicates()) == cells]
    return Cells(measured, words[failed].drop_duplicates("cell"), of_cell)


def with_cells(table: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    """The table with the column "ok", such as "19 of 20", after its keys.

    Tables that do not tell methods apart, and those of single seeds, are returned as they are.
    """
    indexed = table.index.names != [None]
    heads = list(table.index.names if indexed else table.columns)
    methods = "method" in heads or "method" in table.columns.names
    if table.empty or not methods or "seed" in heads:
        return table
    keys = [str(name) for name in heads if name in cells.rows and name != OK]
    lines = table.index.to_frame(index=False) if indexed else table
    counts = cells.counts(keys)
    column = [counts.get(line, "-") for line in _lines(lines[keys].apply(_words), keys)]
    if indexed:
        return table.set_axis(pd.MultiIndex.from_frame(lines.assign(**{OK: column})))
    out = table.copy()
    out.insert(1 + max(heads.index(name) for name in keys), OK, column)
    return out


def _words(values: "pd.Series[Any]") -> "pd.Series[str]":
    """The values as text, in which 3 and 3.0 are the same, and so are spaces and underscores."""
    codes, distinct = pd.factorize(values.astype(object), use_na_sentinel=False)
    words = [str(value).removesuffix(".0").replace("_", " ") for value in distinct]
    return pd.Series(np.array(words, dtype=object)[codes], values.index)


def _lines(rows: pd.DataFrame, names: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(rows[name].to_list() for name in names), strict=True)
