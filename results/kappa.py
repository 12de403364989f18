"""What it takes that a follower learns its replies: leader and follower at the end, by kappa."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from results import panels, style
from results.curves import log_scales
from results.questions import convergence, followers
from results.questions.sentences import NBSP
from results.sheet import Sheet, fitting, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PLAYERS = {
    "last_tv": ("leader, last iterate", "^", "-"),
    "average_tv": ("leader, average", "D", "--"),
    "row_tv": ("follower's replies", "o", ":"),
}
"""Prefix of the columns of ``followers.table`` -> its words, marker and line."""

_LARGEST: dict[str, Any] = {"linewidth": 3.0, "alpha": 0.25}

_LEAST = 1e-8
"""Smaller distances are drawn at this one, because a logarithmic axis has no 0."""


def figure(frame: pd.DataFrame) -> "Figure | None":
    """Distance to the closed form against kappa, one panel a game, comparison and solver.

    None if no method was run at several kappa.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    """
    from matplotlib.lines import Line2D

    if not convergence.SECTION.has_rows(frame):
        return None
    ends = followers.table(convergence.SECTION.rows(frame))
    keys = ["game", "comparison", "solver"]
    if ends.empty:
        return None
    groups = ends.dropna(subset="kappa").groupby(keys, observed=True)
    parts = {key: part for key, part in groups if part["kappa"].nunique() > 1}
    if not parts:
        return None
    titles = [_panel(*map(str, key)) for key in parts]
    columns = fitting(len(parts), 1.9)
    height = 1.9 + 0.13 * max(title.count("\n") for title in titles)
    with style.settings():
        legend = {words: Line2D([], [], **_curve(p)) for p, (words, *_) in _PLAYERS.items()}
        legend["median to largest"] = Line2D([], [], color=style.COLOURS["slhf"], **_LARGEST)
        title = _title(pd.concat(parts.values()))
        sheet = Sheet(title, legend, height * -(-len(parts) // columns))
        grid = sheet.some_panels(0, len(parts), columns)
        for k, (axes, words, part) in enumerate(zip(grid, titles, parts.values(), strict=True)):
            _draw(axes, part)
            axes.set_title(words)
            axes.set_xlabel("kappa: learning rate of the\nfollower over the leader's")
            near = "total variation to the\nclosed form (lower is better)"
            axes.set_ylabel(near if k % columns == 0 else "")
            axes.tick_params(axis="y", labelleft=k % columns == 0)
    return sheet.figure


def _panel(game: str, comparison: str, solver: str) -> str:
    """The title of a panel."""
    return wrapped(f"{panels.shown_name(game)}\n{solver}, {comparison}", 32)


def _draw(axes: "Axes", part: pd.DataFrame) -> None:
    for prefix in _PLAYERS:
        if f"{prefix}_median" not in part:
            continue
        middle = part[f"{prefix}_median"].clip(lower=_LEAST)
        axes.plot(part["kappa"], middle, clip_on=False, **_curve(prefix))
        most = part[f"{prefix}_largest"].clip(lower=_LEAST)
        axes.vlines(part["kappa"], middle, most, color=style.COLOURS["slhf"], **_LARGEST)
    log_scales(axes)
    axes.set_ylim(_LEAST, 1)
    axes.set_xticks(part["kappa"], [f"{kappa:g}" for kappa in part["kappa"]])
    axes.minorticks_off()


def _curve(prefix: str) -> dict[str, Any]:
    _, marker, line = _PLAYERS[prefix]
    of_it = style.MethodStyle(style.COLOURS["slhf"], marker, line, "", exact=prefix == "row_tv")
    return of_it.curve() | {"markersize": 4.5}


def _title(ends: pd.DataFrame) -> str:
    """How many replies are far off at every kappa."""
    each = []
    for kappa, at in ends.groupby("kappa"):
        share = at["far"].sum() / at["rows"].sum()
        each.append(f"{share:.0%} at kappa {kappa:g}".replace(" ", NBSP))
    return (
        "How fast a follower must learn beside its leader\n"
        f"Replies more than {followers.FAR:g} from the best ones: {', '.join(each)}"
    )
