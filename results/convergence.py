"""Convergence, stability and fixed points: tables, sentences and figures of their rows.

Every function takes the frame that ``results.load`` returns. Within one comparison ("tau = 0.1") a
method is the solver's name, with those of its other parameters that differ there.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from results import style
from results.export import export, markdown
from results.frames import categories, comparison_of, describe
from results.rows import RunError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REACHED = 1e-10
"""Regularised gap at which an equilibrium counts as reached."""

_PLACE = ["game", "comparison", "method"]
_UNIT = [*_PLACE, "seed", "context"]
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#B7A70B")
_MARKERS = "osD^vP*X"
_FLOOR = 1e-18
_THERE = 1e-12
_NEAR = 1e-6
_AXES = {"step": "steps", "oracle_calls": "oracle calls", "seconds": "seconds"}


def traces(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of convergence at a step, one line a unit, iterate and step, one column a metric.

    Raises
    ------
    RunError
        As for every function here: a column is missing, or the question was not asked.
    """
    rows = _rows(frame, "convergence", iterate="", contexts="")
    rows = rows[rows["step"].notna() & (rows["metric"] != "row_tv")]
    cost = rows[rows["metric"].isin(("oracle_calls", "seconds"))]
    own = rows[~rows.index.isin(cost.index)]
    wide = _wide(own, [*_UNIT, "iterate", "contexts", "step"])
    paid = _wide(cost, [*_PLACE, "seed", "step"])
    return wide.merge(paid, on=[*_PLACE, "seed", "step"], how="left")


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
    for unit, own in told.groupby([*_UNIT, "contexts"], observed=True, sort=False):
        own = own.sort_values("step")
        last, above = own.iloc[-1], np.flatnonzero(own["regularised_gap"].to_numpy() > reached)
        first = 0 if not above.size else above[-1] + 1
        paid: Any = own.iloc[first] if first < len(own) else dict.fromkeys(_AXES, math.nan)
        lines.append(
            dict(zip([*_UNIT, "contexts"], unit, strict=True))
            | {"regularised_gap": last["regularised_gap"]}
            | {name: last.get(name, math.nan) for name in ("kl_to_target", "tv_to_target")}
            | {"steps": paid["step"], "oracle_calls": paid["oracle_calls"]}
            | {"seconds": paid["seconds"], "last_step": last["step"]}
            | {"shrinks": _shrinks(own)}
        )
    out = pd.DataFrame(lines)
    limits = _rows(frame, "convergence", eta=math.nan, route="")
    limits = limits[limits["metric"] == "step_limit"]
    known = limits[[*_UNIT, "eta", "value"]].rename(columns={"value": "limit"})
    for name in ("seed", "context"):
        known[name] = known[name].fillna(-1)
    return _placed(out.merge(known, on=_UNIT, how="left"))


def _shrinks(own: pd.DataFrame) -> bool:
    share, away = own["step"] / own["step"].max(), own["kl_to_target"]
    late = away[share > 0.5].max()
    return bool(away.iloc[-1] <= _THERE or late < 0.5 * away[share.between(1 / 6, 0.5)].max())


def summary(frame: pd.DataFrame, reached: float = REACHED) -> pd.DataFrame:
    """One line a game, comparison and method: in how many contexts the gap is reached, median cost.

    The medians are over the contexts that reach it.
    """
    group = convergence(frame, reached).groupby(_PLACE, observed=True, sort=False)
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

    tv and kl are the largest over contexts; row_tv is the largest over the follower's rows, and
    frozen tells how many of them are farther than 0.1 from their closed form.
    """
    told = traces(frame)
    told = told.sort_values("step").groupby([*_UNIT, "contexts", "iterate"], observed=True).tail(1)
    group = told.groupby([*_PLACE, "iterate"], observed=True, sort=False)
    names = [name for name in ("tv_to_target", "kl_to_target", "duality_gap") if name in told]
    out = group[names].max().reset_index()
    rows = _rows(frame, "convergence", action="")
    rows = rows[rows["metric"] == "row_tv"]
    if len(rows):
        late = rows.assign(frozen=rows["value"] > 0.1).groupby(_PLACE, observed=True)
        replies = late.agg(row_tv=("value", "max"), frozen=("frozen", "sum")).reset_index()
        out = out.merge(replies, on=_PLACE, how="left")
    return out


def stability(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game (context), comparison and method: limits of the step size, and both sides.

    ratio: observed over predicted. kl_0.95, kl_1.05, ...: KL(target | policy) after a run from
    afar with that share of the predicted limit.
    """
    rows = _rows(frame, "stability", route="", of_limit=math.nan)
    rows = rows[rows["metric"].isin(("omega", "step_limit", "kl_to_target"))]
    name = rows["metric"].astype(str)
    name = name.mask(name == "step_limit", rows["route"].astype(str))
    factor = rows["of_limit"].map(lambda share: f"kl_{share:g}")
    name = name.mask(name == "kl_to_target", factor)
    wide = _wide(rows.assign(metric=name), _UNIT)
    for column in ("predicted", "observed"):
        if column not in wide:
            wide[column] = math.nan
    wide["ratio"] = wide["observed"] / wide["predicted"]
    return _placed(wide)


def stability_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a comparison and method: the limits' range over games, and runs that settle.

    ratio_low and ratio_high are of observed over predicted; settled_0.95, ... tells in how many
    of the runs with that share of the predicted limit the KL to the target ends below 1e-6.
    """
    told = stability(frame)
    group = told.groupby(["comparison", "method"], observed=True, sort=False)
    out = group.agg(
        games=("omega", "size"),
        limit_low=("predicted", "min"),
        limit_high=("predicted", "max"),
        ratio_low=("ratio", "min"),
        ratio_high=("ratio", "max"),
    )
    for column in [str(name) for name in told if str(name).startswith("kl_")]:
        out[f"settled_{column[3:]}"] = group[column].agg(
            lambda runs: f"{(runs < _NEAR).sum()} of {runs.notna().sum()}"
        )
    return out.reset_index()


def fixed_points(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method and route: mean and largest distance to Nash.

    route: the closed form ("target"), or what the run ended with ("last", "average").
    """
    rows = _rows(frame, "fixed_points", route="", nash_tau=0.0)
    rows = rows[rows["metric"] == "tv_to_nash"]
    group = rows.groupby([*_PLACE, "nash_tau", "route"], observed=True, sort=False)["value"]
    return group.agg(["mean", "max", "size"]).reset_index()


def convergence_findings(frame: pd.DataFrame) -> list[str]:
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


def stability_findings(frame: pd.DataFrame) -> list[str]:
    """How well the linearisation predicts the limit, and what happens on both sides of it."""
    told, out = stability(frame), []
    for method, own in told.groupby("method", observed=True):
        both = own.dropna(subset="ratio")
        if both.empty:
            out.append(f"{method}: stable at every step size, or no formula.")
            continue
        line = (
            f"{method}: observed / predicted limit in [{both['ratio'].min():.3f}, "
            f"{both['ratio'].max():.3f}] ({len(both)} games)"
        )
        for column in [name for name in own if str(name).startswith("kl_")]:
            runs = own[column].dropna()
            near = (runs < _NEAR).sum()
            line += f"; at {str(column)[3:]} of it {near} of {len(runs)} runs end within 1e-6 nats"
        out.append(f"{line}.")
    return out


def fixed_points_findings(frame: pd.DataFrame) -> list[str]:
    """How far from the regularised equilibrium each method ends."""
    told = fixed_points(frame)
    out = []
    keys = ["comparison", "method", "route", "nash_tau"]
    for (comparison, method, route, tau), own in told.groupby(keys, observed=True):
        where = f"{comparison}, {method} ({route}, against Nash at {tau:g})"
        out.append(
            f"{where}: total variation to Nash {own['mean'].min():.3f} to {own['max'].max():.3f}."
        )
    return out


def convergence_figure(frame: pd.DataFrame) -> "Figure":
    """Regularised gap against steps, oracle calls and seconds, a row a comparison.

    Lines are medians over games, bands reach from the least to the largest.
    """
    told = traces(frame)
    told = told[(told["iterate"] == "last") & (told["step"] > 0)]
    if "regularised_gap" not in told:
        raise RunError("convergence: no solver of this run has a regularised gap")
    told = told[told["regularised_gap"].notna()]
    told = told.assign(gap=told["regularised_gap"].clip(lower=_FLOOR))
    there, looks = categories(told["comparison"]), _looks(told)
    with style.settings():
        title = "How fast the equilibrium is approached"
        page = style.Page(title, _key(looks), *[1.9] * len(there))
        for i, comparison in enumerate(there):
            row = page.panels(i, 1, 3, left=0.7, apart=(0.25, 0))[0]
            part = told[told["comparison"] == comparison]
            low = max(_FLOOR, part["gap"].min()) / 3
            for axes, (x, label) in zip(row, _AXES.items(), strict=True):
                _bands(axes, part, x, looks)
                axes.set_xlabel(label if i == len(there) - 1 else "")
                axes.set_ylim(low, 3)
                axes.tick_params(axis="y", labelleft=x == "step")
            row[0].set_ylabel("regularised gap")
            row[1].set_title(comparison)
    return page.figure


def stability_figure(frame: pd.DataFrame) -> "Figure":
    """Observed against predicted limit, and where runs beside the limit end."""
    told = stability(frame)
    looks = _looks(told)
    sides = [str(name) for name in told if str(name).startswith("kl_")]
    with style.settings():
        page = style.Page("Up to which step size is it stable?", _key(looks), 2.6)
        row = page.panels(0, 1, 1 + len(sides), left=0.7, apart=(0.45, 0))[0]
        both = told.dropna(subset="ratio")
        low, high = both["predicted"].min() / 1.5, both["predicted"].max() * 1.5
        row[0].plot([low, high], [low, high], color=style.FAINT, linewidth=1.0, zorder=0)
        row[0].set(xlabel="predicted limit of eta", ylabel="observed limit")
        for axes, name in zip(row[1:], sides, strict=True):
            axes.set(xlabel="predicted limit of eta", title=f"KL to target at {name[3:]} of it")
        for method, (colour, marker) in looks.items():
            own = both[both["method"].astype(str) == method]
            look: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": ""}
            row[0].plot(own["predicted"], own["observed"], **look)
            for axes, name in zip(row[1:], sides, strict=True):
                axes.plot(own["predicted"], own[name].clip(lower=_FLOOR), **look)
        for axes in row:
            axes.set(xscale="log", yscale="log")
            axes.minorticks_off()
    return page.figure


FIGURES = {"convergence": convergence_figure, "stability": stability_figure}
"""Name of the file -> what draws it."""

TABLES = {
    "convergence": {"convergence_summary": summary, "convergence": convergence, "ends": ends},
    "stability": {"stability_summary": stability_summary, "stability": stability},
    "fixed_points": {"fixed_points": fixed_points},
}
"""Question -> name of the file -> table; the first is shown in the report."""

FINDINGS = {
    "convergence": convergence_findings,
    "stability": stability_findings,
    "fixed_points": fixed_points_findings,
}

_TITLES = {
    "convergence": "How fast is the target approached, and is it?",
    "stability": "Up to which step size is the fixed point stable?",
    "fixed_points": "Where do the defaults end?",
}


def first_tables(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """The first table of every question that was asked and has one."""
    found = []
    for tables in TABLES.values():
        for table in tables.values():
            try:
                found.append(table(frame))
            except RunError:
                continue
            break
    return found


def report(folder: Path, frame: pd.DataFrame) -> Iterator[str]:
    """The questions about iterative solvers that were asked, in Markdown; tables go to files."""
    for question, title in _TITLES.items():
        if question not in set(frame["experiment"]):
            continue
        yield f"## {title}\n"
        try:
            yield "".join(f"- {line}\n" for line in FINDINGS[question](frame))
        except RunError as error:
            yield f"Not measured: {error}\n"
            continue
        for k, (name, table) in enumerate(TABLES[question].items()):
            path = export(table(frame), folder / "tables" / f"{name}.csv")
            link = f"{path.parent.name}/{path.name}"
            if k == 0:
                yield markdown(table(frame))
            yield f"In full: [{link}]({link})\n"
        if (folder / "figures" / f"{question}.png").is_file():
            yield f"![{title}](figures/{question}.png)\n"


def _rows(frame: pd.DataFrame, question: str, **labels: Any) -> pd.DataFrame:
    """Rows that were measured, described comparison by comparison, with labels as columns."""
    if frame.empty or "params" not in frame or (frame["experiment"] != question).all():
        describe(frame, question)  # raises
    frame = frame[frame["experiment"] == question]
    held = frame.select_dtypes("category").columns
    frame = frame.astype(dict.fromkeys(held, object))
    kinds = frame["params"].map({text: comparison_of(text) for text in frame["params"].unique()})
    parts = [describe(own) for _, own in frame.groupby(kinds, sort=False)]
    rows = pd.concat([part.astype(dict.fromkeys([*_PLACE, "metric"], str)) for part in parts])
    rows = rows[(rows["status"] != "skipped") & (rows["metric"] != "")]
    if rows.empty:
        raise RunError(f"{question}: skipped in every cell of this run; see tables.statuses")
    parsed = rows["labels"].map({text: json.loads(text) for text in rows["labels"].unique()})
    told = {
        name: [_known(own.get(name), other) for own in parsed] for name, other in labels.items()
    }
    return rows.assign(**told, **{name: _in_order(rows[name]) for name in _PLACE})


def _known(value: Any, other: Any) -> Any:
    return other if value is None else value


def _in_order(words: "pd.Series[Any]") -> "pd.Series[Any]":
    return words.astype(pd.CategoricalDtype(list(words.unique()), ordered=True))


def _wide(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One line a value of ``keys``, one column a metric."""
    filled = rows.assign(seed=rows["seed"].fillna(-1), context=rows["context"].fillna(-1))
    values = filled.groupby([*keys, "metric"], observed=True)["value"]
    return values.first().unstack("metric").reset_index().rename_axis(columns=None)


def _placed(table: pd.DataFrame) -> pd.DataFrame:
    """Seed and context as integers, missing where there is none."""
    for name in ("seed", "context"):
        whole = table[name].astype("Int64")
        table[name] = whole.mask(whole == -1)
    return table


def _looks(told: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Colour and marker of every method; the methods are mostly of one concept here."""
    methods = sorted(set(told["method"].astype(str)))
    return {
        method: (
            _COLOURS[k % len(_COLOURS)],
            _MARKERS[(k + 3 * (k // len(_COLOURS))) % len(_MARKERS)],
        )
        for k, method in enumerate(methods)
    }


def _bands(axes: "Axes", told: pd.DataFrame, x: str, looks: dict[str, tuple[str, str]]) -> None:
    for method, (colour, _) in looks.items():
        own = told[told["method"].astype(str) == method]
        group = own.groupby("step", observed=True)
        at = group[x].median() if x != "step" else group["gap"].size().index.to_series()
        band = group["gap"].agg(["min", "median", "max"])
        axes.plot(at, band["median"], color=colour)
        axes.fill_between(
            at.to_numpy(float), band["min"].to_numpy(), band["max"].to_numpy(),
            color=colour, alpha=0.12, linewidth=0,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log")
    axes.minorticks_off()


def _key(looks: dict[str, tuple[str, str]]) -> dict[str, Any]:
    from matplotlib.lines import Line2D

    return {
        method: Line2D([], [], color=colour, marker=marker)
        for method, (colour, marker) in looks.items()
    }
