"""Answers of three options as points of a triangle, and how they move as the penalty falls."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from results import panels, style
from results.comparisons import level
from results.frames import categories
from results.preference_graph import shown_games
from results.sheet import Sheet, fitting, wrapped
from results.statistics import estimate
from results.stored_games import Games, StoredGame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])
"""Where the three answers are, certain to be given."""

_MOST_GAMES = 6


def figure(rows: pd.DataFrame, games: Games) -> "Figure | None":
    """One triangle a game of three answers; None if there is no such game.

    A curve leads from the weakest to the strongest answer of a method, which has the large mark.
    Where the game is stored, an arrow along an edge leads from
    the preferred answer to the other one.

    Parameters
    ----------
    rows : DataFrame
        Described rows of probabilities, with ``action`` and the game's ``registry_game``.
    games : Games
    """
    axis = rows[rows["comparison"].astype(str).map(level).notna() & rows["step"].isna()]
    n_actions = axis.groupby("game", observed=True)["action"].nunique()
    shown = [g for g in categories(axis["game"]) if n_actions.get(g) == len(CORNERS)]
    shown = shown[:_MOST_GAMES]
    if not shown:
        return None
    stored = shown_games(rows, games)
    ends = axis[axis["comparison"].astype(str).map(level) == math.inf]
    axis = axis[axis["method"].isin(set(ends["method"]))]
    axis = axis[axis["game"].isin(shown)]
    means = estimate(axis, ["game", "method", "comparison", "action"])
    styles = style.method_styles(axis)
    columns = fitting(len(shown), 1.6)
    with style.settings():
        key = panels.legend(styles, [], "lines")
        title = "Where each concept goes from the reference as the penalty falls\n"
        title += "Small marks are steps of KL, large ones no penalty; a corner is one sure answer"
        sheet = Sheet(title, key, 1.85 * -(-len(shown) // columns))
        for axes, game in zip(sheet.some_panels(0, len(shown), columns), shown, strict=True):
            part, points_of = axis[axis["game"] == game], means[means["game"] == game]
            names = list(dict.fromkeys(part["action"].astype(str)))
            triangle(axes, names, stored.get(game))
            for method, of_it in styles.items():
                points = _points(points_of[points_of["method"].astype(str) == method], names)
                if game in stored and set(stored[game].names) == set(names):
                    ref = [stored[game].ref[stored[game].names.index(name)] for name in names]
                    points = np.vstack([ref @ CORNERS, points])
                if len(points):
                    _path(axes, points, of_it, list(styles).index(method))
            axes.set_title(panels.shown_name(game))
    return sheet.figure


def _points(means: pd.DataFrame, names: list[str]) -> "NDArray[np.float64]":
    """Coordinates (levels, 2) of a method's answers, from the weakest to the strongest."""
    if means.empty:
        return np.empty((0, 2))
    wide = means.pivot(index="comparison", columns="action", values="mean")[names].dropna()
    order = sorted(wide.index.astype(str), key=level)
    return np.asarray(wide.loc[order].to_numpy(float) @ CORNERS)


def _path(axes: "Axes", at: "NDArray[np.float64]", of_it: style.MethodStyle, k: int) -> None:
    from matplotlib.transforms import ScaledTranslation

    angle = math.pi / 2 + 2 * math.pi * k / 3  # ends that coincide stand around their point
    assert axes.figure is not None
    aside = ScaledTranslation(
        2.5 / 72 * math.cos(angle), 2.5 / 72 * math.sin(angle), axes.figure.dpi_scale_trans
    )
    small = of_it.curve() | {"markersize": 3, "clip_on": False}
    axes.plot(*at.T, **small)
    axes.plot(
        *at[-1:].T, transform=axes.transData + aside, zorder=5,
        **(of_it.dot() | {"clip_on": False, "markeredgewidth": 1.5}),
    )  # fmt: skip


def triangle(axes: "Axes", names: list[str], game: StoredGame | None) -> None:
    """The edges, with arrows from the preferred answer to the other, and names at the corners."""
    for i, j in ((0, 1), (1, 2), (2, 0)):
        ends = CORNERS[[i, j]]
        axes.plot(*ends.T, color=style.GREY, linewidth=0.8, zorder=1)
        if game is None or set(game.names) != set(names):
            continue
        a, b = game.names.index(names[i]), game.names.index(names[j])
        chance = float(game.P[a, b])
        middle, way = ends.mean(axis=0), (ends[1] - ends[0]) * (1 if chance >= 0.5 else -1)
        out = middle - CORNERS.mean(axis=0)
        if chance != 0.5:
            axes.annotate(
                "", middle + 0.06 * way, middle - 0.06 * way,
                arrowprops={"arrowstyle": "-|>", "color": style.GREY, "linewidth": 0.8},
            )  # fmt: skip
        axes.annotate(
            f"{max(chance, 1 - chance):.2f}".lstrip("0"), middle, color=style.GREY,
            xytext=tuple(9 * out / np.linalg.norm(out) * [1.3, 1]), textcoords="offset points",
            ha="center", va="center",
        )  # fmt: skip
    for name, (x, y) in zip(names, CORNERS, strict=True):
        below = y == 0
        axes.annotate(
            wrapped(name, 12), (x, y), xytext=(0, -5 if below else 5), textcoords="offset points",
            ha="center", va="top" if below else "bottom",
        )  # fmt: skip
    axes.set(xlim=(-0.12, 1.12), ylim=(-0.1, 1.0), aspect="equal")
    axes.set_axis_off()
