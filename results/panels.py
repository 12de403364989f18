"""The panels of figures: dots, bars and their legend, with marks for values that do not exist.

A half-filled dot is the mean of the values that exist; a cross means that none exists. A solid
line through a dot is a 95% interval; a dotted one reaches from the smallest to the largest of few
repetitions, whose interval would say nothing.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from results.metrics import METRICS
from results.sheet import Sheet, fitting, wrapped
from results.style import COLOURS, FAINT, GREY, MARKERS, WHITE, MethodStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INTERVAL = "95% interval over draws"
RANGE = "smallest to largest"

_BAND = 0.7
"""The share of a game's line that its dots occupy."""

_LEAST, _NAMES = 0.87, 1.1
"""Inches of the narrowest panel of dots, and of the names beside the panels."""

_LETTERS = 24
"""The most letters of a name in one line."""

_LONG_NUMBER = re.compile(r"\d+\.\d{5,}")

_TICKS = {1.0: ("0", ".5", "1"), 0.5: ("0", ".25", ".5")}


@dataclass(frozen=True)
class Panel:
    """A panel of dots.

    Attributes
    ----------
    title : str
    estimates : DataFrame
        Columns game, method and those of ``results.statistics.estimate``.
    axis : str
        What its axis shows, as ``axis_words`` says it.
    top : float or None
        Right end of the axis, 1 or 0.5; None to fit the values.
    """

    title: str
    estimates: pd.DataFrame
    axis: str = ""
    top: float | None = 1.0


def axis_words(metric: str, words: str = "") -> str:
    """The unit of a metric, or ``words``, and which direction is better."""
    of = METRICS[metric]
    better = f"{of.better} is better" if of.better else ""
    return "\n".join(filter(None, [words or of.unit, better]))


def shown_name(name: str) -> str:
    """A game's name in words, with short numbers, in lines of a width that fits beside panels."""
    name = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.3g}", name)
    head, bracket, rest = name.replace("_", " ").partition("(")
    lines = f"{head.strip()}\n({rest}" if bracket else head
    return wrapped(lines, _LETTERS)


def method_in_lines(method: str, letters: int) -> str:
    """The method, with its parameters in lines of at most so many letters below if it has more."""
    head, bracket, rest = method.partition("(")
    if not bracket or len(method) <= letters:
        return method
    return f"{head}\n{wrapped(f'({rest}', letters)}"


def short(name: str, longest: int = 30) -> str:
    """The name, cut to at most ``longest`` characters with an ellipsis; figures cut no name."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def dot_panels(
    sheet: Sheet,
    band: int,
    panels: Sequence[Panel],
    games: Sequence[str],
    styles: Mapping[str, MethodStyle],
) -> None:
    """Draw one panel each, with one line a game, and one dot with its interval a method.

    Parameters
    ----------
    sheet : Sheet
    band : int
        Index of the band to draw in, whose height is ``dots_height``.
    panels : sequence of Panel
    games : list of str
        From top to bottom.
    styles : mapping
        Method -> style, from top to bottom within a game.
    """
    columns = fitting(len(panels), _LEAST, _NAMES)
    offsets = np.linspace(-_BAND / 2, _BAND / 2, len(styles)) if len(styles) > 1 else [0.0]
    offset = dict(zip(styles, offsets, strict=True))
    rank = {game: i for i, game in enumerate(games)}
    names = [shown_name(game) for game in games]
    drawn = sheet.some_panels(band, len(panels), columns)
    for k, (axes, panel) in enumerate(zip(drawn, panels, strict=True)):
        axes.set(title=panel.title, xlabel=panel.axis, ylim=(len(games) - 0.5, -0.5))
        axes.set_yticks(range(len(games)), names if k % columns == 0 else [""] * len(names))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=FAINT, linewidth=0.5)
        axes.set_axisbelow(True)
        for i in range(len(games) - 1):
            axes.axhline(i + 0.5, color=FAINT, linewidth=0.5, zorder=0)
        for e in panel.estimates.itertuples():
            _dot(axes, e, rank[str(e.game)] + offset[str(e.method)], styles[str(e.method)])
        if panel.top is None:
            top = max(1.0, axes.dataLim.x1)
            axes.set_xlim(-0.03 * top, 1.03 * top)
            axes.set_xticks(range(0, math.floor(top) + 1, math.ceil(top / 4)))
        else:
            limit(axes, "x", panel.top)


def dots_height(
    panels: Sequence[Panel], games: Sequence[str], styles: Mapping[str, MethodStyle]
) -> float:
    """The height in inches of the band that ``dot_panels`` needs."""
    lines = -(-len(panels) // fitting(len(panels), _LEAST, _NAMES))
    words = max((panel.title.count("\n") + panel.axis.count("\n") for panel in panels), default=0)
    tallest = max((shown_name(game).count("\n") for game in games), default=0)
    return lines * (
        0.65
        + 0.13 * words
        + max(0.38, 0.29 + 0.13 * tallest, 0.15 * (len(styles) - 1)) * len(games)
    )


def _dot(axes: "Axes", e: Any, height: float, style: MethodStyle) -> None:
    if math.isnan(e.mean):
        axes.plot(
            [1.04], [height], "x", color=style.colour, clip_on=False,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        return
    ends, line = extent(e)
    if ends[1] > ends[0]:
        axes.plot(ends, [height, height], color=style.colour, linewidth=1.0, linestyle=line)
    axes.plot([e.mean], [height], clip_on=False, **style.dot(part=e.defined < 1))


def extent(e: Any) -> tuple[tuple[float, float], str]:
    """Both ends of the interval of an estimate, or else of its range, and the style of its line."""
    if math.isnan(e.low) and not math.isnan(getattr(e, "least", math.nan)):
        return (e.least, e.greatest), ":"
    return (e.low, e.high), "-"


def bars(
    axes: "Axes", estimates: pd.DataFrame, group: str, styles: Mapping[str, MethodStyle]
) -> None:
    """Draw one group of bars a value of ``group``, one bar a method, labelled with its height.

    Heights are in [0, 1]. A cross replaces a height that does not exist.
    """
    groups = list(estimates[group].cat.remove_unused_categories().cat.categories)
    order, width = list(styles), 0.8 / len(styles)
    e: Any
    for e in estimates.itertuples():
        method, height = str(e.method), e.mean
        style, middle = styles[method], (len(styles) - 1) / 2
        x = groups.index(getattr(e, group)) + (order.index(method) - middle) * width
        if math.isnan(height):
            axes.plot([x], [0.03], "x", color=style.colour)
        else:
            axes.bar(
                x, height, 0.92 * width, facecolor=style.colour, hatch=style.hatch,
                edgecolor=WHITE, linewidth=0,
            )  # fmt: skip
            text = "0" if height < 5e-3 else f"{height:.2f}".strip("0").rstrip(".")
            axes.annotate(
                text, (x, height), xytext=(0, 1.5), textcoords="offset points", ha="center"
            )  # fmt: skip
    letters = max(4, 24 // len(groups))
    axes.set_xticks(range(len(groups)), [wrapped(str(name), letters) for name in groups])
    axes.tick_params(axis="x", length=0)
    limit(axes, "y")
    axes.set_ylim(-0.03, 1.12)


def dot(concept: str) -> Any:
    """A legend entry: the dot of a concept's first method."""
    from matplotlib.lines import Line2D

    colour, marker = COLOURS[concept], MARKERS[concept][0]
    return Line2D([], [], color=colour, marker=marker, linestyle="")


def legend(
    styles: Mapping[str, MethodStyle],
    shown: Iterable[pd.DataFrame],
    kind: Literal["dots", "lines", "bars"] = "dots",
    bands: bool = False,
) -> dict[str, Any]:
    """Legend entries: the methods, and the marks that occur in the estimates.

    With ``bands`` intervals are bands, otherwise lines.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: dict[str, Any] = {}
    for method, of_it in styles.items():
        if kind == "bars":
            handles[method] = Patch(facecolor=of_it.colour, hatch=of_it.hatch, edgecolor=WHITE)
        else:
            handles[method] = Line2D([], [], **(of_it.curve() if kind == "lines" else of_it.dot()))
    frames = list(shown)
    if kind != "bars":
        if any((e["high"] > e["low"]).any() for e in frames):
            line: dict[str, Any] = {"linewidth": 5.0, "alpha": 0.3} if bands else {"linewidth": 1.0}
            handles[INTERVAL] = Line2D([], [], color=GREY, **line)
        if any((e["greatest"] > e["least"]).any() for e in frames if "least" in e):
            handles[RANGE] = Line2D([], [], color=GREY, linewidth=1.0, linestyle=":")
    if any((e["defined"].between(0, 1, "neither")).any() for e in frames):
        grey = MethodStyle(GREY, "o", "", "")
        handles["exists in some draws only"] = Line2D([], [], **grey.dot(part=True))
    if any(e["mean"].isna().any() for e in frames):
        handles["does not exist"] = Line2D([], [], color=GREY, marker="x", linestyle="")
    return handles


def limit(axes: "Axes", which: str, top: float = 1.0, labels: bool = True) -> None:
    """Set the axis ``which`` ("x" or "y") to [0, ``top``], with top 1 or 0.5 and three ticks."""
    ticks = (0.0, top / 2, top)
    names = _TICKS[top] if labels else ("", "", "")
    if which == "x":
        axes.set_xlim(-0.03 * top, 1.03 * top)
        axes.set_xticks(ticks, names)
    else:
        axes.set_ylim(-0.03 * top, 1.03 * top)
        axes.set_yticks(ticks, names)
