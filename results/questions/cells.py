"""How many cells a line of a table rests on, and how many of them are whole."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

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
        Columns cell, game, comparison, method and labels, and whether all such rows are ok.
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
        parts = [part[part["comparison"] == comparison] for part in (self.rows, self.failed)]
        return Cells(*parts, self.of_cell)

    def counts(self, keys: list[str]) -> dict[tuple[str, ...], str]:
        """Values of ``keys`` -> "19 of 20": the cells without a row that is not ok, and all."""
        each = self.rows.groupby(["cell", *keys], observed=True)[OK].all()
        lines = each.groupby(level=keys, observed=True).agg(["sum", "size"]).reset_index()
        of_cell = [name for name in keys if name in self.of_cell]
        failed = Counter(_words(self.failed[of_cell]))
        sizes = [n + failed[k] for n, k in zip(lines["size"], _words(lines[of_cell]), strict=True)]
        texts = [f"{ok} of {n}" for ok, n in zip(lines["sum"], sizes, strict=True)]
        return dict(zip(_words(lines[keys]), texts, strict=True))


def cells_of(rows: pd.DataFrame, labels: Iterable[str]) -> Cells:
    """The cells of the described rows of a question, in which those of failed cells are.

    Parameters
    ----------
    rows : DataFrame
    labels : iterable of str
        Further columns that tables may have among their keys.
    """
    keys = [*_KEYS, *labels]
    failed = rows["status"].isin(FAILED)
    whole = rows[~failed].assign(ok=rows["status"] == "ok")
    kinds = whole.groupby("cell", observed=True)[keys].nunique(dropna=False)
    of_cell = [name for name in keys if (kinds[name] == 1).all()]
    return Cells(whole[["cell", *keys, OK]], rows[failed].drop_duplicates("cell"), of_cell)


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
    column = [counts.get(line, "-") for line in _words(lines[keys])]
    if indexed:
        return table.set_axis(pd.MultiIndex.from_frame(lines.assign(**{OK: column})))
    out = table.copy()
    out.insert(1 + max(heads.index(name) for name in keys), OK, column)
    return out


def _words(lines: pd.DataFrame) -> list[tuple[str, ...]]:
    """The lines as text in which 3 and 3.0 are the same, and a name with and without underscores."""
    columns = [
        lines[name].astype(str).str.removesuffix(".0").str.replace("_", " ") for name in lines
    ]
    return list(zip(*columns, strict=True))
