"""Traces of iterative solvers: one line a recorded step, and where each run ends.

Here a *unit* is one context of a game under one seed: what a method solved once.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from results.questions.layout import METHOD_KEYS, UNIT_KEYS, aggregate, restore_missing, widen
from results.questions.section import Column
from results.statistics import fill_units

REACHED = 1e-10
"""Regularised gap at which an equilibrium counts as reached."""

COSTS = {"step": "steps", "oracle_calls": "oracle calls", "seconds": "seconds"}
"""Column of a trace -> what an axis calls it."""

_AT_TARGET = 1e-12


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a unit, iterate ("last" or "average") and step; one column a metric."""
    rows = rows[rows["step"].notna() & ~rows["metric"].isin(("row_tv", "probability"))]
    is_cost = rows["metric"].isin(("oracle_calls", "seconds"))
    wide = widen(rows[~is_cost], [*UNIT_KEYS, "iterate", "contexts", "step"])
    costs = widen(rows[is_cost], [*METHOD_KEYS, "seed", "step"])
    return wide.merge(costs, on=[*METHOD_KEYS, "seed", "step"], how="left")


def approaches(rows: pd.DataFrame) -> pd.DataFrame:
    """The lines of ``table`` about last iterates that have a regularised gap."""
    points = table(rows)
    if "regularised_gap" not in points:
        return points.iloc[:0].assign(regularised_gap=math.nan)
    return points[(points["iterate"] == "last") & points["regularised_gap"].notna()]


def last_points(rows: pd.DataFrame) -> pd.DataFrame:
    """The line of ``table`` with the largest step, for each unit and iterate."""
    points = table(rows).sort_values("step")
    return points.groupby([*UNIT_KEYS, "contexts", "iterate"], observed=True).tail(1)


class _Approach(NamedTuple):
    """One unit: its points by step, the last point, and the first from which the gap stays met."""

    points: pd.DataFrame
    last: "pd.Series[Any]"
    reached: Mapping[str, Any]


def _approach(points: pd.DataFrame) -> _Approach:
    points = points.sort_values("step")
    above = np.flatnonzero(points["regularised_gap"].to_numpy() > REACHED)
    first = 0 if not above.size else above[-1] + 1
    never = dict.fromkeys(COSTS, math.nan)
    reached: Any = points.iloc[first] if first < len(points) else never
    return _Approach(points, points.iloc[-1], reached)


def _shrinks(run: _Approach) -> bool:
    share, kl = run.points["step"] / run.last["step"], run.points["kl_to_target"]
    late, before = kl[share > 0.5].max(), kl[share.between(1 / 6, 0.5)].max()
    return bool(kl.iloc[-1] <= _AT_TARGET or late < 0.5 * before)


OUTCOMES = (
    Column("regularised_gap", "at the last step", lambda run: run.last["regularised_gap"]),
    Column("kl_to_target", "at the last step", lambda run: run.last.get("kl_to_target", math.nan)),
    Column("tv_to_target", "at the last step", lambda run: run.last.get("tv_to_target", math.nan)),
    Column(
        "steps",
        f"number of steps after which the regularised gap stays at or below {REACHED:g}; missing "
        "where it never does",
        lambda run: run.reached["step"],
    ),
    Column(
        "oracle_calls", "number of them up to that step", lambda run: run.reached["oracle_calls"]
    ),
    Column(
        "seconds",
        "time up to that step, for all contexts together",
        lambda run: run.reached["seconds"],
    ),
    Column("last_step", "number of steps that were run", lambda run: run.last["step"]),
    Column(
        "shrinks",
        "whether the target is reached (KL at most 1e-12), or the largest KL to it in the second "
        "half of the steps is below half of the largest between one sixth and one half of them; "
        "where neither holds, the run cycles or creeps",
        _shrinks,
    ),
    Column("eta", "step size used"),
    Column("limit", "step size below which the fixed point is stable"),
)


def outcomes(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a unit and method: where its run ends, and what it took to reach the gap."""
    out = aggregate(approaches(rows), [*UNIT_KEYS, "contexts"], OUTCOMES, _approach)
    limits = rows[rows["metric"] == "step_limit"]
    limits = fill_units(limits)[[*UNIT_KEYS, "eta", "value"]].rename(columns={"value": "limit"})
    return restore_missing(out.merge(limits, on=UNIT_KEYS, how="left"))
