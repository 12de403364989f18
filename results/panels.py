"""What figures are made of: dots a game, curves, bars; a value that does not exist is marked.

An open dot is the mean of those values that exist, a cross stands where none does.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from results.style import FAINT, GREY, Look, Page, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAND = 0.6
"""How much of the distance between two games their dots take up."""

_TICKS = {1.0: ("0", ".5", "1"), 0.5: ("0", ".25", ".5")}


def dot_columns(
    page: Page,
    band: int,
    columns: Mapping[str, pd.DataFrame],
    games: Sequence[str],
    looks: Mapping[str, Look],
    tops: Mapping[str, float | None],
) -> None:
    """A panel a column, a line a game, a dot a method with its interval.

    Parameters
    ----------
    page : Page
    band : int
        Which of its bands; see ``height_of``.
    columns : mapping
        Title -> estimates with the columns game, method and those of
        ``results.statistics.estimate``.
    games : list of str
        From top to bottom.
    looks : mapping
        Method -> look, from top to bottom within a game.
    tops : mapping
        Title -> right end of the axis, 1 or 0.5; None: as the values need. 1 if left out.
    """
    names = [short(game) for game in games]
    row = page.panels(band, 1, len(columns), left=0.15 + max(map(text_width, names)))[0]
    offsets = np.linspace(-_BAND / 2, _BAND / 2, len(looks)) if len(looks) > 1 else [0.0]
    offset = dict(zip(looks, offsets, strict=True))
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
            _dot(axes, e, height, looks[str(e.method)])
        top = tops.get(title, 1.0)
        if top is None:
            top = max(1.0, axes.dataLim.x1)
            axes.set_xlim(-0.03 * top, 1.03 * top)
            axes.set_xticks(range(0, math.floor(top) + 1, math.ceil(top / 4)))
        else:
            limit(axes, "x", top)


def height_of(games: Sequence[str], looks: Mapping[str, Look]) -> float:
    """Inches of the band that ``dot_columns`` needs."""
    return 0.8 + max(0.29, 0.135 * (len(looks) - 1)) * len(games)


def short(name: str, longest: int = 30) -> str:
    """A name that leaves room for the panels."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _dot(axes: "Axes", e: Any, height: float, look: Look) -> None:
    if math.isnan(e.mean):
        axes.plot(
            [1.04], [height], "x", color=look.colour, markersize=4, clip_on=False,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        return
    if e.high > e.low:
        axes.plot([e.low, e.high], [height, height], color=look.colour, linewidth=1.0)
    face = look.colour if e.defined == 1 else "white"
    style: dict[str, Any] = {"color": look.colour, "markerfacecolor": face, "clip_on": False}
    axes.plot([e.mean], [height], look.marker, **style)


def curves(
    axes: "Axes",
    estimates: pd.DataFrame,
    x: str,
    looks: Mapping[str, Look],
    every: int = 1,
    apart: float = 0.0,
) -> None:
    """Mean against ``x``, with its interval and a mark at ``every`` so many points.

    A curve has a gap, and a cross above the panel, where no value exists. Methods stand ``apart``
    in log x, or not at all: then intervals are bands.
    """
    for k, (method, look) in enumerate(looks.items()):
        own = estimates[estimates["method"].astype(str) == method].sort_values(x)
        at = own[x].to_numpy(float) * math.exp(apart * (k - (len(looks) - 1) / 2))
        mean, low, high = (own[name].to_numpy(float) for name in ("mean", "low", "high"))
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "clip_on": False}
        axes.plot(at, mean, linestyle=look.line, markevery=every, **style)
        if apart:
            axes.vlines(at, low, high, color=look.colour, linewidth=1.0)
        else:
            axes.fill_between(at, low, high, color=look.colour, alpha=0.15, linewidth=0)
        part = ((own["defined"] < 1) & own["mean"].notna()).to_numpy()
        axes.plot(at[part], mean[part], linestyle="", markerfacecolor="white", **style)
        gone = at[np.isnan(mean)]
        style |= {"marker": "x", "markersize": 4, "transform": axes.get_xaxis_transform()}
        axes.plot(gone, [1.06] * len(gone), linestyle="", **style)


def bars(axes: "Axes", estimates: pd.DataFrame, group: str, looks: Mapping[str, Look]) -> None:
    """A group of bars a value of ``group``, a bar a method, its height in [0, 1] written above.

    A cross stands in the place of a height that does not exist.
    """
    groups = list(estimates[group].cat.remove_unused_categories().cat.categories)
    order, width = list(looks), 0.8 / len(looks)
    e: Any
    for e in estimates.itertuples():
        method, height = str(e.method), e.mean
        look, middle = looks[method], (len(looks) - 1) / 2
        x = groups.index(getattr(e, group)) + (order.index(method) - middle) * width
        if math.isnan(height):
            axes.plot([x], [0.03], "x", color=look.colour, markersize=4)
        else:
            axes.bar(
                x, height, 0.92 * width, facecolor=look.colour, hatch=look.hatch,
                edgecolor="white", linewidth=0,
            )  # fmt: skip
            told = "0" if height < 5e-3 else f"{height:.2f}".strip("0").rstrip(".")
            axes.annotate(
                told, (x, height), xytext=(0, 1.5), textcoords="offset points", ha="center"
            )  # fmt: skip
    axes.set_xticks(
        range(len(groups)), [short(str(name), max(2, 24 // len(groups))) for name in groups]
    )
    axes.tick_params(axis="x", length=0)
    limit(axes, "y")
    axes.set_ylim(-0.03, 1.12)


def label_ends(axes: "Axes", ends: Mapping[str, float], gap: float) -> None:
    """Names right of curves: text -> height <= 1 where the curve ends; ``gap`` apart."""
    ceiling = 1.0 + gap
    for name, height in sorted(ends.items(), key=lambda item: -item[1]):
        ceiling = min(height, ceiling - gap)
        axes.annotate(
            name, (1.0, ceiling), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", annotation_clip=False,
        )  # fmt: skip


def key(
    looks: Mapping[str, Look],
    shown: Iterable[pd.DataFrame],
    kind: Literal["dots", "lines", "bars"] = "dots",
) -> dict[str, Any]:
    """What a page's legend tells: the methods, and those marks that ``shown`` needs."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: dict[str, Any] = {}
    for method, look in looks.items():
        own: dict[str, Any] = {"color": look.colour, "marker": look.marker}
        own["linestyle"] = look.line if kind == "lines" else ""
        handles[method] = Line2D([], [], **own)
        if kind == "bars":
            handles[method] = Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white")
    frames = list(shown)
    grey: dict[str, Any] = {"color": GREY, "linestyle": ""}
    if any((e["defined"].between(0, 1, "neither")).any() for e in frames):
        handles["exists in part"] = Line2D([], [], marker="o", markerfacecolor="white", **grey)
    if any(e["mean"].isna().any() for e in frames):
        handles["does not exist"] = Line2D([], [], marker="x", markersize=4, **grey)
    return handles


def limit(axes: "Axes", which: str, top: float = 1.0, labels: bool = True) -> None:
    """An axis from 0 to ``top`` (1 or 0.5) with three ticks."""
    ticks = (0.0, top / 2, top)
    told = _TICKS[top] if labels else ("", "", "")
    if which == "x":
        axes.set_xlim(-0.03 * top, 1.03 * top)
        axes.set_xticks(ticks, told)
    else:
        axes.set_ylim(-0.03 * top, 1.03 * top)
        axes.set_yticks(ticks, told)
