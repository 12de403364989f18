"""How fast is a target approached, and is it?

Three tables: all iterative methods, Newton's method against the best of them, and followers that
learn at kappa times the leader's rate.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from results import panels, style
from results.frames import categories
from results.questions.layout import PLACE, UNIT, lines, spread, with_missing_units
from results.questions.section import Column, Section, Table, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REACHED = 1e-10
"""Regularised gap at which an equilibrium counts as reached."""

FAR = 0.1
"""Total variation to the closed form from which a row of the follower counts as far off."""

_AT_TARGET = 1e-12
_COSTS = {"step": "steps", "oracle_calls": "oracle calls", "seconds": "seconds"}
_GAME = PLACE[:2]
_NO_GAP = "no solver of this run has a regularised gap"


def traces(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a unit, iterate and step, one column a metric."""
    rows = rows[rows["step"].notna() & (rows["metric"] != "row_tv")]
    cost = rows["metric"].isin(("oracle_calls", "seconds"))
    wide = spread(rows[~cost], [*UNIT, "iterate", "contexts", "step"])
    paid = spread(rows[cost], [*PLACE, "seed", "step"])
    return wide.merge(paid, on=[*PLACE, "seed", "step"], how="left")


def approaches(rows: pd.DataFrame) -> pd.DataFrame:
    """``traces`` of the last iterates that have a regularised gap."""
    points = traces(rows)
    if "regularised_gap" not in points:
        return points.iloc[:0].assign(regularised_gap=math.nan)
    return points[(points["iterate"] == "last") & points["regularised_gap"].notna()]


class _Approach(NamedTuple):
    """One game and context: its points by step, the last, and that from which the gap is met."""

    points: pd.DataFrame
    last: "pd.Series[Any]"
    met: Mapping[str, Any]


def _approach(points: pd.DataFrame) -> _Approach:
    points = points.sort_values("step")
    above = np.flatnonzero(points["regularised_gap"].to_numpy() > REACHED)
    first = 0 if not above.size else above[-1] + 1
    met: Any = points.iloc[first] if first < len(points) else dict.fromkeys(_COSTS, math.nan)
    return _Approach(points, points.iloc[-1], met)


def _shrinks(run: _Approach) -> bool:
    share, away = run.points["step"] / run.last["step"], run.points["kl_to_target"]
    late, before = away[share > 0.5].max(), away[share.between(1 / 6, 0.5)].max()
    return bool(away.iloc[-1] <= _AT_TARGET or late < 0.5 * before)


UNITS = (
    Column("regularised_gap", "where the run ends", lambda run: run.last["regularised_gap"]),
    Column(
        "kl_to_target", "where the run ends", lambda run: run.last.get("kl_to_target", math.nan)
    ),
    Column(
        "tv_to_target", "where the run ends", lambda run: run.last.get("tv_to_target", math.nan)
    ),
    Column(
        "steps",
        f"after which the regularised gap stays at or below {REACHED:g}; missing where it never "
        "does",
        lambda run: run.met["step"],
    ),
    Column("oracle_calls", "until then", lambda run: run.met["oracle_calls"]),
    Column("seconds", "until then, of all contexts together", lambda run: run.met["seconds"]),
    Column("last_step", "where the run ends", lambda run: run.last["step"]),
    Column(
        "shrinks",
        "whether the target is reached (KL at most 1e-12), or the largest KL to it in the last "
        "half of the steps is below half of that between a sixth and a half of them; where not, "
        "the run cycles, or creeps",
        _shrinks,
    ),
    Column("eta", "step size used"),
    Column("limit", "step size below which the fixed point is stable"),
)


def convergence(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game (context), comparison and method: where the run ends, and what it took."""
    out = lines(approaches(rows), [*UNIT, "contexts"], UNITS, _approach)
    limits = rows[rows["metric"] == "step_limit"]
    limits = limits[[*UNIT, "eta", "value"]].rename(columns={"value": "limit"})
    for name in ("seed", "context"):
        limits[name] = limits[name].fillna(-1)
    return with_missing_units(out.merge(limits, on=UNIT, how="left"))


SUMMARY = (
    Column(
        "reached",
        f"contexts and seeds in which the regularised gap stays at or below {REACHED:g}",
        lambda units: units["steps"].count(),
    ),
    Column("of", "contexts and seeds", len),
    Column("steps", "until then, the median over them", lambda units: units["steps"].median()),
    Column("oracle_calls", "the same", lambda units: units["oracle_calls"].median()),
    Column("seconds", "the same", lambda units: units["seconds"].median()),
    Column("largest_gap", "regularised, at the end", lambda units: units["regularised_gap"].max()),
    Column(
        "largest_tv",
        "total variation to the target at the end",
        lambda units: units["tv_to_target"].max(),
    ),
)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method: in how many contexts the gap is reached, median cost.

    The medians are over the contexts that reach it.
    """
    return lines(convergence(rows), PLACE, SUMMARY)


def _largest(name: str) -> Callable[[pd.DataFrame], float]:
    return lambda points: float(points[name].max())


ENDS = tuple(
    Column(name, "at the end, the largest over contexts", _largest(name))
    for name in ("tv_to_target", "kl_to_target", "duality_gap")
)


def ends(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method and iterate: distance to the target at the end."""
    points = _last_points(rows)
    return lines(points, [*PLACE, "iterate"], [c for c in ENDS if c.name in points])


def _last_points(rows: pd.DataFrame) -> pd.DataFrame:
    points = traces(rows).sort_values("step")
    return points.groupby([*UNIT, "contexts", "iterate"], observed=True).tail(1)


NEWTON = (
    Column("newton_steps", "linear systems solved, the most that a context or seed took"),
    Column("newton_gap", "regularised gap at the end, the largest"),
    Column("newton_seconds", "of all contexts together, the median over seeds"),
    Column(
        "best",
        f"the method that is fastest in seconds of those that reach {REACHED:g} in all contexts "
        'and seeds; "none" if no method does',
    ),
    Column("steps", "until then, the most that a context or seed took"),
    Column("oracle_calls", "the same"),
    Column("seconds", "until the last context is at it, the median over seeds"),
    Column("times", "how many of Newton's seconds the best method took"),
)


def newton(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game and comparison that has both Newton's method and others."""
    exact = rows[rows["step"].isna() & (rows["solver"] == "nlhf_exact")]
    if not (exact["metric"] == "newton_steps").any():
        return pd.DataFrame()
    values = exact.groupby([*_GAME, "metric"], observed=True)["value"]
    most, middle = values.max().unstack("metric"), values.median().unstack("metric")
    solved = pd.DataFrame(
        {
            "newton_steps": most["newton_steps"],
            "newton_gap": most["regularised_gap"],
            "newton_seconds": middle["seconds"],
        }
    ).dropna(subset="newton_steps")
    units, words = convergence(rows), dict.fromkeys(_GAME, str)
    tried = units[_GAME].drop_duplicates().astype(words)
    out = solved.reset_index().astype(words).merge(tried, on=_GAME)
    out = out.merge(_best(units).astype(words), on=_GAME, how="left")
    out["best"] = out["best"].astype(object).fillna("none")
    out["times"] = out["seconds"] / out["newton_seconds"]
    return out


def _best(units: pd.DataFrame) -> pd.DataFrame:
    """The fastest method of each game and comparison that reaches the gap everywhere."""
    seeds = units.assign(seed=units["seed"].fillna(-1)).groupby([*PLACE, "seed"], observed=True)
    each = seeds.agg(
        met=("steps", lambda steps: steps.notna().all()),
        steps=("steps", "max"),
        oracle_calls=("oracle_calls", "max"),
        seconds=("seconds", "max"),
    )
    group = each.reset_index().groupby(PLACE, observed=True)
    cost = group.agg(
        met=("met", "all"),
        steps=("steps", "max"),
        oracle_calls=("oracle_calls", "max"),
        seconds=("seconds", "median"),
    )
    cost = cost[cost["met"]].drop(columns="met").reset_index().sort_values("seconds")
    return cost.groupby(_GAME, observed=True).head(1).rename(columns={"method": "best"})


class _Replies(NamedTuple):
    """Rows of a follower at the end, and the last points of its leader's iterates."""

    rows: pd.DataFrame
    leader: pd.DataFrame


def _leader_tv(iterate: str, how: str) -> Callable[[_Replies], float]:
    def value(replies: _Replies) -> float:
        points = replies.leader
        return float(points.loc[points["iterate"] == iterate, "tv_to_target"].agg(how))

    return value


FOLLOWERS = (
    Column(
        "kappa",
        "the follower's rate over the leader's",
        lambda replies: json.loads(replies.rows["params"].iloc[0]).get("kappa", math.nan),
    ),
    Column(
        "games",
        "contexts and seeds",
        lambda replies: len(replies.rows.drop_duplicates(["cell", *UNIT])),
    ),
    Column(
        "settled",
        "in how many of them the run met its tolerance",
        lambda replies: (replies.rows.drop_duplicates(["cell", *UNIT])["status"] == "ok").sum(),
    ),
    Column(
        "last_tv_median",
        "total variation of the leader's last iterate to the closed form, the median over games",
        _leader_tv("last", "median"),
    ),
    Column("last_tv_largest", "the largest", _leader_tv("last", "max")),
    Column(
        "average_tv_median",
        "the same for the average of its iterates",
        _leader_tv("average", "median"),
    ),
    Column("average_tv_largest", "the largest", _leader_tv("average", "max")),
    Column(
        "row_tv_median",
        "the same for the follower's rows",
        lambda replies: replies.rows["value"].median(),
    ),
    Column("row_tv_largest", "the largest", lambda replies: replies.rows["value"].max()),
    Column(
        "far",
        f"rows of the follower farther than {FAR:g} from their closed form",
        lambda replies: (replies.rows["value"] > FAR).sum(),
    ),
    Column("rows", "of the follower", lambda replies: len(replies.rows)),
)


def followers(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, solver and kappa: where leader and follower end.

    Rows of answers that the leader has dropped freeze where they are; all of them are off where the
    step is too large.
    """
    replies = rows[rows["metric"] == "row_tv"]
    if replies.empty:
        return pd.DataFrame()
    leaders = dict(list(_last_points(rows).groupby(PLACE, observed=True)))

    def prepare(part: pd.DataFrame) -> _Replies:
        return _Replies(part, leaders[tuple(part[PLACE].iloc[0])])

    out = lines(replies, [*PLACE, "solver"], FOLLOWERS, prepare).drop(columns="method")
    unused = [name for name in out if str(name).startswith("average") and out[name].isna().all()]
    order = ["game", "comparison", "solver", "kappa"]
    return out.drop(columns=unused).sort_values(order).reset_index(drop=True)


def findings(rows: pd.DataFrame) -> list[str]:
    """Who reaches the equilibrium, where; Newton's method; how many followers' rows are far off."""
    return [*_of_methods(rows), *_of_newton(rows), *_of_followers(rows)]


def _of_methods(rows: pd.DataFrame) -> list[str]:
    out = []
    units = convergence(rows)
    for (comparison, method), part in units.groupby(["comparison", "method"], observed=True):
        hit = part["steps"].notna()
        line = (
            f"{comparison}, {method}: {hit.sum()} of {len(part)} games at a regularised gap of "
            f"{REACHED:g}; the largest at the end is {part['regularised_gap'].max():.1e}"
        )
        if hit.any():
            line += f"; median {part.loc[hit, 'steps'].median():,.0f} steps and "
            line += f"{part.loc[hit, 'oracle_calls'].median():,.0f} oracle calls"
        above = part["limit"] <= part["eta"]
        if part["limit"].notna().any() and above.any():
            stuck = ~part["shrinks"].astype(bool)
            same = "the same" if (above == stuck).all() else "not the same"
            line += (
                f"; its step size is above the limit in {above.sum()} games, and it no longer "
                f"nears its target in {stuck.sum()}: {same} games"
            )
        out.append(f"{line}.")
    return out


def _of_newton(rows: pd.DataFrame) -> list[str]:
    out = []
    for line in newton(rows).to_dict("records"):
        text = (
            f"{line['comparison']}, {line['game']}: Newton's method {line['newton_steps']:.0f} "
            f"steps and {line['newton_seconds']:.2g} s to a gap of {line['newton_gap']:.0e}; "
        )
        if line["best"] == "none":
            text += f"no first-order method reaches {REACHED:g} in every game."
        else:
            text += (
                f"{line['best']}, the fastest first-order method, {line['steps']:,.0f} steps and "
                f"{line['seconds']:.2g} s ({line['times']:.1f} times as long) to {REACHED:g}."
            )
        out.append(text)
    return out


def _of_followers(rows: pd.DataFrame) -> list[str]:
    table = followers(rows)
    if table.empty:
        return []
    out = []
    keys = ["game", "comparison", "solver"]
    for (game, comparison, solver), part in table.groupby(keys, observed=True):
        each = ", ".join(
            f"{line.far} of {line.rows} at kappa = {line.kappa:g}" for line in part.itertuples()
        )
        out.append(
            f"{comparison}, {solver} on {game}: rows of the follower farther than {FAR:g} from "
            f"their closed form: {each}."
        )
    return out


def figure(rows: pd.DataFrame) -> "Figure | None":
    """Regularised gap against steps, oracle calls and seconds, a row a comparison.

    Thick lines are medians over games, each thin line is a game.
    """
    points = approaches(rows)
    points = points[points["step"] > 0]
    if points.empty:
        return None
    points = points.assign(gap=points["regularised_gap"].clip(lower=panels.FLOOR))
    comparisons = categories(points["comparison"])
    styles = style.method_styles(rows[rows["method"].isin(set(points["method"]))])
    with style.settings():
        title = "How fast the equilibrium is approached"
        page = style.Page(title, panels.legend(styles, [], "lines"), *[1.9] * len(comparisons))
        for i, comparison in enumerate(comparisons):
            line = page.panels(i, 1, 3, left=0.7, gaps=(0.25, 0))[0]
            part = points[points["comparison"] == comparison]
            low = max(panels.FLOOR, part["gap"].min()) / 3
            for axes, (x, text) in zip(line, _COSTS.items(), strict=True):
                _curves(axes, part, x, styles)
                axes.set_xlabel(text if i == len(comparisons) - 1 else "")
                axes.set_ylim(low, 3)
                axes.tick_params(axis="y", labelleft=x == "step")
            line[0].set_ylabel("regularised gap")
            line[1].set_title(comparison)
    return page.figure


def _curves(
    axes: "Axes", points: pd.DataFrame, x: str, styles: dict[str, style.MethodStyle]
) -> None:
    from matplotlib.collections import LineCollection

    for k, (method, of_method) in enumerate(styles.items()):
        part = points[points["method"].astype(str) == method]
        group = part.groupby("step", observed=True)
        middle = group[[*list(_COSTS)[1:], "gap"]].median().reset_index()
        axes.plot(middle[x], middle["gap"], markevery=(k % 8, 8), **of_method.curve())
        games = part.groupby([*UNIT, "contexts"], observed=True)
        each = [game.sort_values("step")[[x, "gap"]].to_numpy() for _, game in games]
        thin = LineCollection(each, colors=of_method.colour, linewidths=0.4, alpha=0.25)
        axes.add_collection(thin)
    panels.log_scales(axes)


def _arranged(rows: pd.DataFrame) -> pd.DataFrame:
    """Iterates in alphabetical order, and not in that of the rows."""
    return rows.astype({"iterate": str, "contexts": str})


SECTION = Section(
    name="convergence",
    title="How fast is the target approached, and is it?",
    reading="The regularised gap, 2 tau KL(pi | best response to pi), is 0 exactly at the "
    "regularised equilibrium; an equilibrium counts as reached where it stays at or below "
    f"{REACHED:g}. A method whose fixed point is another one never gets there, however near it "
    "comes to its own target. kappa is the follower's rate over the leader's.",
    expected="Below its limit of the step size a method comes nearer by a constant factor a step; "
    "above it, it cycles. Newton's method takes a few steps. A follower that learns at the rate at "
    "which its answers are given leaves the rows of dropped answers where they are.",
    findings=findings,
    tables=(
        Table("convergence_summary", summary, SUMMARY, absent=_NO_GAP),
        Table("newton", newton, NEWTON),
        Table("followers", followers, FOLLOWERS),
        Table("convergence", convergence, UNITS, shown=False),
        Table("ends", ends, ENDS, shown=False),
    ),
    figure=figure,
    labels={
        "iterate": label("iterate"),
        "contexts": label("contexts"),
        "eta": label("eta", math.nan),
    },
    arrange=_arranged,
)
