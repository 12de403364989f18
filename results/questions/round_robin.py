"""Who beats whom?"""

from typing import TYPE_CHECKING

import pandas as pd

from results import style
from results.comparisons import fixed_set, strength_words
from results.frames import CONCEPTS, comparison_in
from results.heat_map import heat_map
from results.questions.layout import pivot
from results.questions.section import Column, Section, Table, label
from results.questions.sentences import n_games
from results.sheet import Sheet
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (Column("win_rate"),)
_ROLES = {"answer": "", "revision": ", revised", "reply": ", replying"}


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and player; one column an opponent."""
    return pivot(rows, ["game", "comparison", "player"], ["metric", "opponent"], COLUMNS)


def matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean win rates of one comparison over the games in which every entry exists.

    One line a player, one column an opponent; empty if there is no such game.
    """
    complete = _complete(rows)
    means = complete.groupby("player", observed=True).mean()
    return means.round(3).rename_axis(columns=None)


def findings(rows: pd.DataFrame) -> list[str]:
    """Each player's lowest mean win rate, and against whom."""
    complete, means = _complete(rows), matrix(rows)
    if means.empty:
        return ["In no game do all answers exist."]
    worst = [f"{player} {row.min():.3f} ({row.idxmin()})" for player, row in means.iterrows()]
    games = n_games(len(complete.index.unique("game")))
    return [f"Lowest mean win rate over {games}, and the opponent: {', '.join(worst)}."]


def figure(rows: pd.DataFrame) -> "Figure | None":
    """A heat map of ``matrix``: darker wins more often; None if it is empty."""
    means = matrix(rows)
    if means.empty:
        return None
    worst = means.min(axis=1)
    safest, games = worst.idxmax(), n_games(len(_complete(rows).index.unique("game")))
    with style.settings():
        title = f"Who beats whom {strength_words(comparison_in(rows))}, mean of {games}\n"
        title += f"{safest} loses least: its lowest win rate is {worst.max():.2f}"
        sheet = Sheet(title, {}, 0.9 + 0.26 * len(means))
        axes = sheet.panels(0, 1, 1)[0, 0]
        heat_map(axes, means.rename(columns=_in_capitals), "win rate of the player")
        axes.set(xlabel="opponent", ylabel="player (higher is better)")
    return sheet.figure


def _in_capitals(opponent: str) -> str:
    """The name of an opponent as players are called: "SLHF revision"."""
    first, _, rest = opponent.partition(" ")
    return f"{first.upper()} {rest}".strip() if first in CONCEPTS[:3] else opponent


def _complete(rows: pd.DataFrame) -> pd.DataFrame:
    """Win rates (game, player) x opponent of the games without a missing entry."""
    rates = estimate(rows, ["game", "player", "opponent"]).rename(columns={"mean": "value"})
    games = fixed_set(rates, "game", ["player", "opponent"])
    wide = rates.pivot(index=["game", "player"], columns="opponent", values="value")
    return wide[wide.index.get_level_values("game").isin(games)]


def _players(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with the player: the method and, of a follower, its role."""
    roles = rows["role"].astype(str).map(_ROLES)
    names = rows["method"].astype(str) + roles
    order = [method + role for method in rows["method"].cat.categories for role in _ROLES.values()]
    present = [name for name in order if name in set(names)]
    return rows.assign(player=pd.Categorical(names, present, ordered=True))


SECTION = Section(
    name="round_robin",
    title="Who beats whom?",
    reading="An entry is the probability that an answer of the line is preferred to one of the "
    "column, mean over games; 0.5 is a tie. Opponents are as strong as the player (the same tau, "
    "or the same KL). nash_md_pg is followed by its mixture and stands for the point where it "
    "ends; mixture 0, self-play and Nash-EMA end at NLHF. A revised answer is the follower's reply "
    "to its leader's answer, and does not see the opponent's; one that is replying does see it.",
    expected="At tau = 0 nothing beats NLHF, so its line is at least 0.5 everywhere, and a "
    "follower that sees the answer beats whatever is not a Condorcet winner. With a penalty, or "
    "at equal KL, neither need hold: the penalty, not the opponent, limits each.",
    findings=findings,
    tables=(Table("round_robin", table, COLUMNS, matrix),),
    figure=figure,
    labels={"role": label("role"), "opponent": label("opponent")},
    arrange=_players,
    compared=True,
)
