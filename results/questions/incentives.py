"""What does a group of annotators gain if it reports a ranking that is not its own?"""

from typing import TYPE_CHECKING

import pandas as pd

from results.questions.layout import GAME_AND_METHOD, dots, pivot
from results.questions.section import Column, Section, Table, label
from results.questions.sentences import MOVES, count_games, largest_by_method
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("misreport_gain", panel="largest gain of a\nuser type by a misreport", axis="utility"),
    Column("unanswered_share"),
)
REPORTS = (
    Column("type", "number of the user type, in the order of the population"),
    Column("report", "the best report of the type; the truth if no misreport gains"),
    Column("gain", "its gain, in the type's true utility on [0, 1]"),
)
NOBODY = "no game of this run has user types whose majorities make the preferences"


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and user type; columns metric x method."""
    gains = rows[rows["metric"] == "misreport_gain"]
    return pivot(gains, ["game", "comparison", "type"], ["metric", "method"], COLUMNS)


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest gain of any user type: one line a game."""
    return pivot(rows, ["game"], ["metric", "method"], COLUMNS, "max")


def reports(rows: pd.DataFrame) -> pd.DataFrame:
    """The best report of every type, as measured."""
    gains = rows[(rows["metric"] == "misreport_gain") & rows["value"].notna()]
    keys = ["game", "comparison", "method", "seed", "context", "type"]
    return gains[[*keys, "report", "value"]].rename(columns={"value": "gain"})


def findings(rows: pd.DataFrame) -> list[str]:
    """The largest gain by a misreport, and in how many games telling the truth is best."""
    gains = estimate(rows[rows["metric"] == "misreport_gain"], GAME_AND_METHOD, "max")
    if gains.empty:
        return []
    honest = count_games(gains.assign(hit=gains["mean"] <= MOVES))
    return [
        f"The largest gain of a user type by a misreport: {largest_by_method(gains)}.",
        f"No type gains by a misreport under {honest}.",
    ]


def figure(rows: pd.DataFrame) -> "Figure | None":
    """The largest gain of any user type in each game."""
    return dots(rows, COLUMNS, "What a user type gains by a misreport", "misreport_gain")


SECTION = Section(
    name="incentives",
    title="What does a group of annotators gain by a misreport?",
    reading="The preferences are majorities of user types, each of which ranks the answers. One "
    "type as a whole reports another ranking than its own; all rankings are tried, and each "
    "method is applied again, at the same strength. misreport_gain is what the best of them adds "
    "to the type's true expected utility, which is 1 for its favourite and 0 for its worst "
    "answer; 0 says that telling the truth is best. Lines show the type that gains most.",
    expected="No deterministic rule for three or more answers that can choose each of them is safe "
    "unless it is a dictatorship (Gibbard 1973, Satterthwaite 1975), and a random dictator is. At "
    "tau = 0 RLHF with every pair compared alike is Borda's rule, known to be easy to manipulate.",
    findings=findings,
    tables=(
        Table("incentives", table, COLUMNS, digest, absent=NOBODY),
        Table("misreports", reports, REPORTS, shown=False),
    ),
    figure=figure,
    labels={"type": label("type"), "report": label("report")},
    compared=True,
)
