"""Up to which step size is the fixed point stable?"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import panels, style
from results.comparisons import strength_words
from results.frames import categories
from results.questions.layout import UNIT_KEYS, aggregate, restore_missing, widen
from results.questions.section import Column, Section, Table, label
from results.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SETTLED = 1e-6
_NEAR = 1.1
_LINE, _TALL = 0.2, 0.28
"""Heights of a line in inches, and of one whose name may stand in two lines."""

_FEW_DECADES = 30
"""Ratio of the ends of an axis below which powers of ten are too few ticks."""

_LETTERS = 18
"""The most letters of a name in one line of a narrow figure."""

_BAR: dict[str, Any] = {"linewidth": 5.0, "alpha": 0.35, "solid_capstyle": "butt"}
_OBSERVED: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": ""}
_PREDICTED: dict[str, Any] = {"marker": "|", "markersize": 8, "linestyle": ""}
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
    """A map of step sizes: one line a method, one band a comparison.

    The bar ends where the first game becomes unstable. Dots are the observed limits of the games,
    ticks the predicted ones; the numbers say how many runs settle at shares of the predicted limit.
    """
    units = stability(rows)
    both = units.dropna(subset="ratio")
    if both.empty:
        return None
    rows = rows[rows["method"].isin(set(both["method"]))]
    styles = style.method_styles(rows)
    comparisons = categories(both["comparison"])
    parts = [both[both["comparison"] == comparison] for comparison in comparisons]
    ends = both[["predicted", "observed"]].to_numpy()
    near = both["ratio"].between(1 / _NEAR, _NEAR).mean()
    title = "Up to which step size each method is stable\n"
    title += f"The observed limit is within 10% of the predicted one in {near:.0%} of games"
    with style.settings():
        line = _TALL if style.width() < style.COLUMN else _LINE
        heights = [0.75 + line * part["method"].nunique() for part in parts]
        sheet = Sheet(title, _legend(set(rows["concept"])), *heights)
        for band, (comparison, part) in enumerate(zip(comparisons, parts, strict=True)):
            sheet.heading(band, strength_words(comparison))
            axes = sheet.panels(band, 1, 1)[0, 0]
            axes.set(xscale="log", xlim=(ends.min() / 2, 1.5 * ends.max()))
            _lines(axes, part, styles, _runs(rows[rows["comparison"] == comparison]))
            axes.set_xlabel("step size eta: stable to the left of the limit")
    return sheet.figure


def _lines(
    axes: "Axes",
    part: pd.DataFrame,
    styles: dict[str, style.MethodStyle],
    runs: dict[str, dict[float, int]],
) -> None:
    """One line a method, the least stable at the bottom."""
    from matplotlib.ticker import LogLocator, NullFormatter

    limits = part.groupby("method", observed=True)["observed"].min().sort_values(ascending=False)
    names = [str(name) for name in limits.index]
    low, high = axes.get_xlim()
    for height, name in enumerate(names):
        of_method = part[part["method"].astype(str) == name]
        colour, level = styles[name].colour, [height] * len(of_method)
        axes.plot([low, limits[name]], [height, height], color=colour, **_BAR)
        axes.plot(of_method["observed"], level, color=colour, **_OBSERVED)
        axes.plot(of_method["predicted"], level, color=style.BLACK, **_PREDICTED)
        for k, (share, number) in enumerate(runs.get(name, {}).items()):
            settled = (of_method[f"{_SIDE}{share:g}"] < _SETTLED).sum()
            _beside(axes, k, height, f"{settled} of {number}")
    for k, share in enumerate(sorted({share for of in runs.values() for share in of})):
        _beside(axes, k, -1.1, f"settle\nat {share:g}".replace("at 0", "at "))
    narrow = style.width() < style.COLUMN
    shown = [panels.method_in_lines(name, _LETTERS) for name in names] if narrow else names
    axes.set_yticks(range(len(names)), shown)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    subs = (1.0, 2.0, 5.0) if high < _FEW_DECADES * low else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=6))
    axes.xaxis.set_major_formatter(lambda eta, _: f"{eta:g}".removeprefix("0"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _beside(axes: "Axes", column: int, height: float, text: str) -> None:
    axes.annotate(
        text, (1, height), xycoords=("axes fraction", "data"), xytext=(20 + 36 * column, 0),
        textcoords="offset points", ha="center", va="center", annotation_clip=False,
    )  # fmt: skip


def _runs(rows: pd.DataFrame) -> dict[str, dict[float, int]]:
    """Method -> share of the predicted limit -> number of runs with that step size."""
    sizes = rows[rows["of_limit"].notna()].groupby(["method", "of_limit"], observed=True).size()
    out: dict[str, dict[float, int]] = {}
    for method, share, size in sizes.reset_index().itertuples(index=False):
        out.setdefault(str(method), {})[float(share)] = int(size)
    return out


def _legend(present: set[str]) -> dict[str, Any]:
    """Legend entries: the concepts in their colours, the marks in grey."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    concepts = {
        concept.upper() if concept != "other" else concept: Patch(facecolor=colour)
        for concept, colour in style.COLOURS.items()
        if concept in present
    }
    return {
        **concepts,
        "stable in every game": Line2D([], [], color=style.GREY, **_BAR),
        "observed limit of a game": Line2D([], [], color=style.GREY, **_OBSERVED),
        "predicted limit": Line2D([], [], color=style.BLACK, **_PREDICTED),
    }


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
