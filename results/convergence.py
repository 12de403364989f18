"""How fast is a target approached, and is it? Tables, sentences and a figure of these rows."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from results import style
from results.algorithms import (
    FLOOR,
    PLACE,
    UNIT,
    Look,
    key,
    log_scales,
    looks_of,
    placed,
    rows_of,
    spread,
)
from results.frames import categories
from results.rows import RunError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REACHED = 1e-10
"""Regularised gap at which an equilibrium counts as reached."""

_THERE = 1e-12
_AXES = {"step": "steps", "oracle_calls": "oracle calls", "seconds": "seconds"}


def traces(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of convergence at a step, one line a unit, iterate and step, one column a metric.

    Raises
    ------
    RunError
        As for every function here: a column is missing, or the question was not asked.
    """
    rows = rows_of(frame, "convergence", iterate="", contexts="")
    rows = rows[rows["step"].notna() & (rows["metric"] != "row_tv")]
    cost = rows[rows["metric"].isin(("oracle_calls", "seconds"))]
    own = rows[~rows.index.isin(cost.index)]
    wide = spread(own, [*UNIT, "iterate", "contexts", "step"])
    paid = spread(cost, [*PLACE, "seed", "step"])
    return wide.merge(paid, on=[*PLACE, "seed", "step"], how="left")


def convergence(frame: pd.DataFrame, reached: float = REACHED) -> pd.DataFrame:
    """One line a game (context), comparison and method: where the run ends, and what it took.

    steps, oracle_calls and seconds are those after which the regularised gap stays at or below
    ``reached``; NaN where it never does. The seconds are those of all contexts together. eta and
    limit are the step size used and the one up to which the fixed point is stable. shrinks:
    the target is reached (KL at most 1e-12), or the largest KL to it in the last half of the steps
    is below half of that between a sixth and a half of them; where it does not, the run cycles,
    or creeps.
    """
    told = traces(frame)
    told = told[told["iterate"] == "last"]
    if "regularised_gap" not in told:
        raise RunError("convergence: no solver of this run has a regularised gap")
    told = told[told["regularised_gap"].notna()]
    lines = []
    for unit, own in told.groupby([*UNIT, "contexts"], observed=True, sort=False):
        own = own.sort_values("step")
        last, above = own.iloc[-1], np.flatnonzero(own["regularised_gap"].to_numpy() > reached)
        first = 0 if not above.size else above[-1] + 1
        paid: Any = own.iloc[first] if first < len(own) else dict.fromkeys(_AXES, math.nan)
        lines.append(
            dict(zip([*UNIT, "contexts"], unit, strict=True))
            | {"regularised_gap": last["regularised_gap"]}
            | {name: last.get(name, math.nan) for name in ("kl_to_target", "tv_to_target")}
            | {"steps": paid["step"], "oracle_calls": paid["oracle_calls"]}
            | {"seconds": paid["seconds"], "last_step": last["step"]}
            | {"shrinks": _shrinks(own)}
        )
    out = pd.DataFrame(lines)
    limits = rows_of(frame, "convergence", eta=math.nan, route="")
    limits = limits[limits["metric"] == "step_limit"]
    known = limits[[*UNIT, "eta", "value"]].rename(columns={"value": "limit"})
    for name in ("seed", "context"):
        known[name] = known[name].fillna(-1)
    return placed(out.merge(known, on=UNIT, how="left"))


def _shrinks(own: pd.DataFrame) -> bool:
    share, away = own["step"] / own["step"].max(), own["kl_to_target"]
    late = away[share > 0.5].max()
    return bool(away.iloc[-1] <= _THERE or late < 0.5 * away[share.between(1 / 6, 0.5)].max())


def summary(frame: pd.DataFrame, reached: float = REACHED) -> pd.DataFrame:
    """One line a game, comparison and method: in how many contexts the gap is reached, median cost.

    The medians are over the contexts that reach it.
    """
    group = convergence(frame, reached).groupby(PLACE, observed=True, sort=False)
    out = group.agg(
        reached=("steps", "count"),
        of=("steps", "size"),
        steps=("steps", "median"),
        oracle_calls=("oracle_calls", "median"),
        seconds=("seconds", "median"),
        largest_gap=("regularised_gap", "max"),
        largest_tv=("tv_to_target", "max"),
    )
    return out.reset_index()


def ends(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method and iterate: distance to the target at the end.

    tv and kl are the largest over contexts.
    """
    told = traces(frame)
    told = told.sort_values("step").groupby([*UNIT, "contexts", "iterate"], observed=True).tail(1)
    group = told.groupby([*PLACE, "iterate"], observed=True, sort=False)
    names = [name for name in ("tv_to_target", "kl_to_target", "duality_gap") if name in told]
    return group[names].max().reset_index()


def findings(frame: pd.DataFrame) -> list[str]:
    """Who reaches the equilibrium, where, and whether cycles are where the limit says."""
    told = convergence(frame)
    out = []
    for (comparison, method), own in told.groupby(["comparison", "method"], observed=True):
        hit = own["steps"].notna()
        line = (
            f"{comparison}, {method}: {hit.sum()} of {len(own)} games at a regularised gap of "
            f"{REACHED:g}; the largest at the end is {own['regularised_gap'].max():.1e}"
        )
        if hit.any():
            line += f"; median {own.loc[hit, 'steps'].median():,.0f} steps and "
            line += f"{own.loc[hit, 'oracle_calls'].median():,.0f} oracle calls"
        above = own["limit"] <= own["eta"]
        if own["limit"].notna().any() and above.any():
            stuck = ~own["shrinks"]
            same = "the same" if (above == stuck).all() else "not the same"
            line += (
                f"; its step size is above the limit in {above.sum()} games, and it no longer "
                f"nears its target in {stuck.sum()}: {same} games"
            )
        out.append(f"{line}.")
    return out


def figure(frame: pd.DataFrame) -> "Figure":
    """Regularised gap against steps, oracle calls and seconds, a row a comparison.

    Thick lines are medians over games, each thin line is a game.
    """
    told = traces(frame)
    told = told[(told["iterate"] == "last") & (told["step"] > 0)]
    if "regularised_gap" not in told:
        raise RunError("convergence: no solver of this run has a regularised gap")
    told = told[told["regularised_gap"].notna()]
    told = told.assign(gap=told["regularised_gap"].clip(lower=FLOOR))
    there, looks = categories(told["comparison"]), looks_of(told)
    with style.settings():
        title = "How fast the equilibrium is approached"
        page = style.Page(title, key(looks), *[1.9] * len(there))
        for i, comparison in enumerate(there):
            row = page.panels(i, 1, 3, left=0.7, apart=(0.25, 0))[0]
            part = told[told["comparison"] == comparison]
            low = max(FLOOR, part["gap"].min()) / 3
            for axes, (x, label) in zip(row, _AXES.items(), strict=True):
                _curves(axes, part, x, looks)
                axes.set_xlabel(label if i == len(there) - 1 else "")
                axes.set_ylim(low, 3)
                axes.tick_params(axis="y", labelleft=x == "step")
            row[0].set_ylabel("regularised gap")
            row[1].set_title(comparison)
    return page.figure


def _curves(axes: "Axes", told: pd.DataFrame, x: str, looks: dict[str, Look]) -> None:
    from matplotlib.collections import LineCollection

    for method, (colour, marker) in looks.items():
        own = told[told["method"].astype(str) == method]
        group = own.groupby("step", observed=True)
        middle = group[[*list(_AXES)[1:], "gap"]].median().reset_index()
        axes.plot(
            middle[x], middle["gap"], color=colour, marker=marker, markersize=3.5, markevery=8
        )
        games = own.groupby([*UNIT, "contexts"], observed=True)
        each = [game.sort_values("step")[[x, "gap"]].to_numpy() for _, game in games]
        axes.add_collection(LineCollection(each, colors=colour, linewidths=0.4, alpha=0.4))
    log_scales(axes)
