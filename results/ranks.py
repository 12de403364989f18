"""Ranks of methods: those that cannot be told apart share a rank group."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results.intervals import p_value
from results.metrics import METRICS
from results.statistics import fill_units, holm, with_draws

SIGNIFICANT = 0.05
"""Two methods are told apart where the p-value of their difference, adjusted, is below this."""

SAME = 1e-6
"""Values that differ by no more are the same: iterative solvers stop that near to their answer."""

MEANING = (
    "rank group, 1 the best: methods that cannot be told apart share one, and 1-2 stands between. "
    "Values in which nothing is random are compared as they are; others by Student's paired t test "
    "on common seeds or draws, with Holm's adjustment for all pairs and games of the table"
)


def rank_groups(
    rows: pd.DataFrame,
    by: Sequence[str],
    metric: str,
    within: Literal["mean", "max"] = "mean",
    together: Sequence[str] = ("game",),
) -> "pd.Series[str]":
    """The rank groups of the methods in each combination of ``by``: "1", "1-2", "2".

    Methods are compared on the draws or seeds for which both have a value. A group is a largest set
    of methods of which no two are told apart; being told apart is no order, so that a method may be
    in several groups. They are numbered by their best member.

    Parameters
    ----------
    rows : DataFrame
        As ``results.frames.describe`` returns them.
    by : sequence of str
        Columns such as game and comparison.
    metric : str
        A metric of which one direction is better.
    within : "mean" or "max"
        How rows of one method, seed and context are combined.
    together : sequence of str
        Columns of ``by`` over which p-values are adjusted together, with all pairs of methods.

    Returns
    -------
    Series
        Indexed by ``by`` and "method"; methods without a value have none.
    """
    rows = rows[rows["metric"] == metric]
    units = with_draws(fill_units(rows)).groupby(
        [*by, "seed", "draw", "context", "method"], observed=True
    )
    wide = units["value"].agg(within).unstack("method").astype(float)
    keys = list(by)
    parts = {_tuple(key): _Compared(part) for key, part in wide.groupby(keys, observed=True)}
    tables: dict[tuple[object, ...], list[_Compared]] = {}
    for key, part in parts.items():
        rest = [value for name, value in zip(keys, key, strict=True) if name not in together]
        tables.setdefault(tuple(rest), []).append(part)
    for table in tables.values():
        adjusted = holm(np.concatenate([part.p for part in table]))
        for part in table:
            part.differ |= adjusted[: len(part.p)] < SIGNIFICANT
            adjusted = adjusted[len(part.p) :]
    lowest = METRICS[metric].better == "lower"
    out = {
        (*key, method): text
        for key, part in parts.items()
        for method, text in part.groups(lowest).items()
    }
    index = pd.MultiIndex.from_tuples(list(out), names=[*keys, "method"])
    return pd.Series(list(out.values()), index, dtype=object, name="rank")


def _tuple(key: Any) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


class _Compared:
    """The methods of one game: which pairs differ, and the p-values of those that are tested."""

    def __init__(self, wide: pd.DataFrame) -> None:
        wide = _on_common_seeds(wide.dropna(axis=1, how="all"))
        drawn = bool((wide.index.get_level_values("seed") >= 0).any())
        repetition = wide.groupby(level=["seed", "draw"]).ngroup().to_numpy()
        values = {str(name): wide[name].to_numpy() for name in wide}
        self.means = wide.mean().set_axis(list(values))
        self.pairs = list(combinations(values, 2))
        self.p = np.full(len(self.pairs), np.nan)
        self.differ = np.zeros(len(self.pairs), dtype=bool)
        for k, (first, second) in enumerate(self.pairs):
            gaps = _over_contexts(values[first] - values[second], repetition)
            gaps[np.abs(gaps) <= SAME] = 0.0
            if drawn:
                self.p[k] = p_value(gaps[None])[0]
            else:
                self.differ[k] = bool(np.any(gaps))

    def groups(self, lowest: bool) -> dict[str, str]:
        """Method -> the numbers of its groups."""
        order = self.means.sort_values(ascending=lowest, kind="stable").index
        place = {name: k for k, name in enumerate(order)}
        different = [pair for pair, far in zip(self.pairs, self.differ, strict=True) if far]
        ranked = sorted(
            sorted(place[name] for name in names) for names in _cliques(place, different)
        )
        return {
            name: _numbers([k for k, group in enumerate(ranked, 1) if place[name] in group])
            for name in order
        }


def _on_common_seeds(wide: pd.DataFrame) -> pd.DataFrame:
    """The lines of seeds, with the values of methods in which nothing is drawn in each of them."""
    drawn = wide.index.get_level_values("seed") >= 0
    if drawn.all() or not drawn.any():
        return wide
    contexts = wide.index.get_level_values("context")
    fixed = wide[~drawn].set_axis(contexts[~drawn]).reindex(contexts[drawn])
    return wide[drawn].fillna(fixed.set_axis(wide.index[drawn]))


def _over_contexts(
    gaps: NDArray[np.float64], repetition: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """The mean difference of each repetition for which both methods have a value."""
    exists = ~np.isnan(gaps)
    totals = np.bincount(repetition[exists], gaps[exists])
    counts = np.bincount(repetition[exists])
    return totals[counts > 0] / counts[counts > 0]


def _cliques(names: Iterable[str], different: list[tuple[str, str]]) -> list[frozenset[str]]:
    """The largest sets without a pair that is told apart.

    Sets are split at one pair after another and those inside others dropped (Piepho, An Algorithm
    for a Letter-Based Representation of All-Pairwise Comparisons, Journal of Computational and
    Graphical Statistics 13, 2004; recalled, not checked).
    """
    sets = {frozenset(names)}
    for first, second in different:
        for group in [group for group in sets if {first, second} <= group]:
            sets.remove(group)
            for part in (group - {first}, group - {second}):
                if not any(part <= other for other in sets):
                    sets.add(part)
    return list(sets)


def _numbers(groups: list[int]) -> str:
    """The numbers of groups as text: "2", "1-3" for consecutive ones, else "1, 3"."""
    if len(groups) > 1 and groups[-1] - groups[0] == len(groups) - 1:
        return f"{groups[0]}-{groups[-1]}"
    return ", ".join(map(str, groups))
