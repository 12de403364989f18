"""Up to which step size is the fixed point stable?"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.curves import FLOOR, log_scales
from results.questions.layout import UNIT_KEYS, aggregate, restore_missing, widen
from results.questions.section import Column, Section, Table, label
from results.sheet import Sheet, fitting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SETTLED = 1e-6
_NEAR = 1.1
_SIDE = "kl_"
"""Prefix of the columns of runs just below or above the limit: "kl_0.95" is at 0.95 of it."""

UNITS = (
    Column("omega"),
    Column("predicted", "limit of the step size, from the linearisation at the fixed point"),
    Column("observed", "largest step size at which runs started near the fixed point converge"),
    Column("ratio", "observed over predicted"),
    Column(
        f"{_SIDE}*",
        "KL(target | pi) after a run started far away, at that share of the predicted limit",
    ),
)

SUMMARY = (
    Column("games", "number of contexts", lambda units: len(units)),
    Column("limit_low", "lowest predicted limit", lambda units: units["predicted"].min()),
    Column("limit_high", "highest predicted limit", lambda units: units["predicted"].max()),
    Column("ratio_low", "lowest observed over predicted", lambda units: units["ratio"].min()),
    Column("ratio_high", "highest observed over predicted", lambda units: units["ratio"].max()),
    Column(
        "settled_*",
        "number of runs at that share of the predicted limit whose KL to the target ends below "
        f"{_SETTLED:g}",
    ),
)


def stability(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a context and method: both limits of the step size, and where runs beside it end."""
    rows = rows[rows["metric"].isin(("omega", "step_limit", "kl_to_target"))]
    name = rows["metric"]
    name = name.mask(name == "step_limit", rows["route"].astype(str))
    side = rows["of_limit"].map(lambda share: f"{_SIDE}{share:g}")
    name = name.mask(name == "kl_to_target", side)
    wide = widen(rows.assign(metric=name), UNIT_KEYS)
    for column in ("predicted", "observed"):
        if column not in wide:
            wide[column] = math.nan
    wide["ratio"] = wide["observed"] / wide["predicted"]
    return restore_missing(wide)


def _sides(units: pd.DataFrame) -> list[str]:
    return [str(name) for name in units if str(name).startswith(_SIDE)]


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a comparison and method: range of the limits, and how many runs settle."""
    units = stability(rows)
    sides = _sides(units)
    shares = [Column(f"settled_{name.removeprefix(_SIDE)}", value=_settled(name)) for name in sides]
    return aggregate(units, ["comparison", "method"], [*SUMMARY, *shares])


def _settled(name: str) -> Callable[[pd.DataFrame], str]:
    return lambda units: f"{(units[name] < _SETTLED).sum()} of {units[name].notna().sum()}"


def findings(rows: pd.DataFrame) -> list[str]:
    """How well the linearisation predicts the limit, and what happens on either side of it."""
    out = []
    for method, part in stability(rows).groupby("method", observed=True):
        both = part.dropna(subset="ratio")
        if both.empty:
            out.append(f"{method}: stable at every step size, or no formula.")
            continue
        line = (
            f"{method}: observed / predicted limit in [{both['ratio'].min():.3f}, "
            f"{both['ratio'].max():.3f}] ({len(both)} games)"
        )
        for name in _sides(part):
            runs = part[name].dropna()
            near, share = (runs < _SETTLED).sum(), name.removeprefix(_SIDE)
            line += f"; at {share} of it {near} of {len(runs)} runs end within 1e-6 nats"
        out.append(f"{line}.")
    return out


def figure(rows: pd.DataFrame) -> "Figure | None":
    """Observed against predicted limit, and where runs just below and above it end."""
    units = stability(rows)
    both, sides = units.dropna(subset="ratio"), _sides(units)
    if both.empty:
        return None
    styles = style.method_styles(rows[rows["method"].isin(set(both["method"]))])
    with style.settings():
        near = both["ratio"].between(1 / _NEAR, _NEAR).mean()
        title = "Up to which step size a method is stable\n"
        title += f"The observed limit is within 10% of the predicted one in {near:.0%} of games"
        columns = fitting(1 + len(sides), 1.5)
        lines = -(-(1 + len(sides)) // columns)
        sheet = Sheet(title, panels.legend(styles, []), 2.1 * lines)
        first, *others = sheet.some_panels(0, 1 + len(sides), columns)
        low, high = both["predicted"].min() / 1.5, both["predicted"].max() * 1.5
        first.plot([low, high], [low, high], color=style.FAINT, linewidth=1.0, zorder=0)
        first.set(xlabel="predicted limit\nof the step size", ylabel="observed limit")
        for axes, name in zip(others, sides, strict=True):
            share = name.removeprefix(_SIDE)
            axes.set(xlabel="predicted limit\nof the step size", ylabel="KL to the target (nats)")
            axes.set_title(f"run at {share} of the limit")
        for method, of_method in styles.items():
            part = both[both["method"].astype(str) == method]
            first.plot(part["predicted"], part["observed"], **of_method.dot())
            for axes, name in zip(others, sides, strict=True):
                distance = part[name].clip(lower=FLOOR)
                axes.plot(part["predicted"], distance, **of_method.dot())
        for axes in (first, *others):
            log_scales(axes)
    return sheet.figure


SECTION = Section(
    name="stability",
    title="Up to which step size is the fixed point stable?",
    reading="Close to its fixed point a step of a method is nearly linear, and errors shrink if "
    "its spectral radius is below 1. The predicted limit is the step size eta at which the "
    "spectral radius reaches 1; the observed limit is the largest eta at which runs that start "
    "near the fixed point come closer to it. Runs just below and above the limit start far away.",
    expected="The two limits agree. Runs settle just below the limit and not just above it. The "
    "linearisation is a statement about the neighbourhood of the fixed point only, so a run that "
    "starts far away may fail to settle below the limit.",
    findings=findings,
    tables=(
        Table("stability_summary", summary, SUMMARY),
        Table("stability", stability, UNITS, shown=False),
    ),
    figure=figure,
    labels={"route": label("route"), "of_limit": label("of_limit", math.nan)},
)
