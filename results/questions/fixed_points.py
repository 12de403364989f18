"""Where do methods end with their default parameters?"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import panels, style
from results.frames import categories
from results.questions.layout import METHOD_KEYS, aggregate
from results.questions.section import Column, Section, Table, label
from results.sheet import Sheet, fitting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROUTES = {"target": "closed form", "last": "last iterate", "average": "average"}

COLUMNS = (
    Column(
        "mean",
        "total variation to the regularised equilibrium at nash_tau, over contexts and seeds",
        lambda part: part["value"].mean(),
    ),
    Column("max", "the largest over contexts and seeds", lambda part: part["value"].max()),
    Column("size", "number of contexts and seeds", len),
)
_AT_NASH = 0.01


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method and route: mean and largest distance to Nash.

    ``route`` is "target" for the closed form of the fixed point, "last" for the last iterate of
    the run and "average" for the average of its iterates.
    """
    rows = rows[rows["metric"] == "tv_to_nash"]
    return aggregate(rows, [*METHOD_KEYS, "nash_tau", "route"], COLUMNS)


def findings(rows: pd.DataFrame) -> list[str]:
    """How far from the regularised Nash equilibrium each method ends."""
    out = []
    keys = ["comparison", "method", "route", "nash_tau"]
    for (comparison, method, route, tau), part in table(rows).groupby(keys, observed=True):
        where = f"{comparison}, {method} ({route}, against Nash at {tau:g})"
        out.append(
            f"{where}: total variation to Nash {part['mean'].min():.3f} to {part['max'].max():.3f}."
        )
    return out


def figure(rows: pd.DataFrame) -> "Figure":
    """Total variation to Nash: one panel a game, one line a method, one band an equilibrium.

    Large hollow dots are closed forms of the fixed points; small dots and crosses are the last and
    average iterates of the runs.
    """
    ends, styles = table(rows), style.method_styles(rows)
    taus, games = sorted(ends["nash_tau"].unique()), categories(ends["game"])
    methods = {
        tau: [name for name in styles if name in set(ends.loc[ends["nash_tau"] == tau, "method"])]
        for tau in taus
    }
    across = fitting(len(games), 1.1, 1.6)
    bands = [(tau, games[k : k + across]) for tau in taus for k in range(0, len(games), across)]
    top = 1.05 * max(ends["max"].max(), 0.1)
    with style.settings():
        heights = [0.75 + 0.19 * len(methods[tau]) for tau, _ in bands]
        sheet = Sheet(_title(ends), _legend(rows, ends), *heights)
        for band, (tau, shown) in enumerate(bands):
            line = sheet.panels(band, 1, len(shown))[0]
            for k, (axes, game) in enumerate(zip(line, shown, strict=True)):
                part = ends[(ends["nash_tau"] == tau) & (ends["game"] == game)]
                for method, route, mean in part[["method", "route", "mean"]].itertuples(
                    index=False
                ):
                    height = methods[tau].index(method)
                    axes.plot(mean, height, clip_on=False, **_mark(styles[method], route))
                names = methods[tau] if k == 0 else [""] * len(methods[tau])
                axes.set_yticks(range(len(methods[tau])), names)
                axes.set(ylim=(len(methods[tau]) - 0.4, -0.6), xlim=(-0.02 * top, top))
                axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
                axes.tick_params(axis="y", length=0)
                axes.set_title(panels.shown_name(game))
            sheet.bands[band, 0].supxlabel(
                f"total variation to Nash at tau = {tau:g} (lower is better)", fontsize="medium"
            )
    return sheet.figure


def _title(ends: pd.DataFrame) -> str:
    """How many methods end at the equilibrium."""
    last = ends[ends["route"] == "last"].groupby(["method", "nash_tau"], observed=True)["max"].max()
    return (
        "Where methods end with their default parameters\n"
        f"{int((last < _AT_NASH).sum())} of {len(last)} last iterates are within {_AT_NASH:g} of "
        "the equilibrium in every game"
    )


def _mark(of_method: style.MethodStyle, route: str) -> dict[str, Any]:
    if route == "average":
        return {**of_method.dot(), "marker": "+", "markersize": 6}
    return replace(of_method, exact=route == "target").dot()


def _legend(rows: pd.DataFrame, ends: pd.DataFrame) -> dict[str, Any]:
    """Legend entries: the concepts in their colours, the routes in grey."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grey = style.MethodStyle(style.GREY, "o", "", "")
    routes = {
        words: Line2D([], [], **_mark(grey, route))
        for route, words in ROUTES.items()
        if (ends["route"] == route).any()
    }
    concepts = {
        concept.upper() if concept != "other" else concept: Patch(facecolor=colour)
        for concept, colour in style.COLOURS.items()
        if (rows["concept"] == concept).any()
    }
    return {**concepts, **routes}


SECTION = Section(
    name="fixed_points",
    title="Where do methods end with their default parameters?",
    reading="Total variation between where a method ends with its default parameters and the "
    "regularised Nash equilibrium (with tau = nash_tau) that it is used to find. The closed form "
    "is where it would end after infinitely many steps; the last iterate and the average are where "
    "the run ended.",
    expected="Mirror descent on the regularised game ends at the equilibrium. A method whose "
    "opponent is a mixture of its policy and the reference ends elsewhere, farther away the more "
    "weight the reference has. In self-play without a KL penalty the last iterate cycles, while "
    "the average of the iterates comes close to the equilibrium.",
    findings=findings,
    tables=(Table("fixed_points", table, COLUMNS),),
    figure=figure,
    labels={"route": label("route"), "nash_tau": label("nash_tau", 0.0)},
)
