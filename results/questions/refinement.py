"""What does asking again buy?"""

from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.frames import Labels, categories, comparison_in
from results.questions.layout import GAME_AND_METHOD, pivot
from results.questions.section import Column, Section, Table, label
from results.questions.sentences import mean_over_games
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (Column("seen_favourite"), Column("best_utility"))
REVISED = (Column("refinement_win_rate"),)
NO_USERS = "no game of this run has a population of users"
_MAX_GAMES = 6
_PANELS_PER_ROW = 3


def users(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows about user types: with type, number of answers, how these are made, and route."""
    rows = rows[rows["n_answers"] > 0]
    return rows.assign(n_answers=rows["n_answers"].astype(int))


def favourites(rows: pd.DataFrame) -> pd.DataFrame:
    """Exact chances that a user of any type has met its favourite."""
    rows = users(rows)
    rows = rows[(rows["metric"] == "seen_favourite") & (rows["type"] == "all")]
    return rows[rows["route"] == "exact"]


def favourites_by_route(rows: pd.DataFrame) -> pd.DataFrame:
    """``favourites`` where a method that can refine does so under its name.

    Its independent draws are the method "SLHF, independent".
    """
    rows = favourites(rows)
    refines = rows.loc[rows["how"] == "refined", "method"].unique()
    beside = rows["method"].isin(refines) & (rows["how"] == "independent")
    name = rows["method"].astype(str)
    return rows.assign(method=name.mask(beside, name + ", independent"))


def revisions(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows about revisions, by leader ("reference", "RLHF", ...)."""
    return rows[rows["metric"] == "refinement_win_rate"]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines game x comparison x user type x number of answers x how, columns metric x method.

    how: every answer drawn independently, or refined from the one before.
    """
    index = ["game", "comparison", "type", "n_answers", "how", "route"]
    return pivot(users(rows), index, ["metric", "method"], COLUMNS)


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines game x number of answers x how, over all user types."""
    rows = users(rows)
    rows = rows[(rows["type"] == "all") & (rows["route"] == "exact")]
    return pivot(rows, ["game", "n_answers", "how"], ["metric", "method"], COLUMNS)


def revised(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines game x comparison x leader, columns the method that revises the leader's answer.

    The value is the probability that the revision is preferred to what it revises; a method
    without a follower draws an answer from its policy.
    """
    index = ["game", "comparison", "leader"]
    return pivot(revisions(rows), index, ["metric", "method"], REVISED)


def revised_digest(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines game x leader of one comparison."""
    return pivot(revisions(rows), ["game", "leader"], ["metric", "method"], REVISED)


def findings(rows: pd.DataFrame) -> list[str]:
    """Favourites met after several answers, and how a revision fares."""
    out, met = [], favourites(rows)
    if met.empty:
        out.append(f"{NO_USERS[0].upper()}{NO_USERS[1:]}.")
    else:
        n = min(3, met["n_answers"].max())
        for how in categories(met["how"]):
            part = met[(met["n_answers"] == n) & (met["how"] == how)]
            shares = mean_over_games(estimate(part, GAME_AND_METHOD))
            out.append(f"After {n} {how} answers a user has seen its favourite: {shares}.")
    pairs = revisions(rows)
    same = pairs[pairs["leader"].astype(str) == pairs["method"].astype(str)]
    if len(same):
        rates = mean_over_games(estimate(same, GAME_AND_METHOD))
        out.append(f"An answer revised by its own method loses to the revision: {rates}.")
    return out


def figure(rows: pd.DataFrame) -> "Figure":
    """Has a user met its favourite after N answers, and is a revision preferred?"""
    pairs, met = revisions(rows), favourites_by_route(rows)
    columns = {
        f"revising\n{leader}": estimate(pairs[pairs["leader"] == leader], GAME_AND_METHOD)
        for leader in categories(pairs["leader"])
    }
    chances = {
        game: estimate(met[met["game"] == game], ["method", "n_answers"])
        for game in categories(met["game"])[:_MAX_GAMES]
    }
    games, styles = categories(pairs["game"]), style.method_styles(pd.concat([met, pairs]))
    revise = {name: of_it for name, of_it in styles.items() if name in set(pairs["method"])}
    lines, across = -(-len(chances) // _PANELS_PER_ROW), min(_PANELS_PER_ROW, len(chances))
    with style.settings():
        title = "Has a user seen its favourite after N answers? " if chances else ""
        title += f"Is a revision preferred? At {comparison_in(rows)}"
        estimates = [*chances.values(), *columns.values()]
        legend = panels.legend(styles, estimates, "lines" if chances else "dots")
        heights = [*[0.3 + 1.5 * lines] * bool(chances), panels.height_of(games, revise)]
        page = style.Page(title, legend, *heights)
        grid = list(page.panels(0, lines, across, gaps=(0.25, 0.65)).flat) if chances else []
        for k, (axes, (game, part)) in enumerate(zip(grid, chances.items(), strict=False)):
            panels.curves(axes, part, "n_answers", styles)
            panels.limit(axes, "y", labels=k % _PANELS_PER_ROW == 0)
            axes.set(title=panels.short(game), xticks=sorted(set(part["n_answers"])), xlabel="N")
            axes.set_ylabel("favourite seen" if k % _PANELS_PER_ROW == 0 else "")
        panels.dot_columns(page, min(1, lines), columns, games, revise, {})
        for axes in grid[len(chances) :]:
            axes.set_axis_off()
    return page.figure


def _leader(labels: Labels) -> str:
    name = str(labels.get("leader", ""))
    return "reference" if name == "ref" else name.upper()


SECTION = Section(
    name="refinement",
    title="What does asking again buy?",
    reading="Probability that a user has seen its favourite after N answers, drawn independently "
    "or each refined from the one before, at equal numbers of answers; best utility is that of the "
    "best so far, scaled to [0, 1] for each user type.",
    expected="On the symmetric three-cycle: 1/3, 5/9, 19/27 by independent draws from NLHF and "
    "1/3, 2/3, 1 by the SLHF follower, which needs a sharp follower. With more answers or many "
    "good ones the order can reverse.",
    findings=findings,
    tables=(
        Table("refinement", table, COLUMNS, digest, absent=NO_USERS),
        Table("revisions", revised, REVISED, revised_digest),
    ),
    figure=figure,
    steps=False,
    labels={
        "type": label("type"),
        "n_answers": lambda labels: float(labels.get("n_answers", 0)),
        "how": label("how"),
        "route": label("route"),
        "leader": _leader,
    },
    compared=True,
)
