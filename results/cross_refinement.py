"""Whose revision improves whose answer: every method that revises against every first answer."""

from typing import TYPE_CHECKING

import pandas as pd

from results import style
from results.comparisons import fixed_set, select_comparison, strength_words
from results.frames import comparison_in
from results.heat_map import heat_map
from results.questions import refinement
from results.questions.sentences import NBSP, n_games
from results.sheet import Sheet
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAW, _REVISED, _FOLLOWER = ", new draw", ", revised", ", follower"


def matrix(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Win rates of revisions over the answers they revise, and the number of games averaged.

    One line a method that revises, one column a method whose answer is revised. The games are
    those in which every entry exists.

    Parameters
    ----------
    rows : DataFrame
        Rows of refinement in one comparison.
    """
    pairs = refinement.all_revisions(rows)
    names = {name: _named(name, pairs) for name in pairs["method"].cat.categories}
    pairs = pairs.assign(method=pairs["method"].cat.rename_categories(names))
    rates = estimate(pairs, ["game", "method", "leader"]).rename(columns={"mean": "value"})
    games = fixed_set(rates, "game", ["method", "leader"])
    complete = rates[rates["game"].isin(games)]
    wide = complete.pivot_table("value", "method", "leader", "mean", observed=True)
    return wide.rename_axis(columns=None), len(games)


def _named(method: str, pairs: pd.DataFrame) -> str:
    """The method with how it revises, if its name does not say it."""
    if method.endswith(_REVISED):
        return method
    slhf = (pairs["method"] == method) & (pairs["concept"] == "slhf")
    return method + (_FOLLOWER if slhf.any() else _DRAW)


def figure(frame: pd.DataFrame) -> "Figure | None":
    """The matrix of the main comparison as a map; None if no game has all of its entries.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    """
    if not refinement.SECTION.has_rows(frame):
        return None
    rows = select_comparison(refinement.SECTION.rows(frame), None)
    rates, games = matrix(rows)
    if rates.empty:
        return None
    means = rates[~rates.index.astype(str).str.endswith(_DRAW)].mean(axis=1)
    each = "; ".join(f"{name} {mean:.2f}".replace(" ", NBSP) for name, mean in means.items())
    with style.settings():
        title = f"Whose revision improves whose answer {strength_words(comparison_in(rows))}\n"
        title += f"Mean win rate of revisions ({n_games(games)}): {each}"
        sheet = Sheet(title, {}, 0.9 + 0.26 * len(rates))
        axes = sheet.panels(0, 1, 1)[0, 0]
        heat_map(axes, rates, "win rate of\nthe revision")
        axes.set(xlabel="whose answer is revised", ylabel="who revises (higher is better)")
    return sheet.figure
