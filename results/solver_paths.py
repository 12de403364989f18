"""How iterative methods move among three answers, from where they start to where they end."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from results import panels, style
from results.frames import categories, expand
from results.preference_graph import shown_games
from results.questions import convergence
from results.questions.section import label
from results.sheet import Sheet, fitting
from results.simplex import CORNERS, triangle
from results.stored_games import Games

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MOST_PANELS = 6
_NEAR = 0.01
"""Total variation to the target below which a path has arrived."""

_RING: dict[str, Any] = {
    "marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.0,
    "linestyle": "",
}  # fmt: skip
"""How a target is marked."""


def figure(frame: pd.DataFrame, games: Games) -> "Figure | None":
    """One triangle a game of three answers and comparison, one path a method.

    A path leads from the first to the last iterate; the average of the iterates is dotted, and a
    hollow mark is the target. None if no method has a path.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    games : Games
        Of the same run.
    """
    if not convergence.SECTION.has_rows(frame):
        return None
    rows = convergence.SECTION.rows(frame.assign(registry_game=frame["game"]))
    rows = expand(rows[rows["metric"] == "probability"], action=label("action"))
    if rows.empty:
        return None
    n_answers = rows.groupby("game", observed=True)["action"].nunique()
    moves = _moves(rows)
    shown = [
        (game, comparison)
        for game in categories(rows["game"])
        if n_answers.get(game) == len(CORNERS)
        for comparison in categories(rows.loc[rows["game"] == game, "comparison"])
        if moves.get((game, comparison), 0.0) > _NEAR
    ][:_MOST_PANELS]
    if not shown:
        return None
    rows = rows[pd.MultiIndex.from_frame(rows[["game", "comparison"]]).isin(shown)]
    stored, styles = shown_games(rows, games), style.method_styles(rows)
    columns = fitting(len(shown), 2.0)
    with style.settings():
        lines = max(panels.shown_name(game).count("\n") for game, _ in shown)
        height = (2.1 + 0.13 * lines) * -(-len(shown) // columns)
        sheet = Sheet(_title(rows), _legend(styles, rows), height)
        grid = sheet.some_panels(0, len(shown), columns)
        for axes, (game, comparison) in zip(grid, shown, strict=True):
            part = rows[(rows["game"] == game) & (rows["comparison"] == comparison)]
            names = list(dict.fromkeys(part["action"].astype(str)))
            triangle(axes, names, stored.get(game))
            for method, of_it in styles.items():
                of_method = part[part["method"].astype(str) == method]
                for iterate in ("average", "last"):
                    _path(axes, _points(of_method, iterate, names), iterate, of_it)
                _end(axes, _points(of_method, "target", names), of_it)
            axes.set_title(f"{panels.shown_name(game)}\n{comparison}")
    return sheet.figure


def _moves(rows: pd.DataFrame) -> "pd.Series[float]":
    """How far any probability ranges along the paths of a game and comparison."""
    lasts = rows[rows["iterate"] == "last"]
    keys = ["game", "comparison"]
    values = lasts.groupby([*keys, "method", "action"], observed=True)["value"]
    return (values.max() - values.min()).groupby(keys, observed=True).max()


def _points(rows: pd.DataFrame, iterate: str, names: list[str]) -> "NDArray[np.float64]":
    """Coordinates (steps, 2) of a method's iterates, mean over seeds; one line for a target."""
    part = rows[rows["iterate"] == iterate]
    if part.empty:
        return np.empty((0, 2))
    means = part.assign(step=part["step"].fillna(0)).groupby(["step", "action"], observed=True)
    wide = means["value"].mean().unstack("action")[names].dropna()
    return np.asarray(wide.to_numpy(float) @ CORNERS)


def _path(axes: "Axes", at: "NDArray[np.float64]", iterate: str, of_it: style.MethodStyle) -> None:
    if not len(at):
        return
    line = of_it.line if iterate == "last" else ":"
    width = 1.3 if iterate == "last" else 0.9
    axes.plot(*at.T, color=of_it.colour, linestyle=line, linewidth=width, clip_on=False)
    if iterate == "last":
        axes.plot(*at[0], "o", color=style.GREY, markersize=3, zorder=4, clip_on=False)
        axes.plot(*at[-1], **(of_it.dot() | {"markersize": 4, "clip_on": False, "zorder": 6}))


def _end(axes: "Axes", at: "NDArray[np.float64]", of_it: style.MethodStyle) -> None:
    for point in at:
        axes.plot(*point, color=of_it.colour, clip_on=False, zorder=5, **_RING)


def _legend(styles: dict[str, style.MethodStyle], rows: pd.DataFrame) -> dict[str, Any]:
    from matplotlib.lines import Line2D

    key = panels.legend(styles, [], "lines")
    key["start"] = Line2D([], [], color=style.GREY, marker="o", markersize=3, linestyle="")
    key["target"] = Line2D([], [], color=style.GREY, **_RING)
    if (rows["iterate"] == "average").any():
        key["average of the iterates"] = Line2D(
            [], [], color=style.GREY, linestyle=":", linewidth=0.9
        )
    return key


def _title(rows: pd.DataFrame) -> str:
    """How many paths end at their target."""
    keys = ["game", "comparison", "method"]
    ends = rows[rows["iterate"] == "last"].sort_values("step")
    last = ends.groupby([*keys, "action"], observed=True)["value"].last()
    goal = rows[rows["iterate"] == "target"].groupby([*keys, "action"], observed=True)["value"]
    distance = (last - goal.mean()).abs().groupby(keys, observed=True).sum(min_count=1) / 2
    near = int((distance.dropna() < _NEAR).sum())
    return (
        "How methods move from the reference to their answer; a corner is one sure answer\n"
        f"{near} of {len(distance.dropna())} last iterates end within {_NEAR:g} of their target"
    )
