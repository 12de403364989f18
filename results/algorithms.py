"""Rows of questions about algorithms: one method against itself and others, step by step.

Within one comparison ("tau = 0.1") a method is the solver's name, with those of its other
parameters that differ there.
"""

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from results.frames import comparison_of, comparison_rank, describe
from results.rows import RunError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACE = ["game", "comparison", "method"]
UNIT = [*PLACE, "seed", "context"]
FLOOR = 1e-18
"""Smaller values are drawn here: a logarithmic axis has no 0."""

Look = tuple[str, str]
"""Colour and marker."""

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#B7A70B")
_MARKERS = "osD^vP*X"


def rows_of(frame: pd.DataFrame, question: str, **labels: Any) -> pd.DataFrame:
    """Rows that were measured, described comparison by comparison, with labels as columns.

    Raises
    ------
    RunError
        If a column is missing, or the question was not asked or was skipped everywhere.
    """
    if frame.empty or "params" not in frame or (frame["experiment"] != question).all():
        describe(frame, question)  # raises
    frame = frame[frame["experiment"] == question]
    held = frame.select_dtypes("category").columns
    frame = frame.astype(dict.fromkeys(held, object))
    kinds = frame["params"].map({text: comparison_of(text) for text in frame["params"].unique()})
    order = sorted(map(str, kinds.unique()), key=comparison_rank)
    parts = [describe(frame[kinds == kind]) for kind in order]
    rows = pd.concat([part.astype(dict.fromkeys([*PLACE, "metric"], str)) for part in parts])
    rows = rows[(rows["status"] != "skipped") & (rows["metric"] != "")]
    if rows.empty:
        raise RunError(f"{question}: skipped in every cell of this run; see tables.statuses")
    parsed = rows["labels"].map({text: json.loads(text) for text in rows["labels"].unique()})
    told = {
        name: [_known(own.get(name), other) for own in parsed] for name, other in labels.items()
    }
    return rows.assign(**told, **{name: _in_order(rows[name]) for name in PLACE})


def _known(value: Any, other: Any) -> Any:
    return other if value is None else value


def _in_order(words: "pd.Series[Any]") -> "pd.Series[Any]":
    return words.astype(pd.CategoricalDtype(list(words.unique()), ordered=True))


def spread(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One line a value of ``keys``, one column a metric."""
    filled = rows.assign(seed=rows["seed"].fillna(-1), context=rows["context"].fillna(-1))
    values = filled.groupby([*keys, "metric"], observed=True)["value"]
    return values.first().unstack("metric").reset_index().rename_axis(columns=None)


def placed(table: pd.DataFrame) -> pd.DataFrame:
    """Seed and context as integers, missing where there is none."""
    for name in ("seed", "context"):
        whole = table[name].astype("Int64")
        table[name] = whole.mask(whole == -1)
    return table


def looks_of(told: pd.DataFrame) -> dict[str, Look]:
    """Colour and marker of every method; the methods are mostly of one concept here."""
    methods = sorted(set(told["method"].astype(str)))
    return {
        method: (
            _COLOURS[k % len(_COLOURS)],
            _MARKERS[(k + 3 * (k // len(_COLOURS))) % len(_MARKERS)],
        )
        for k, method in enumerate(methods)
    }


def log_scales(axes: "Axes") -> None:
    """Logarithmic axes with at most five labels each, "1e-4" and the like."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
        axis.set_minor_formatter(NullFormatter())
        axis.set_tick_params(which="minor", length=0)


def _power(value: float) -> str:
    return f"{value:g}".lstrip("0") if 0.09 < value < 2_000 else f"1e{round(math.log10(value))}"


def key(looks: dict[str, Look]) -> dict[str, Any]:
    """What a page's legend tells."""
    from matplotlib.lines import Line2D

    return {
        method: Line2D([], [], color=colour, marker=marker)
        for method, (colour, marker) in looks.items()
    }
