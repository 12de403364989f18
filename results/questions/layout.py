"""Rows arranged as tables."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from results import panels, ranks, style
from results.comparisons import is_equal_strength, strength_words
from results.frames import categories, comparison_in
from results.questions import cells
from results.questions.section import Column
from results.questions.sentences import means_in_words
from results.sheet import Sheet
from results.statistics import STATISTICS, estimate, fill_units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAME_AND_METHOD = ["game", "method"]
"""What makes two lines of one comparison different."""

METHOD_KEYS = ["game", "comparison", "method"]
"""What makes two methods' lines different; methods are compared within one comparison only."""

RANK = "rank by"
"""The name of the column of rank groups begins with this; the metric follows."""

UNIT_KEYS = [*METHOD_KEYS, "seed", "context"]
"""What identifies one measured unit: a method on one context under one seed."""


_N = (
    'number of seeds, or of draws of a family, behind the means; "exact" if nothing is random, '
    "17-20 if some values do not exist"
)


def meanings_of_keys(table: pd.DataFrame) -> dict[str, str]:
    """What the columns beside the keys of a table say of a line: n, ok, rank."""
    meanings = {"n": _N, cells.OK: cells.MEANING}
    heads = [str(name) for name in (*table.index.names, *table.columns)]
    named = {name: meanings[name] for name in heads if name in meanings}
    return named | {name: ranks.MEANING for name in heads if name.startswith(RANK)}


def pivot(
    rows: pd.DataFrame,
    index: list[str],
    by: list[str],
    columns: Sequence[Column],
    within: Literal["mean", "max"] = "mean",
    rank: str = "",
) -> pd.DataFrame:
    """A table of estimates: lines ``index``, columns ``by`` and "statistic".

    The last column level is the mean and, where they are informative, "low" and "high" of its 95%
    interval and the share of values that are "defined" (see ``results.statistics.estimate``).

    Parameters
    ----------
    rows : DataFrame
    index, by : list of str
        The columns that identify a line, and a column; ``by`` contains "metric".
    columns : sequence of Column
        The metrics to show, by name.
    within : "mean" or "max"
        How rows of the same seed and context are combined.
    rank : str
        Name of the metric by which methods, one a line, are ranked at equal strength; "" for none.
    """
    metrics = [column.name for column in columns]
    rows = rows[rows["metric"].isin(metrics)]
    rows = rows.assign(metric=rows["metric"].astype(pd.CategoricalDtype(metrics, ordered=True)))
    if rows.empty:
        return pd.DataFrame()
    estimates = estimate(rows, [*index, *by], within)
    estimates["defined"] = estimates["defined"].where(estimates["defined"] < 1)
    numbers = estimates.assign(n=pd.to_numeric(estimates["n"].replace("exact", "0")))
    ends = numbers.groupby(index, observed=True)["n"].agg(["min", "max"])
    seeds = pd.Series([_seeds(*pair) for pair in ends.to_numpy()], ends.index)
    long = estimates.melt([*index, *by], STATISTICS, "statistic").dropna(subset="value")
    long["statistic"] = long["statistic"].astype(pd.CategoricalDtype(list(STATISTICS), True))
    levels = [*by, "statistic"]
    wide = pd.DataFrame(long.set_index([*index, *levels])["value"].unstack(levels))
    wide = wide.sort_index(axis=1).sort_index()
    keys = wide.index.to_frame(index=False).assign(n=seeds.loc[wide.index].to_numpy())
    ranked = _ranks(rows, index, rank, within)
    if len(ranked):
        keys[f"{RANK} {rank}"] = ranked.reindex(wide.index).fillna("-").to_numpy()
    return wide.set_axis(pd.MultiIndex.from_frame(keys))


def estimate_each(
    rows: pd.DataFrame, kind: str, by: Sequence[str], within: Literal["mean", "max"] = "mean"
) -> dict[str, pd.DataFrame]:
    """The estimates for each value of the column ``kind``, in order, computed together.

    Parameters
    ----------
    rows : DataFrame
    kind : str
        A column of categories.
    by : sequence of str
        Columns as in ``results.statistics.estimate``, to which ``kind`` is added.
    within : "mean" or "max"
        How rows of the same seed and context are combined.
    """
    if rows.empty:
        return {}
    together = estimate(rows, [kind, *(name for name in by if name != kind)], within)
    return {str(value): part for value, part in together.groupby(kind, observed=True)}


def _ranks(
    rows: pd.DataFrame, index: list[str], metric: str, within: Literal["mean", "max"]
) -> "pd.Series[str]":
    """The rank groups of the lines at equal strength; empty if there are none."""
    equal = [name for name in categories(rows["comparison"]) if is_equal_strength(name)]
    rows = rows[rows["comparison"].isin(equal) & (rows["metric"] == metric)]
    if rows.empty:
        return pd.Series(dtype=object)
    return ranks.rank_groups(rows, [name for name in index if name != "method"], metric, within)


def _seeds(low: int, high: int) -> str:
    """The number of seeds of a line: "exact", "20", or "17-20" if some metrics miss seeds."""
    if low == high:
        return str(high) if high else "exact"
    return f"{low}-{high}" if low else f"exact / {high}"


def widen(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows in wide form: one line a value of ``keys``, one column a metric.

    Missing seeds and contexts become -1, so that they can be grouped by; ``restore_missing`` turns
    them back. If a line has several rows of a metric, the first is used.
    """
    values = fill_units(rows).groupby([*keys, "metric"], observed=True)["value"]
    return values.first().unstack("metric").reset_index().rename_axis(columns=None)


def aggregate(
    rows: pd.DataFrame,
    keys: list[str],
    columns: Sequence[Column],
    prepare: Callable[[pd.DataFrame], Any] = lambda part: part,
) -> pd.DataFrame:
    """One line a value of ``keys``, in order of appearance, with the computed ``columns``.

    Parameters
    ----------
    rows : DataFrame
    keys : list of str
    columns : sequence of Column
        Those with a ``value`` are computed; the others are ignored.
    prepare : callable
        Turns the rows of a line into the argument of ``Column.value``.
    """
    computed = [(column.name, column.value) for column in columns if column.value is not None]
    body = []
    for key, part in rows.groupby(keys, observed=True, sort=False):
        line = prepare(part)
        values = {name: value(line) for name, value in computed}
        body.append(dict(zip(keys, key, strict=True)) | values)
    out = pd.DataFrame(body, columns=[*keys, *(name for name, _ in computed)])
    return out.astype({key: rows[key].dtype for key in keys})


def restore_missing(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with seed and context as integers again, missing where ``widen`` wrote -1."""
    for name in ("seed", "context"):
        whole = table[name].astype("Int64")
        table[name] = whole.mask(whole == -1)
    return table


def dots(
    rows: pd.DataFrame, columns: Sequence[Column], topic: str, message: str = ""
) -> "Figure | None":
    """A panel for each of the columns that has one, with a line a game and a dot a method.

    A value is the largest of its unit. None if no column has a value.

    Parameters
    ----------
    rows : DataFrame
        Of one comparison, in whose words the title goes on after the topic.
    columns : sequence of Column
    topic : str
    message : str
        Name of the metric whose means the title gives; "" for none.
    """
    with_panel = [c for c in columns if c.panel and (rows["metric"] == c.name).any()]
    if not with_panel:
        return None
    rows = rows[rows["metric"].isin([column.name for column in with_panel])]
    estimates = estimate_each(rows, "metric", GAME_AND_METHOD, "max")
    shown = [
        panels.Panel(c.panel, estimates[c.name], panels.axis_words(c.name, c.axis), c.top)
        for c in with_panel
    ]
    games, styles = categories(rows["game"]), style.method_styles(rows)
    title = f"{topic} {strength_words(comparison_in(rows))}"
    for column in with_panel:
        if column.name == message:
            title += f"\n{means_in_words(estimates[message], ' '.join(column.panel.split()))}"
    with style.settings():
        legend = panels.legend(styles, [panel.estimates for panel in shown])
        sheet = Sheet(title, legend, panels.dots_height(shown, games, styles))
        panels.dot_panels(sheet, 0, shown, games, styles)
    return sheet.figure
