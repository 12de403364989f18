"""One game in one figure: its preferences, the answer, how far it moves, what asking again buys."""

from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.comparisons import select_comparison, strength_words
from results.curves import curves, label_ends
from results.frames import categories, comparison_in
from results.preference_graph import draw_graph
from results.questions import consistency, data_sensitivity, refinement
from results.sheet import Sheet, fitting, wrapped
from results.statistics import estimate
from results.stored_games import Games

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_QUESTIONS = (consistency.SECTION, data_sensitivity.SECTION, refinement.SECTION)


def story(frame: pd.DataFrame, games: Games) -> "Figure | None":
    """Four panels on the first game with rows for the last three, in the main comparison.

    None if there is no such game. The preferences are drawn where the game is stored.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    games : Games
        Of the same run.
    """
    if not all(section.has_rows(frame) for section in _QUESTIONS):
        return None
    frame = frame.assign(registry_game=frame["game"])
    answers = select_comparison(consistency.SECTION.rows(frame), None)
    exact = answers["solver"].astype(str) == answers["concept"].astype(str) + "_exact"
    answers = answers[exact]
    if answers.empty:
        return None
    comparison, styles = comparison_in(answers), style.method_styles(answers)
    answers = answers[answers["metric"] == "probability"]
    shifts = data_sensitivity.missing_pairs(data_sensitivity.SECTION.rows(frame))
    users = refinement.with_different_draws(refinement.SECTION.rows(frame))
    users = users[users["method"] != "RLHF, without repeats"]
    shifts = shifts[shifts["method"].isin(list(styles))]
    shifts, users = (rows[rows["comparison"] == comparison] for rows in (shifts, users))
    both = set(categories(shifts["game"])) & set(categories(users["game"]))
    named = [game for game in categories(answers["game"]) if game in both]
    if not named:
        return None
    answers, shifts, users = (rows[rows["game"] == named[0]] for rows in (answers, shifts, users))
    actions = pd.CategoricalDtype(list(answers["action"].unique()), ordered=True)
    probabilities = estimate(answers.astype({"action": actions}), ["method", "action"])
    moves = estimate(shifts, ["method", "setting"], "max")
    favourites = estimate(users, ["metric", "method", "n_answers"])
    first = answers.iloc[0]
    seed = None if pd.isna(first["seed"]) else int(first["seed"])
    game = games.find(str(first["registry_game"]), str(first["game_params"]), seed)
    with style.settings():
        title = f"The same preferences, different answers, {strength_words(comparison)}"
        legend = panels.legend(styles, [probabilities, moves, favourites], "bars")
        number = 3 + (game is not None)
        across = fitting(number, 1.9) if number < 4 else fitting(2, 1.9)
        lines, letters = -(-number // across), 32 if across < 3 else 22
        sheet = Sheet(title, legend, *[2.0] * lines)
        grid = [axes for line in range(lines) for axes in sheet.panels(line, 1, across)[0]]
        if game is not None:
            draw_graph(grid[0], game)
            grid[0].set_title(wrapped("How often the users prefer one answer to another", letters))
        chosen, moved, again = grid[-3:]
        panels.bars(chosen, probabilities, "action", styles)
        chosen.set(title="What is answered", ylabel="probability")
        panels.bars(moved, moves, "setting", styles)
        moved.set_title(wrapped("How far the answer moves if one pair is never compared", letters))
        moved.set(xlabel="the preferences are", ylabel="total variation")
        words = "Has a user seen the answer that it likes best after N answers?"
        again.set_title(wrapped(words, letters))
        _again(again, users, favourites)
    return sheet.figure


def _again(axes: "Axes", users: pd.DataFrame, favourites: pd.DataFrame) -> None:
    """Curves of the chance that a user has seen its favourite answer, with their names."""
    curves(axes, favourites, "n_answers", style.method_styles(users))
    panels.limit(axes, "y")
    axes.set_ylim(-0.03, 1.12)
    axes.set(xticks=sorted(set(favourites["n_answers"])), xlabel="number of answers N")
    axes.set_ylabel("probability")
    last = favourites[favourites["n_answers"] == favourites["n_answers"].max()]
    refines = set(users.loc[users["how"] == "refined", "method"])
    ends = {
        _route(str(method), method in refines): mean
        for method, mean in last.set_index("method")["mean"].dropna().items()
    }
    label_ends(axes, ends, 0.12)


def _route(method: str, refines: bool) -> str:
    """A method with how it answers again."""
    name, comma, how = method.partition(", ")
    if comma:
        return f"{name} {'independent draws' if how == 'independent' else how}"
    return f"{name} {'refined' if refines else 'independent draws'}"
