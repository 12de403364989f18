"""Which pair or label does the answer rest on?"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from results.export import number
from results.questions.layout import GAME_AND_METHOD, METHOD_KEYS, dots, pivot
from results.questions.section import Column, Section, Table
from results.questions.sentences import n_games
from results.statistics import estimate, fill_units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHARPEST = 8
COLUMNS = (
    Column(
        "condition_number",
        panel="condition\nnumber",
        axis="shift per change\nof all win rates",
        top=None,
    ),
    Column(
        "pair_influence",
        panel="influence of the\nstrongest pair",
        axis="shift per change\nof its win rate",
        top=None,
    ),
    Column("smallest_flip_at_least"),
    Column(
        "smallest_flip", panel="labels that\nchange the answer", axis="reversed labels", top=None
    ),
)
SHARPENED = (Column("condition_number"),)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method; the influence is that of the strongest pair."""
    return pivot(_as_given(rows), METHOD_KEYS, ["metric"], COLUMNS, "max")


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The same for one comparison, one line a game and method."""
    return pivot(_as_given(rows), GAME_AND_METHOD, ["metric"], COLUMNS, "max")


def sharpened(rows: pd.DataFrame) -> pd.DataFrame:
    """The condition number by sharpness, the factor of all log-odds; one line a game and method."""
    return pivot(rows, METHOD_KEYS, ["metric", "sharpness"], SHARPENED, "max")


def sharpened_digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The same for one comparison."""
    return pivot(rows, GAME_AND_METHOD, ["metric", "sharpness"], SHARPENED, "max")


def findings(rows: pd.DataFrame) -> list[str]:
    """What sharper preferences do to the condition number, and the fewest labels that decide."""
    out = []
    keys = [*GAME_AND_METHOD, "seed", "context"]
    numbers = fill_units(rows[rows["metric"] == "condition_number"])
    wide = numbers.pivot_table("value", keys, "sharpness", "max", observed=True)
    if {1, _SHARPEST} <= set(wide.columns):
        both = wide[wide[1] > 0].dropna(subset=[_SHARPEST])
        growth = (both[_SHARPEST] / both[1]).unstack("method").dropna()
        each = [
            f"{method} {number(part.median())} (largest {number(part.max())})"
            for method, part in growth.items()
        ]
        if len(growth):
            games = n_games(growth.index.get_level_values("game").nunique())
            out.append(
                f"Log-odds {_SHARPEST} times as large multiply the condition number, in the median "
                f"of {games}, by: {', '.join(each)}."
            )
    most, least = (_per_game(rows, name) for name in ("smallest_flip", "smallest_flip_at_least"))
    most = most[(most > 0).all(axis=1)]  # a tied answer has no flip
    for method in most.columns if len(most) else ():
        game: Any = most[method].idxmin()
        low = least[method].get(game, 0.0) if method in least else 0.0
        changes = _labels(low, float(most[method][game]))
        out.append(
            f"{method}: the likeliest answer of {game} changes when {changes} reversed (fewest of "
            f"{n_games(len(most))})."
        )
    return out


def _per_game(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Means of a metric: one line a game, one column a method."""
    means = estimate(rows[rows["metric"] == metric], GAME_AND_METHOD)
    return means.pivot(index="game", columns="method", values="mean")


def _labels(low: float, high: float) -> str:
    """How many labels, between a proven lower bound and what a greedy search found."""
    if low < high:
        return f"between {low:g} and {high:g} labels are"
    return "1 label is" if high == 1 else f"{high:g} labels are"


def _as_given(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["sharpness"] == 1]


def figure(rows: pd.DataFrame) -> "Figure | None":
    """Condition number, strongest pair and smallest flip: one line a game, one panel each."""
    return dots(_as_given(rows), COLUMNS, "On how few labels the answer rests", "smallest_flip")


SECTION = Section(
    name="influence",
    title="Which comparison does the answer rest on?",
    reading="Influence is the change of the policy, summed over answers, per unit change of one "
    "win rate, from the exact derivative. The condition number is the largest of these, with each "
    "pair's win rate as uncertain as its number of comparisons makes it. The smallest flip is the "
    "number of reversed labels that changes the likeliest answer, in a data set in which every "
    "pair was compared equally often: exact where smallest_flip and smallest_flip_at_least agree, "
    "else between the two. A tied answer has no derivative at tau = 0, and its smallest flip is 0.",
    expected="At tau = 0 RLHF and SLHF stand still until they jump, so that their condition number "
    "is 0 and says nothing: their smallest flip does. Where preferences are nearly certain, the "
    "Bradley-Terry reward reacts without bound, because its curvature s (1 - s) vanishes, and at a "
    "fixed KL so may the policy; the responses of NLHF and SLHF stay bounded by pi / tau.",
    findings=findings,
    tables=(
        Table("influence", table, COLUMNS, digest),
        Table("sharpness", sharpened, SHARPENED, sharpened_digest),
    ),
    figure=figure,
    steps=False,
    labels={"sharpness": lambda labels: float(labels.get("sharpness", 1))},
    compared=True,
)
