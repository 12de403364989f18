"""Where do practical defaults end? A table, sentences and a figure of these rows."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from results import style
from results.algorithms import PLACE, looks_of, rows_of

_ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "target": ("closed form", {"marker": "o", "markersize": 8, "markerfacecolor": "none"}),
    "last": ("last iterate", {"marker": "o", "markersize": 3.5}),
    "average": ("average", {"marker": "x"}),
}

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fixed_points(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method and route: mean and largest distance to Nash.

    route: the closed form ("target"), or what the run ended with ("last", "average").
    """
    rows = rows_of(frame, "fixed_points", route="", nash_tau=0.0)
    rows = rows[rows["metric"] == "tv_to_nash"]
    group = rows.groupby([*PLACE, "nash_tau", "route"], observed=True, sort=False)["value"]
    return group.agg(["mean", "max", "size"]).reset_index()


def findings(frame: pd.DataFrame) -> list[str]:
    """How far from the regularised equilibrium each method ends."""
    told = fixed_points(frame)
    out = []
    keys = ["comparison", "method", "route", "nash_tau"]
    for (comparison, method, route, tau), own in told.groupby(keys, observed=True):
        where = f"{comparison}, {method} ({route}, against Nash at {tau:g})"
        out.append(
            f"{where}: total variation to Nash {own['mean'].min():.3f} to {own['max'].max():.3f}."
        )
    return out


def figure(frame: pd.DataFrame) -> "Figure":
    """Total variation to Nash, a panel an equilibrium, a line a method, a colour a game.

    Rings are closed forms of where a method ends, dots and crosses are what it ended with.
    """
    from matplotlib.lines import Line2D

    told = fixed_points(frame)
    told = told.assign(line=told["method"].astype(str), method=told["game"].astype(str))
    taus = sorted(told["nash_tau"].unique())
    lines = {tau: list(dict.fromkeys(told.loc[told["nash_tau"] == tau, "line"])) for tau in taus}
    looks, top = looks_of(told), 1.05 * max(told["max"].max(), 0.1)
    marks = {
        words: Line2D([], [], color=style.GREY, linestyle="", **mark)
        for route, (words, mark) in _ROUTES.items()
        if (told["route"] == route).any()
    }
    games = {
        game: Line2D([], [], color=colour, marker="s", linestyle="")
        for game, (colour, _) in looks.items()
    }
    with style.settings():
        heights = [0.75 + 0.2 * len(lines[tau]) for tau in taus]
        page = style.Page("Where the defaults end", {**games, **marks}, *heights)
        left = 0.35 + max(style.text_width(line) for own in lines.values() for line in own)
        for k, tau in enumerate(taus):
            axes = page.panels(k, 1, 1, left=left)[0][0]
            own = told[told["nash_tau"] == tau]
            for (game, line, route), value in own.set_index(["method", "line", "route"])[
                "mean"
            ].items():
                shift = 0.5 * ((list(games).index(game) + 0.5) / len(games) - 0.5)
                axes.plot(
                    value, lines[tau].index(line) + shift, linestyle="", clip_on=False,
                    color=looks[game][0], **_ROUTES[route][1],
                )  # fmt: skip
            axes.set_yticks(range(len(lines[tau])), lines[tau])
            axes.set(ylim=(len(lines[tau]) - 0.4, -0.6), xlim=(-0.02 * top, top))
            axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
            axes.tick_params(axis="y", length=0)
            axes.set_title(f"total variation to Nash at tau = {tau:g}")
    return page.figure
