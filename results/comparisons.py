"""Which comparisons a report shows: equal strength first, equal temperature in a table of its own.

Strength is KL(pi | mu), in nats; tau = 0 is its end. The same tau > 0 is another strength for every
concept, because tau of RLHF is in log-odds and that of the others in win probability: "equal
temperature" shows values and supports no sentence of "more" or "less".
"""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from results.frames import CONCEPTS, categories
from results.rows import RunError

NO_PENALTY = "tau = 0"
"""The comparison without a KL penalty, the end of the axis of strength."""

BY_ARITHMETIC = {
    "entropy": "Entropy is left out at equal KL: with a uniform reference it is log n - KL for "
    "every method, by arithmetic.",
    "self_agreement": "Self-agreement is left out with it: at a fixed entropy it hardly varies.",
}
"""Metric -> why it compares nothing at equal KL."""

_ENOUGH = 2 / 3
_REACHED = "kl_to_ref"
_COMPARED = set(CONCEPTS[:3])


def level(comparison: str) -> float:
    """KL in nats of a comparison at equal strength, infinite at tau = 0; NaN if it is not one."""
    if comparison == NO_PENALTY:
        return math.inf
    name, _, value = comparison.partition(" = ")
    return float(value.split()[0]) if name == "KL" else math.nan


def is_equal_strength(comparison: str) -> bool:
    """Whether methods may be called "more" or "less" within this comparison."""
    return not math.isnan(level(comparison))


def void_metrics(comparison: str) -> dict[str, str]:
    """The metrics that compare nothing in this comparison, and why."""
    return BY_ARITHMETIC if math.isfinite(level(comparison)) else {}


def middle_level(rows: pd.DataFrame) -> str | None:
    """The largest KL that every concept reaches on two thirds of the games: "KL = 0.1 nats".

    A concept reaches a KL where its answer exists: where the KL reached (``kl_to_ref``) is defined
    or, in rows without it, any value but a time. A game with several such rows, of seeds, draws or
    changes, counts by their share. If no KL is reached on so many games, the KL that is reached on
    most, the largest of several. The games are those asked for at some KL, the concepts those of
    ``rows`` at some KL. None if no KL is matched.

    Parameters
    ----------
    rows : DataFrame
        As ``results.frames.describe`` returns them.
    """
    levels = [name for name in categories(rows["comparison"]) if math.isfinite(level(name))]
    rows = rows[rows["comparison"].isin(levels)]
    concepts = _COMPARED & set(rows["concept"]) or set(rows["concept"])
    keys = ["comparison", "game", "concept"]
    rows = _of_answers(rows[rows["concept"].isin(concepts)])
    if not levels or rows.empty:
        return levels[0] if levels else None
    each = rows["value"].notna().groupby([rows[key] for key in keys], observed=True).mean()
    shares = each.unstack("concept").reindex(columns=sorted(concepts)).fillna(0.0).min(axis=1)
    counts = shares.groupby("comparison", observed=True).sum().round(6)
    order = sorted(map(str, counts.index), key=level)
    least = round(_ENOUGH * rows["game"].nunique(), 6)
    enough = [name for name in order if counts[name] >= least]
    return enough[-1] if enough else max(reversed(order), key=lambda name: float(counts[name]))


def _of_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that exist exactly where the answer does; costs exist where it does not."""
    if "metric" not in rows:
        return rows
    metric = rows["metric"].astype(str)
    return rows[metric == _REACHED] if (metric == _REACHED).any() else rows[metric != "seconds"]


def fixed_set(
    values: pd.DataFrame, unit: str | list[str], asked: Sequence[str], *levels: Iterable[str]
) -> pd.Index:
    """The units with a value in every combination of ``levels``: what one mean is taken over.

    A mean over other units at one level than at the next would compare units, not levels.

    Parameters
    ----------
    values : DataFrame
        One line a unit and combination, with the column ``value``, NaN where it does not exist.
    unit : str or list of str
        Columns that name a unit, such as a game.
    asked : sequence of str
        Columns that name a combination, such as comparison and method.
    *levels : iterable of str
        The values asked of each of these columns; all that occur, if none are given.
    """
    wide = values.pivot(index=unit, columns=list(asked), values="value")
    if levels:
        wide = wide.reindex(columns=pd.MultiIndex.from_product(levels))
    return wide.index[wide.notna().all(axis=1)]


def equal_temperature(rows: pd.DataFrame) -> str | None:
    """The smallest tau > 0 at which all concepts were run, or else most methods; None if none."""
    names = [name for name in categories(rows["comparison"]) if name.startswith("tau = ")]
    names = [name for name in names if name != NO_PENALTY]
    if not names:
        return None
    group = rows[["comparison", "game", "method", "concept"]].drop_duplicates()
    of_name = group.groupby("comparison", observed=True)
    complete = [n for n in names if set(of_name.get_group(n)["concept"]) >= _COMPARED]
    return complete[0] if complete else max(names, key=lambda name: int(of_name.size()[name]))


def comparisons_to_show(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Tau = 0 and one KL, then those needed to show every method -> the methods that each adds.

    Equal temperature comes after equal strength, and only for methods that were run nowhere else.
    ``rows`` come from ``describe``.
    """
    pairs = rows[["comparison", "method"]].drop_duplicates().sort_values(["comparison", "method"])
    names = categories(rows["comparison"])
    first = [name for name in (NO_PENALTY, middle_level(rows)) if name in names]
    order = [*first, equal_temperature(rows), *names]
    added: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for name in order if name):
        methods = pairs.loc[pairs["comparison"] == name, "method"].astype(str)
        new = [method for method in methods if all(method not in old for old in added.values())]
        if new or name in first:
            added[name] = new
    return added


def main_comparison(rows: pd.DataFrame) -> str:
    """The first comparison that is shown: tau = 0, or else one KL, or else an equal temperature."""
    return next(iter(comparisons_to_show(rows)))


def select_comparison(rows: pd.DataFrame, comparison: str | None) -> pd.DataFrame:
    """The rows of one comparison, by default the main one.

    Raises
    ------
    RunError
        If the comparison does not occur; the message lists those that do.
    """
    names = categories(rows["comparison"])
    chosen = comparison or main_comparison(rows)
    if chosen not in names:
        raise RunError(f"table: no row at {chosen!r}; expected one of: {', '.join(names)}")
    return rows[rows["comparison"] == chosen]
