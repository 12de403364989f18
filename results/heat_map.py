"""A matrix of win rates as a map: darker is more often, and every number is written."""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import style
from results.sheet import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTER, _BESIDE = 0.075, 2.0
"""Inches of a letter, and of what stands beside the columns."""

_LEAST = 0.1
"""The smallest distance from 0.5 at which the shades end."""


def heat_map(axes: "Axes", rates: pd.DataFrame, of_bar: str) -> None:
    """Draw rates in [0, 1], with the names of lines and columns, and a bar of shades.

    The shades are symmetric around 0.5 and reach as far as the rates.

    Parameters
    ----------
    axes : Axes
    rates : DataFrame
    of_bar : str
        What the shades mean.
    """
    reach = max(_LEAST, math.ceil(20 * (rates - 0.5).abs().to_numpy().max() - 1e-9) / 20)
    ends = (0.5 - reach, 0.5 + reach)
    shades = axes.imshow(rates, cmap=style.MAP, vmin=ends[0], vmax=ends[1], aspect="auto")
    for i, line in enumerate(rates.to_numpy()):
        for j, rate in enumerate(line):
            colour = style.WHITE if rate > 0.5 + 0.2 * reach else style.BLACK
            written = f"{rate:.2f}".removeprefix("0")
            axes.text(j, i, written, ha="center", va="center", color=colour)
    names = [wrapped(str(name), 12) for name in rates.columns]
    longest = max(len(line) for name in names for line in name.split("\n"))
    upright = longest * _LETTER > (style.width() - _BESIDE) / len(names)
    axes.set_xticks(range(len(names)), names, rotation=90 if upright else 0)
    axes.set_yticks(range(len(rates)), [wrapped(str(name), 24) for name in rates.index])
    axes.tick_params(length=0)
    assert axes.figure is not None
    ticks = (ends[0], 0.5, ends[1])
    bar: Any = axes.figure.colorbar(shades, ax=axes, ticks=ticks, pad=0.02)
    bar.set_ticklabels([f"{tick:g}".removeprefix("0") if tick else "0" for tick in ticks])
    bar.set_label(of_bar)
