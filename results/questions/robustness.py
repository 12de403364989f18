"""What does intransitivity cost, and does the answer jump?"""

from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.frames import Labels, categories, comparison_in
from results.questions.layout import GAME_AND_METHOD, pivot
from results.questions.section import ALL, Column, Section, Table, label, shared_by_methods
from results.questions.sentences import largest_by_method
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("duality_gap", panel="duality gap"),
    Column("worst_win_rate", shown=False),
    Column("leader_value", shown=False, panel="win rate against\nbest follower", top=0.5),
    Column("shift", panel="shift from\nt = 0"),
    Column("largest_shift"),
    Column("cyclic_share", shown=False),
)
_MAX_PATHS = 3
_ALONG = {"cyclic": "t: weight of cycles", "noise": "t: twice the noise"}


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, path and t; columns metric x method.

    ``largest_shift``, the largest shift between neighbouring points, is a property of the whole
    path and is listed at its end, t = 1. ``cyclic_share`` is the same for every method.
    """
    return pivot(rows, ["game", "comparison", "path", "t"], ["metric", "method"], COLUMNS)


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest value on each path: one line a game and path."""
    columns = [column for column in COLUMNS if column.shown]
    return pivot(rows, ["game", "path"], ["metric", "method"], columns, "max")


def findings(rows: pd.DataFrame) -> list[str]:
    """For each kind of path, the largest gap and the largest step between neighbours."""
    out = []
    for kind in categories(rows["kind"]):
        part = rows[rows["kind"] == kind]
        gaps = estimate(part[part["metric"] == "duality_gap"], GAME_AND_METHOD, "max")
        steps = estimate(part[part["metric"] == "largest_shift"], GAME_AND_METHOD, "max")
        out.append(f"Path {kind}: the gap reaches {largest_by_method(gaps)}.")
        out.append(
            f"Path {kind}: the largest step between neighbours is {largest_by_method(steps)}."
        )
    return out


def figure(rows: pd.DataFrame) -> "Figure":
    """One game along its paths, and the largest step between neighbours in every game.

    The game is the first among those with the most kinds of paths; at most three paths are drawn.
    """
    featured = str(rows.groupby("game", observed=True)["kind"].nunique().idxmax())
    of_game = rows[rows["game"] == featured]
    paths = categories(of_game["path"])[:_MAX_PATHS]
    drawn = [column for column in COLUMNS if column.panel]
    along = {
        (i, k): estimate(
            of_game[(of_game["metric"] == column.name) & (of_game["path"] == path)],
            ["method", "t"],
        )
        for i, column in enumerate(drawn)
        for k, path in enumerate(paths)
    }
    steps = rows[rows["metric"] == "largest_shift"]
    columns = {
        f"largest step,\n{kind}": estimate(steps[steps["kind"] == kind], GAME_AND_METHOD, "max")
        for kind in categories(rows["kind"])
    }
    games, styles = categories(steps["game"]), style.method_styles(rows[rows["method"] != ALL])
    with style.settings():
        title = (
            f"{panels.short(featured)} along its paths; below, all games; at {comparison_in(rows)}"
        )
        legend = panels.legend(styles, [*along.values(), *columns.values()], "lines")
        page = style.Page(title, legend, 3.6, panels.height_of(games, styles))
        grid = page.panels(0, len(drawn), len(paths), left=0.7, gaps=(0.2, 0.18))
        for (i, k), estimates in along.items():
            axes, top = grid[i, k], drawn[i].top or 1.0
            panels.curves(axes, estimates, "t", styles, every=5)
            panels.limit(axes, "x", labels=i == len(drawn) - 1)
            panels.limit(axes, "y", top, labels=k == 0)
        for k, path in enumerate(paths):
            grid[0, k].set_title(path)
            grid[-1, k].set_xlabel(_ALONG.get(path, "t: share of that type"))
        for line, column in zip(grid, drawn, strict=True):
            line[0].set_ylabel(column.panel)
        panels.dot_columns(page, 1, columns, games, styles, {})
    return page.figure


def _path(labels: Labels) -> str:
    kind = str(labels["path"])
    return f"{kind}, type {labels['type']}" if "type" in labels else kind


SECTION = Section(
    name="robustness",
    title="What does intransitivity cost, and does the answer jump?",
    reading="A path is a family of games from t = 0 to t = 1, and each line shows the largest "
    "value on one path. cyclic: the preferences turn from a ranking into pure cycles. noise: "
    "labels are flipped with probability t / 2, and answers are judged by the true preferences. "
    "annotators: one user type grows from no users to all. Largest shift is the largest total "
    "variation between the answers at neighbouring points; near 1, the answer jumps.",
    expected="At tau = 0: RLHF and the SLHF leader jump where two answers swap ranks. The Nash "
    "policy of NLHF moves continuously while the equilibrium is unique, and jumps where one answer "
    "starts or ceases to beat all others. On the paths cyclic and annotators the duality gap of "
    "NLHF is 0 by definition; on the path cyclic that of RLHF mostly grows, until at t = 1 only "
    "cycles are left and its rewards tie. At tau > 0 all three move continuously, so that "
    "their largest shift shrinks as more points are put on the path.",
    findings=findings,
    tables=(Table("robustness", table, COLUMNS, digest),),
    figure=figure,
    steps=False,
    labels={
        "kind": label("path"),
        "path": _path,
        "t": lambda labels: float(labels.get("t", 1)),
    },
    arrange=lambda rows: shared_by_methods(rows, "cyclic_share"),
    compared=True,
)
