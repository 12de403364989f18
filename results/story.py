"""One game in one figure: the answer, how far it moves, what asking again buys."""

from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.comparisons import select_comparison
from results.frames import categories, comparison_in
from results.questions import consistency, data_sensitivity, refinement
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUESTIONS = (consistency.SECTION, data_sensitivity.SECTION, refinement.SECTION)


def story(frame: pd.DataFrame) -> "Figure | None":
    """Three panels on the first game with rows for all of them, in the main comparison.

    None if there is no such game.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    """
    if not all(section.has_rows(frame) for section in _QUESTIONS):
        return None
    answers = select_comparison(consistency.SECTION.rows(frame), None)
    comparison, styles = comparison_in(answers), style.method_styles(answers)
    answers = answers[answers["metric"] == "probability"]
    shifts = data_sensitivity.missing_pairs(data_sensitivity.SECTION.rows(frame))
    users = refinement.favourites_by_route(refinement.SECTION.rows(frame))
    shifts, users = (
        rows[(rows["comparison"] == comparison) & rows["method"].isin(list(styles))]
        for rows in (shifts, users)
    )
    both = set(categories(shifts["game"])) & set(categories(users["game"]))
    games = [game for game in categories(answers["game"]) if game in both]
    if not games:
        return None
    answers, shifts, users = (rows[rows["game"] == games[0]] for rows in (answers, shifts, users))
    actions = pd.CategoricalDtype(list(answers["action"].unique()), ordered=True)
    probabilities = estimate(answers.astype({"action": actions}), ["method", "action"])
    settings = shifts["setting"].cat.rename_categories(lambda setting: f"P {setting}")
    moves = estimate(shifts.assign(setting=settings), ["method", "setting"], "max")
    favourites = estimate(users, ["method", "n_answers"])
    with style.settings():
        title = f"The same preferences, different answers: {panels.short(games[0])} at {comparison}"
        legend = panels.legend(styles, [probabilities, moves, favourites], "bars")
        page = style.Page(title, legend, 2.35)
        first, second, third = page.panels(0, 1, 3, right=0.7, gaps=(0.4, 0))[0]
        panels.bars(first, probabilities, "action", styles)
        first.set(title="What is answered", ylabel="probability")
        panels.bars(second, moves, "setting", styles)
        second.set(
            title="How far it moves when\none pair is never compared", ylabel="total variation"
        )
        panels.curves(third, favourites, "n_answers", styles)
        panels.limit(third, "y")
        third.set(ylim=first.get_ylim(), xticks=sorted(set(favourites["n_answers"])), xlabel="N")
        third.set_title("Has a user seen its\nfavourite after N answers?")
        last = favourites[favourites["n_answers"] == favourites["n_answers"].max()]
        refines = set(users.loc[users["how"] == "refined", "method"])
        ends = {
            f"{method}\n(refined)" if method in refines else str(method): mean
            for method, mean in last.set_index("method")["mean"].dropna().items()
        }
        panels.label_ends(third, ends, 0.14)
    return page.figure
