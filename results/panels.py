"""The panels of figures: dots, curves and bars, with marks for values that do not exist.

A half-filled dot is the mean of the values that exist; a cross means that none exists.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from results.style import FAINT, GREY, WHITE, MethodStyle, Page, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOOR = 1e-18
"""Smaller values are drawn at this one, because a logarithmic axis has no 0."""

_BAND = 0.6
"""The share of a game's line that its dots occupy."""

_TICKS = {1.0: ("0", ".5", "1"), 0.5: ("0", ".25", ".5")}


def dot_columns(
    page: Page,
    band: int,
    columns: Mapping[str, pd.DataFrame],
    games: Sequence[str],
    styles: Mapping[str, MethodStyle],
    tops: Mapping[str, float | None],
) -> None:
    """Draw one panel a column, one line a game, and one dot with its interval a method.

    Parameters
    ----------
    page : Page
    band : int
        Index of the band to draw in, whose height is ``height_of``.
    columns : mapping
        Title -> estimates with the columns game, method and those of
        ``results.statistics.estimate``.
    games : list of str
        From top to bottom.
    styles : mapping
        Method -> style, from top to bottom within a game.
    tops : mapping
        Title -> right end of the axis, 1 (the default) or 0.5; None to fit the values.
    """
    names = [short(game) for game in games]
    row = page.panels(band, 1, len(columns), left=0.15 + max(map(text_width, names)))[0]
    offsets = np.linspace(-_BAND / 2, _BAND / 2, len(styles)) if len(styles) > 1 else [0.0]
    offset = dict(zip(styles, offsets, strict=True))
    rank = {game: i for i, game in enumerate(games)}
    for k, (axes, (title, estimates)) in enumerate(zip(row, columns.items(), strict=True)):
        axes.set_title(title)
        axes.set_ylim(len(games) - 0.5, -0.5)
        axes.set_yticks(range(len(games)), names if k == 0 else [""] * len(names))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=FAINT, linewidth=0.5)
        axes.set_axisbelow(True)
        for i in range(len(games) - 1):
            axes.axhline(i + 0.5, color=FAINT, linewidth=0.5, zorder=0)
        for e in estimates.itertuples():
            height = rank[str(e.game)] + offset[str(e.method)]
            _dot(axes, e, height, styles[str(e.method)])
        top = tops.get(title, 1.0)
        if top is None:
            top = max(1.0, axes.dataLim.x1)
            axes.set_xlim(-0.03 * top, 1.03 * top)
            axes.set_xticks(range(0, math.floor(top) + 1, math.ceil(top / 4)))
        else:
            limit(axes, "x", top)


def height_of(games: Sequence[str], styles: Mapping[str, MethodStyle]) -> float:
    """The height in inches of the band that ``dot_columns`` needs."""
    return 0.8 + max(0.29, 0.135 * (len(styles) - 1)) * len(games)


def short(name: str, longest: int = 30) -> str:
    """The name, cut to at most ``longest`` characters with an ellipsis."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _dot(axes: "Axes", e: Any, height: float, style: MethodStyle) -> None:
    if math.isnan(e.mean):
        axes.plot(
            [1.04], [height], "x", color=style.colour, clip_on=False,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        return
    if e.high > e.low:
        axes.plot([e.low, e.high], [height, height], color=style.colour, linewidth=1.0)
    axes.plot([e.mean], [height], clip_on=False, **style.dot(part=e.defined < 1))


def curves(
    axes: "Axes",
    estimates: pd.DataFrame,
    x: str,
    styles: Mapping[str, MethodStyle],
    every: int = 1,
    spacing: float = 0.0,
) -> None:
    """Draw means against ``x`` with intervals, and a marker at every ``every``-th point.

    Where no value exists, the curve has a gap and a cross above the panel. With ``spacing``,
    methods are drawn side by side, that far from each other in log x; without it they share the
    same x and their intervals are bands.
    """
    for k, (method, style) in enumerate(styles.items()):
        part = estimates[estimates["method"].astype(str) == method].sort_values(x)
        at = part[x].to_numpy(float) * math.exp(spacing * (k - (len(styles) - 1) / 2))
        mean, low, high = (part[name].to_numpy(float) for name in ("mean", "low", "high"))
        axes.plot(at, mean, markevery=every, clip_on=False, **style.curve())
        if spacing:
            axes.vlines(at, low, high, color=style.colour, linewidth=1.0)
        else:
            axes.fill_between(at, low, high, color=style.colour, alpha=0.15, linewidth=0)
        some = ((part["defined"] < 1) & part["mean"].notna()).to_numpy()
        axes.plot(at[some], mean[some], clip_on=False, **style.dot(part=True))
        missing = at[np.isnan(mean)]
        axes.plot(
            missing, [1.06] * len(missing), "x", color=style.colour, clip_on=False,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip


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
    axes.set_xticks(
        range(len(groups)), [short(str(name), max(2, 24 // len(groups))) for name in groups]
    )
    axes.tick_params(axis="x", length=0)
    limit(axes, "y")
    axes.set_ylim(-0.03, 1.12)


def label_ends(axes: "Axes", ends: Mapping[str, float], gap: float) -> None:
    """Write texts to the right of the heights <= 1 where curves end, at least ``gap`` between."""
    ceiling = 1.0 + gap
    for name, height in sorted(ends.items(), key=lambda item: -item[1]):
        ceiling = min(height, ceiling - gap)
        axes.annotate(
            name, (1.0, ceiling), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", annotation_clip=False,
        )  # fmt: skip


def legend(
    styles: Mapping[str, MethodStyle],
    shown: Iterable[pd.DataFrame],
    kind: Literal["dots", "lines", "bars"] = "dots",
) -> dict[str, Any]:
    """Legend entries: the methods, and the marks that occur in the estimates."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: dict[str, Any] = {}
    for method, style in styles.items():
        if kind == "bars":
            handles[method] = Patch(facecolor=style.colour, hatch=style.hatch, edgecolor=WHITE)
        else:
            handles[method] = Line2D([], [], **(style.curve() if kind == "lines" else style.dot()))
    frames = list(shown)
    if any((e["defined"].between(0, 1, "neither")).any() for e in frames):
        grey = MethodStyle(GREY, "o", "", "")
        handles["exists in part"] = Line2D([], [], **grey.dot(part=True))
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


def log_scales(axes: "Axes") -> None:
    """Make both axes logarithmic, with at most five labels each such as "1e-4"."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
        axis.set_minor_formatter(NullFormatter())
        axis.set_tick_params(which="minor", length=0)


def _power(value: float) -> str:
    return f"{value:g}".lstrip("0") if 0.09 < value < 2_000 else f"1e{round(math.log10(value))}"
