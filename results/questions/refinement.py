"""What does asking again buy?"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from results import panels, style
from results.comparisons import strength_words
from results.curves import curves
from results.frames import Labels, categories, comparison_in
from results.questions.layout import GAME_AND_METHOD, METHOD_KEYS, estimate_each, pivot
from results.questions.section import ALL, Column, Section, Table, label
from results.questions.sentences import NBSP, mean_over_games, n_games
from results.sheet import Sheet, fitting
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (Column("seen_favourite"), Column("best_utility"))
FIRST = (
    Column("seen_favourite"),
    Column("best_utility"),
    Column("win_rate_over_ref"),
    Column("duality_gap"),
    Column("leader_value"),
)
WAYS = {
    "independent": "{n} independent answers",
    "refined": "{n} refined answers",
    "revised": "{n} answers, each the policy's own revision of the last,",
    "without_replacement": "{n} different answers drawn from the policy",
    "best_set": "the best set of {n} answers",
}
"""How a user is answered, in words; methods without a follower revise by themselves."""

ANY_METHOD = ("best_set",)
"""The ways that do not depend on the method."""

BY_DEFINITION = ("independent", "refined")
"""What a method does by its definition; the others are competitors."""
REVISED = (Column("refinement_win_rate"),)
NO_USERS = "no game of this run has a population of users"
_BEST = "best set"
_BOUND: dict[str, Any] = {"color": style.GREY, "linestyle": ":", "zorder": 1}
_MAX_GAMES = 6


def users(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows about user types; those about revisions have no number of answers."""
    rows = rows[rows["n_answers"] > 0]
    return rows.assign(n_answers=rows["n_answers"].astype(int))


def chances(rows: pd.DataFrame) -> pd.DataFrame:
    """The exact probabilities that a user, averaged over all types, has seen its favourite."""
    rows = users(rows)
    rows = rows[(rows["metric"] == "seen_favourite") & (rows["type"] == "all")]
    return rows[rows["route"] == "exact"]


def favourites(rows: pd.DataFrame) -> pd.DataFrame:
    """``chances`` by independent draws and by followers, without their competitors."""
    rows = chances(rows)
    return rows[rows["how"].isin(BY_DEFINITION)]


def favourites_by_route(rows: pd.DataFrame) -> pd.DataFrame:
    """``favourites`` with independent draws of a method that can refine as a separate method.

    Under its name "SLHF" refines; its independent draws are the method "SLHF, independent".
    """
    rows = favourites(rows)
    refines = rows.loc[rows["how"] == "refined", "method"].unique()
    beside = rows["method"].isin(refines) & (rows["how"] == "independent")
    name = rows["method"].astype(str)
    return rows.assign(method=name.mask(beside, name + ", independent"))


def with_different_draws(rows: pd.DataFrame) -> pd.DataFrame:
    """``favourites_by_route``, and draws without replacement of methods that cannot refine."""
    mine, drawn = favourites_by_route(rows), chances(rows)
    drawn = drawn[drawn["how"] == "without_replacement"]
    drawn = drawn[~drawn["method"].isin(mine.loc[mine["how"] == "refined", "method"].unique())]
    return pd.concat([mine, drawn.assign(method=drawn["method"].astype(str) + ", without repeats")])


def revisions(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows about revisions by followers or new draws, by leader ("reference", "RLHF", ...)."""
    return rows[(rows["metric"] == "refinement_win_rate") & (rows["how"] != "revised")]


def all_revisions(rows: pd.DataFrame) -> pd.DataFrame:
    """``revisions``, and those of a policy by itself as the method "NLHF, revised"."""
    rows = rows[rows["metric"] == "refinement_win_rate"]
    names = rows["method"].cat.remove_unused_categories()
    order = [name + suffix for name in names.cat.categories for suffix in ("", ", revised")]
    revised = names.astype(str) + ", revised"
    method = revised.where(rows["how"] == "revised", names.astype(str))
    return rows.assign(method=method.astype(pd.CategoricalDtype(order, ordered=True)))


def revisions_by_concept(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows about revising the answer of a method's own concept: by its follower, or itself.

    A new draw from the policy is no revision, and beats the answer before it half of the time.
    """
    rows = rows[rows["metric"] == "refinement_win_rate"]
    concept = rows["concept"].astype(str)
    revises = (rows["how"] == "revised") | (concept == "slhf")
    return rows[revises & (rows["leader"].astype(str) == concept.str.upper())]


def first_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """What a method's first answer is worth: to the average user, and against other answers."""
    one = (rows["n_answers"] == 1) & (rows["how"] == "independent")
    one &= (rows["type"] == "all") & (rows["route"] == "exact")
    return rows[one | rows["metric"].isin([column.name for column in FIRST[2:]])]


def first(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method: the price of asking again is a worse first answer."""
    return pivot(first_answers(rows), METHOD_KEYS, ["metric"], FIRST)


def first_digest(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game and method of one comparison."""
    return pivot(first_answers(rows), GAME_AND_METHOD, ["metric"], FIRST)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, user type, number of answers and how; columns metric x method.

    ``how`` is "independent" if every answer is drawn by itself, "refined" if each is the
    follower's reply to the one before, "revised" if it is the policy's own revision,
    "without_replacement" if all are different draws, and "best_set" for the best N answers,
    whatever the method.
    """
    index = ["game", "comparison", "type", "n_answers", "how", "route"]
    return pivot(users(rows), index, ["metric", "method"], COLUMNS)


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, number of answers and how, over all user types."""
    rows = users(rows)
    rows = rows[(rows["type"] == "all") & (rows["route"] == "exact")]
    return pivot(rows, ["game", "n_answers", "how"], ["metric", "method"], COLUMNS)


def revised(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and leader; columns are the methods that revise its answer.

    The value is the probability that the revision is preferred to the answer that it revises. A
    method without a follower draws an answer from its policy instead, or, as "NLHF, revised",
    revises it by itself.
    """
    index = ["game", "comparison", "leader"]
    return pivot(all_revisions(rows), index, ["metric", "method"], REVISED)


def revised_digest(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game and leader of one comparison."""
    return pivot(all_revisions(rows), ["game", "leader"], ["metric", "method"], REVISED)


def findings(rows: pd.DataFrame) -> list[str]:
    """The probability of having seen the favourite, and the win rate of each method's revisions."""
    out, shares = [], chances(rows)
    if shares.empty:
        out.append(f"{NO_USERS[0].upper()}{NO_USERS[1:]}.")
    else:
        n = min(3, shares["n_answers"].max())
        part = shares[shares["n_answers"] == n]
        games = _of_every_way(part)
        part = part[part["game"].isin(games)]
        by_way = estimate_each(part, "how", GAME_AND_METHOD)
        for how in [how for how in WAYS if how in by_way]:
            means = mean_over_games(by_way[how])
            words = WAYS[how].format(n=n)
            if how in ANY_METHOD:
                means = f"probability {means.removeprefix(f'{ALL} ')}"
            out.append(f"After {words} a user has seen its favourite: {means}.")
        if not games:
            out.append(f"In no game does every method have {n} answers in every way.")
        alone = first_answers(rows)
        alone = alone[alone["game"].isin(games)] if games else alone
        utility = estimate(alone[alone["metric"] == "best_utility"], GAME_AND_METHOD)
        out.append(f"The first answer alone has utility {mean_over_games(utility)}.")
    itself = revisions_by_concept(rows)
    if len(itself):
        rates = mean_over_games(estimate(itself, GAME_AND_METHOD))
        out.append(
            "A revision of a method's answer, by its follower or, without one, by the policy "
            f"itself, is preferred with probability {rates}."
        )
    return out


def figure(rows: pd.DataFrame) -> "Figure":
    """Has a user seen its favourite after N answers, and is a revision preferred?"""
    from matplotlib.lines import Line2D

    pairs, shares = revisions(rows), with_different_draws(rows)
    bound = chances(rows)[chances(rows)["how"] == "best_set"]
    by_leader = estimate_each(pairs, "leader", ["metric", *GAME_AND_METHOD])
    columns = {f"revising {leader}": part for leader, part in by_leader.items()}
    shown = [panels.Panel(title, e, "win rate of\nthe revision") for title, e in columns.items()]
    drawn = categories(shares["game"])[:_MAX_GAMES]
    of_drawn = shares[shares["game"].isin(drawn)]
    curves_of = estimate_each(of_drawn, "game", ["metric", "method", "n_answers"])
    best_of = estimate_each(bound[bound["game"].isin(drawn)], "game", ["n_answers"])
    games, styles = categories(pairs["game"]), style.method_styles(pd.concat([shares, pairs]))
    revise = {name: of_it for name, of_it in styles.items() if name in set(pairs["method"])}
    across = fitting(len(curves_of), 1.6)
    lines = -(-len(curves_of) // across)
    title = "What asking again buys " + strength_words(comparison_in(rows))
    title += f"\n{_message(rows)}"
    with style.settings():
        estimates = [*curves_of.values(), *columns.values()]
        legend = panels.legend(styles, estimates, "lines" if curves_of else "dots")
        if len(bound):
            legend[_BEST] = Line2D([], [], **_BOUND)
        heights = [*[0.3 + 1.6 * lines] * bool(curves_of)]
        heights += [panels.dots_height(shown, games, revise)]
        sheet = Sheet(title, legend, *heights)
        if curves_of:
            sheet.heading(0, "Has a user seen its favourite answer?")
        grid = sheet.some_panels(0, len(curves_of), across) if curves_of else []
        for k, (axes, (game, part)) in enumerate(zip(grid, curves_of.items(), strict=True)):
            curves(axes, part, "n_answers", styles)
            if game in best_of:
                best = best_of[game]
                axes.plot(best["n_answers"], best["mean"], clip_on=False, **_BOUND)
            panels.limit(axes, "y", labels=k % across == 0)
            axes.set_title(panels.shown_name(game), pad=11)  # crosses stand below it
            axes.set_xticks(sorted(set(part["n_answers"])))
            axes.set_xlabel("number of answers N" if k + across >= len(curves_of) else "")
            axes.set_ylabel("probability\n(higher is better)" if k % across == 0 else "")
        words = "Is a revision preferred to the answer? A dot is who revises; at .5 it is no better"
        sheet.heading(len(heights) - 1, words)
        panels.dot_panels(sheet, len(heights) - 1, shown, games, revise)
    return sheet.figure


def _message(rows: pd.DataFrame) -> str:
    """What the exact answers reach with three answers, for the title; "" if not all exist.

    SLHF asks its follower; what NLHF reaches without repeating itself stands beside it.
    """
    shares = chances(rows)
    n = min(3, shares["n_answers"].max()) if len(shares) else 0
    part = shares[shares["n_answers"] == n]
    means = estimate(part, ["game", "method", "how"])
    wide = means.pivot(index="game", columns=["method", "how"], values="mean")
    asked = {
        ("RLHF", "independent"): "RLHF",
        ("NLHF", "independent"): "NLHF",
        ("NLHF", "without_replacement"): "NLHF without repeats",
        ("SLHF", "refined"): "SLHF refined",
    }
    columns = [key for key in asked if key in wide]
    wide = wide[columns].dropna()
    if wide.empty:
        return ""
    each = ", ".join(f"{asked[key]}{NBSP}{wide[key].mean():.2f}" for key in columns)
    return f"Favourite seen after {n} answers ({n_games(len(wide))}): {each}"


def _of_every_way(rows: pd.DataFrame) -> list[str]:
    """The games in which every method has a value in every way that it has."""
    means = estimate(rows, ["game", "how", "method"])
    wide = means.pivot(index="game", columns=["how", "method"], values="mean")
    return list(wide.index[wide.notna().all(axis=1)])


def _shared(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with the ways that are the same for all methods under the method ``ALL``."""
    method = rows["method"].cat.add_categories(ALL)
    return rows.assign(method=method.mask(rows["how"].isin(ANY_METHOD), ALL))


def _leader(labels: Labels) -> str:
    name = str(labels.get("leader", ""))
    return "reference" if name == "ref" else name.upper()


SECTION = Section(
    name="refinement",
    title="What does asking again buy?",
    reading="A user asks N times. seen_favourite is the probability that one of the N answers is "
    "the user's favourite; best_utility is the utility of the best of them, scaled to [0, 1] for "
    "each user type. Answers are independent draws from the policy; refined: each is the "
    "follower's reply to the one before; revised, where there is no follower: each is the policy's "
    "own revision of the one before, the policy tilted by the preference at the follower's "
    "temperature, which models a prompt to improve on an answer and is no fact about prompting; "
    "without_replacement: different draws from the policy; best_set: the N answers that hold a "
    "favourite of most users, the bound of seen_favourite (not of best_utility) for every way, "
    "whatever the method. The number of answers "
    "is equal, but only a follower and a revision see the answer before. A sharp policy cannot "
    "give many different answers: without replacement it stops when it has no other. A way that "
    "serves well after N answers may start with a worse one: see the table of first answers. In "
    "the table of revisions, 0.5 means that a revision is no better than what it revises.",
    expected="Three equally common user types whose preferences form a symmetric cycle, at tau = 0 "
    "and 1, 2 and 3 answers: 1/3, 5/9 and 19/27 by independent draws from NLHF; 1/3, 2/3 and 1 by "
    "the SLHF follower, which then goes once around the cycle. So do different draws from NLHF, "
    "its own revisions, and the best set: it is no merit of a follower alone. A larger "
    "tau_follower makes the replies more random and takes the advantage away; with other games or "
    "more answers independent draws can be better. In no way does a user see its "
    "favourite more often than with the best set.",
    findings=findings,
    tables=(
        Table("refinement", table, COLUMNS, digest, absent=NO_USERS),
        Table("first_answers", first, FIRST, first_digest),
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
    arrange=_shared,
    compared=True,
)
