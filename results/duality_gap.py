"""How exploitable iterates are by the preferences themselves, without the penalty."""

from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.curves import log_scales
from results.export import number
from results.frames import categories
from results.questions import convergence
from results.questions.sentences import NBSP
from results.sheet import Sheet, fitting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ITERATES = {"last": "last iterate", "average": "average of the iterates"}
_LEAST = 1e-8
"""Smaller gaps are drawn at this one, because a logarithmic axis has no 0."""

_LEAST_WIDTH = 5.0
"""Inches of the narrowest panel with names beside it that stands in a line with another."""

_LETTERS = 18
"""The most letters of a name in one line."""


def medians(frame: pd.DataFrame) -> pd.DataFrame:
    """Median gap over games of every NLHF method, at every recorded step.

    Returns the columns comparison, iterate, method, step and gap.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    """
    keys = ["comparison", "iterate", "method", "step"]
    if not convergence.SECTION.has_rows(frame):
        return pd.DataFrame(columns=[*keys, "gap"])
    rows = convergence.SECTION.rows(frame)
    rows = rows[
        (rows["concept"] == "nlhf") & (rows["metric"] == "duality_gap") & (rows["step"] > 0)
    ]
    rows = rows[rows["contexts"].astype(str) != "largest"]
    gaps = rows.groupby(keys, observed=True)["value"].median()
    return gaps.dropna().rename("gap").reset_index()


def figure(frame: pd.DataFrame) -> "Figure | None":
    """The medians against steps, one panel a comparison and kind of iterate.

    The names of methods stand beside each panel. None if no method has a trace.
    """
    points = medians(frame)
    if points.empty:
        return None
    shown = list(points.groupby(["comparison", "iterate"], observed=True))
    low, columns = max(_LEAST, points["gap"].min()) / 2, fitting(len(shown), _LEAST_WIDTH)
    with style.settings():
        sheet = Sheet(_title(points), {}, 1.9 * -(-len(shown) // columns))
        grid = sheet.some_panels(0, len(shown), columns)
        for k, (axes, (key, part)) in enumerate(zip(grid, shown, strict=True)):
            comparison, iterate = map(str, key)
            axes.set(ylim=(low, 2), title=f"{comparison}, {_ITERATES[iterate]}", xlabel="steps")
            axes.set_ylabel("duality gap\n(lower is better)" if k % columns == 0 else "")
            _lines(axes, part)
    return sheet.figure


def _lines(axes: "Axes", points: pd.DataFrame) -> None:
    """One line a method, with the names beside the panel in the order of their ends."""
    points = points.assign(concept="nlhf", solver=points["method"], scale="tabular")
    ends, styles = {}, style.method_styles(points)
    for method in categories(points["method"]):
        line = points[points["method"].astype(str) == method].sort_values("step")
        gaps, of_it = line["gap"].clip(lower=_LEAST), styles[method]
        (drawn,) = axes.plot(line["step"], gaps, color=of_it.colour, linestyle=of_it.line)
        ends[method] = (float(gaps.iloc[-1]), drawn)
    log_scales(axes)
    names = sorted(ends, key=lambda method: -ends[method][0])
    axes.legend(
        [ends[name][1] for name in names],
        [panels.method_in_lines(name, _LETTERS) for name in names],
        loc="center left", bbox_to_anchor=(1, 0.5), borderaxespad=0.2, labelspacing=0.25,
        handlelength=2.6,
    )  # fmt: skip


def _title(points: pd.DataFrame) -> str:
    """The smallest median gap at the end, for every comparison."""
    keys = ["comparison", "iterate", "method"]
    ends = points.sort_values("step").groupby(keys, observed=True).tail(1)
    best = ends.groupby("comparison", observed=True)["gap"].min()
    each = ", ".join(f"{number(gap)} ({name})".replace(" ", NBSP) for name, gap in best.items())
    return (
        "What the penalty costs: how exploitable iterates stay without it\n"
        f"Smallest median gap at the end: {each}"
    )
