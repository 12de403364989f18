"""The tables of several runs as one."""

from collections.abc import Mapping

import pandas as pd

from results.provenance import Source
from results.questions.cells import OK
from results.questions.layout import RANK

PerRun = Mapping[Source, pd.DataFrame]


def together(tables: PerRun, several: bool) -> pd.DataFrame:
    """The tables of several runs as one, with a column that names the run; of one run, its table.

    Lines of an indexed table that differ in the run only stand one below the other.
    """
    if not several:
        (table,) = tables.values()
        return table
    named = {source.name: table for source, table in tables.items() if len(table)}
    if not named:
        return pd.DataFrame()
    indexed = [table for table in named.values() if table.index.names != [None]]
    if not indexed:
        parts = [table.assign(run=name) for name, table in named.items()]
        both = pd.concat([_plain_columns(part) for part in parts])
        return both[["run", *both.columns.drop("run")]].reset_index(drop=True)
    parts = [_plain_index(table) for table in named.values()]
    both = pd.concat(parts, keys=list(named), names=["run"])
    keys = [name for name in both.index.names if not _is_said_of_a_line(str(name))]
    lines = both.index.to_frame(index=False)
    place = lines.groupby(keys, sort=False, dropna=False).ngroup()
    return both.iloc[place.argsort(kind="stable").to_numpy()]


def _is_said_of_a_line(name: str) -> bool:
    """Whether a level of the index says something of a line, and does not tell lines apart."""
    return name in ("run", "n", OK) or name.startswith(RANK)


def _plain_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with words in place of categories, whose order differs between runs."""
    words = [c for c, kind in table.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
    return table.astype(dict.fromkeys(words, object))


def _plain_index(table: pd.DataFrame) -> pd.DataFrame:
    """The same for an indexed table, whose columns may be categories too."""
    return table.set_axis(_plain(table.index)).set_axis(_plain(table.columns), axis=1)


def _plain(index: pd.Index) -> pd.Index:
    words = index.to_frame(index=False).astype(object)
    if index.nlevels == 1:
        plain: pd.Index = pd.Index(words.iloc[:, 0], name=index.name)
        return plain
    return pd.MultiIndex.from_frame(words, names=list(index.names))
