"""Curves of figures: where they coincide they are drawn side by side, and their ends are named."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from results.style import FAINT, MethodStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOOR = 1e-18
"""Smaller values are drawn at this one, because a logarithmic axis has no 0."""

_ALIKE = 0.01
"""Curves that differ nowhere by more coincide; in units of the metric, or of the largest value."""

_BESIDE = (3.0, 1.4)
"""Points by which curves that coincide are set apart, to the right and up."""

_STRIP = 1.08
"""Height of the crosses of what does not exist, in heights of the panel."""


def curves(
    axes: "Axes",
    estimates: pd.DataFrame,
    x: str,
    styles: Mapping[str, MethodStyle],
    every: int = 1,
    spacing: float = 0.0,
) -> None:
    """Draw means against ``x`` with intervals or ranges, and a marker at each ``every``-th point.

    Where no value exists, the curve has a gap and a cross above the panel. With ``spacing``,
    methods are drawn side by side, that far from each other in log x; without it they share the
    same x, their intervals are bands, and curves that coincide are set apart by a few points.
    """
    from matplotlib.transforms import ScaledTranslation

    parts = {
        method: estimates[estimates["method"].astype(str) == method].sort_values(x)
        for method in styles
    }
    aside = {} if spacing else _aside(parts, x)
    nowhere = False
    for k, (method, style) in enumerate(styles.items()):
        part = parts[method]
        if part.empty:  # a line without points would count as one at the corner of the sheet
            continue
        at = part[x].to_numpy(float) * math.exp(spacing * (k - (len(styles) - 1) / 2))
        mean, low, high = (part[name].to_numpy(float) for name in ("mean", "low", "high"))
        right, up = (points * aside.get(method, 0.0) / 72 for points in _BESIDE)
        assert axes.figure is not None
        moved = axes.transData + ScaledTranslation(right, up, axes.figure.dpi_scale_trans)
        lines = axes.plot(at, mean, markevery=every, clip_on=False, **style.curve())
        if spacing:
            axes.vlines(at, low, high, color=style.colour, linewidth=1.0)
        else:
            axes.fill_between(at, low, high, color=style.colour, alpha=0.15, linewidth=0)
        if "least" in part and part["least"].notna().any():
            ends = (part["least"].to_numpy(float), part["greatest"].to_numpy(float))
            axes.vlines(at, *ends, color=style.colour, linewidth=1.0, linestyle=":")
        some = ((part["defined"] < 1) & part["mean"].notna()).to_numpy()
        if some.any():
            lines += axes.plot(at[some], mean[some], clip_on=False, **style.dot(part=True))
        for line in lines:  # afterwards, because limits are those of the values
            line.set_transform(moved)
        missing = at[np.isnan(mean)]
        if len(missing):
            nowhere = True
            axes.plot(
                missing, [_STRIP] * len(missing), "x", color=style.colour, clip_on=False,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
    if nowhere:
        axes.plot(
            [0, 1], [_STRIP, _STRIP], color=FAINT, linewidth=0.6, clip_on=False, zorder=0,
            transform=axes.transAxes,
        )  # fmt: skip


def _aside(parts: Mapping[str, pd.DataFrame], x: str) -> dict[str, float]:
    """Method -> its place among the curves that coincide, symmetric around 0."""
    values = {method: part.set_index(x)["mean"] for method, part in parts.items() if len(part)}
    scale = max((float(v.abs().max()) for v in values.values() if v.notna().any()), default=0.0)
    alike = _ALIKE * min(1.0, scale or 1.0)
    groups: list[list[str]] = []
    for method, mean in values.items():
        for group in groups:
            other = values[group[0]].reindex(mean.index)
            if bool(((mean - other).abs() <= alike).any()):
                group.append(method)
                break
        else:
            groups.append([method])
    return {m: k - (len(group) - 1) / 2 for group in groups for k, m in enumerate(group)}


def label_ends(axes: "Axes", ends: Mapping[str, float], gap: float) -> None:
    """Write names to the right of the heights where curves end, at least ``gap`` between them.

    Curves that end at the same height get one label.
    """
    joint: dict[float, list[str]] = {}
    for name, height in ends.items():
        joint.setdefault(round(height, 3), []).append(name)
    ceiling = math.inf
    for height, names in sorted(joint.items(), reverse=True):
        lines = ",\n".join(names)
        rows = 1 + lines.count("\n")
        ceiling = min(height, ceiling - gap * (rows - 1) / 2)
        axes.annotate(
            lines, (1.0, ceiling), xycoords=("axes fraction", "data"), xytext=(7, 0),
            textcoords="offset points", va="center", annotation_clip=False,
        )  # fmt: skip
        ceiling -= gap * (rows + 1) / 2


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
