"""One figure a question, and the one that tells the story.

Every function takes the frame that ``results.load`` returns and gives a matplotlib Figure of one
comparison, "tau = 0.1" or the like; by default ``frames.main_comparison``.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from results import panels, questions, style
from results.frames import at, categories, compact, named, only
from results.rows import RunError
from results.sections import SECTIONS
from results.statistics import estimate
from results.store import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE = ["game", "method"]
_INFINITE = float("inf")
_MOST_CURVES = 3
_MOST_USERS = 6
_ALONG = {"cyclic": "t: weight of cycles", "noise": "t: twice the noise"}


def consistency(frame: pd.DataFrame, comparison: str | None = None) -> "Figure":
    """What kind of answer each method gives: a line a game, a panel a metric.

    Raises
    ------
    RunError
        As for every figure: a column is missing, the question was not asked, or not in that
        comparison.
    """
    rows = only(questions.answers(frame), comparison)
    titles = {
        "entropy": "entropy\n(nats)",
        "duality_gap": "duality\ngap",
        "leader_value": "win rate against\nbest follower",
        "smith_mass": "mass on the\nSmith set",
        "clone_shift": "largest shift\nby a clone",
    }
    columns = {
        title: estimate(rows[rows["metric"] == metric], _LINE, "max")
        for metric, title in titles.items()
    }
    tops = {titles["entropy"]: None, titles["leader_value"]: 0.5}
    games, looks = categories(rows["game"]), style.looks(rows)
    with style.settings():
        key = panels.key(looks, columns.values())
        page = style.Page(f"What is answered at {at(rows)}", key, panels.height_of(games, looks))
        panels.dot_columns(page, 0, columns, games, looks, tops)
    return page.figure


def data_sensitivity(frame: pd.DataFrame, comparison: str | None = None) -> "Figure":
    """How far the answer moves: above when comparisons are elsewhere, below when they are few.

    Above, every method has as many comparisons as it was ever given: where P is known exactly,
    infinitely many.
    """
    rows = only(questions.changes(frame), comparison)
    rows = rows[rows["metric"] == "shift"]
    most = rows.groupby(["setting", "method"], observed=True)["comparisons"].transform("max")
    plenty = rows[rows["comparisons"] == most]
    columns = {
        f"P {setting},\n{title}": estimate(own[own["kind"] == kind], _LINE, "max")
        for setting, own in plenty.groupby("setting", observed=True)
        for kind, title in (("missing", "one pair never"), ("sampled_from", "one answer often"))
    }
    drawn = rows[(rows["comparisons"] < _INFINITE) & (rows["kind"] == "none")]
    games, looks = categories(rows["game"]), style.looks(rows)
    few = {
        game: estimate(drawn[drawn["game"] == game], ["method", "comparisons"])
        for game in categories(drawn["game"])[:_MOST_CURVES]
        if (drawn["value"] > 0).any()  # trained models are compared with these very answers
    }
    with style.settings():
        title = f"How far the answer moves (total variation) at {at(rows)}"
        shown = [*columns.values(), *few.values()]
        key = panels.key(looks, shown, "lines" if few else "dots")
        page = style.Page(title, key, panels.height_of(games, looks), *[1.75] * bool(few))
        panels.dot_columns(page, 0, columns, games, looks, {})
        row = page.panels(1, 1, len(few), left=0.7)[0] if few else []
        for k, (axes, (game, own)) in enumerate(zip(row, few.items(), strict=True)):
            panels.curves(axes, own, "comparisons", looks, apart=0.08)
            panels.limit(axes, "y", labels=k == 0)
            sizes = sorted(set(own["comparisons"]))
            axes.set(xscale="log", xlim=(sizes[0] / 1.6, sizes[-1] * 1.6))
            axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
            axes.minorticks_off()
            axes.set(xlabel="comparisons", title=panels.short(game))
            axes.set_ylabel("shift,\nP estimated" if k == 0 else "")
    return page.figure


def robustness(frame: pd.DataFrame, comparison: str | None = None) -> "Figure":
    """One game along its paths, and the largest step between neighbours in every game.

    The game is the first of those with most kinds of paths; of user types the first is shown.
    """
    rows = only(questions.paths(frame), comparison)
    featured = str(rows.groupby("game", observed=True)["kind"].nunique().idxmax())
    own = rows[rows["game"] == featured]
    paths = categories(own["path"])[:_MOST_CURVES]
    titles = {
        "duality_gap": "duality gap",
        "leader_value": "win rate against\nbest follower",
        "shift": "shift from\nt = 0",
    }
    along = {
        (i, k): estimate(own[(own["metric"] == metric) & (own["path"] == path)], ["method", "t"])
        for i, metric in enumerate(titles)
        for k, path in enumerate(paths)
    }
    steps = rows[rows["metric"] == "largest_shift"]
    columns = {
        f"largest step,\n{kind}": estimate(steps[steps["kind"] == kind], _LINE, "max")
        for kind in categories(rows["kind"])
    }
    games, looks = categories(steps["game"]), style.looks(rows[rows["method"] != "all"])
    with style.settings():
        title = f"{panels.short(featured)} along its paths; below, all games; at {at(rows)}"
        key = panels.key(looks, [*along.values(), *columns.values()], "lines")
        page = style.Page(title, key, 3.6, panels.height_of(games, looks))
        grid = page.panels(0, len(titles), len(paths), left=0.7, apart=(0.2, 0.18))
        for (i, k), estimates in along.items():
            axes = grid[i, k]
            panels.curves(axes, estimates, "t", looks, every=5)
            top = 0.5 if list(titles)[i] == "leader_value" else 1.0
            panels.limit(axes, "x", labels=i == len(titles) - 1)
            panels.limit(axes, "y", top, labels=k == 0)
        for k, path in enumerate(paths):
            grid[0, k].set_title(path)
            grid[-1, k].set_xlabel(_ALONG.get(path, "t: share of that type"))
        for line, title in zip(grid, titles.values(), strict=True):
            line[0].set_ylabel(title)
        panels.dot_columns(page, 1, columns, games, looks, {})
    return page.figure


def refinement(frame: pd.DataFrame, comparison: str | None = None) -> "Figure":
    """Has a user seen its favourite after N answers, and is a revision preferred?"""
    rows = only(questions.revisions(frame), comparison)
    users = _users(frame, at(rows))
    columns = {
        f"revising\n{leader}": estimate(rows[rows["leader"] == leader], _LINE)
        for leader in categories(rows["leader"])
    }
    seen = {
        game: estimate(users[users["game"] == game], ["method", "n_answers"])
        for game in categories(users["game"])[:_MOST_USERS]
    }
    games, looks = categories(rows["game"]), style.looks(pd.concat([users, rows]))
    revise = {method: look for method, look in looks.items() if method in set(rows["method"])}
    lines, across = -(-len(seen) // 3), min(3, len(seen))
    with style.settings():
        title = "Has a user seen its favourite after N answers? " if seen else ""
        title += f"Is a revision preferred? At {at(rows)}"
        shown = [*seen.values(), *columns.values()]
        key = panels.key(looks, shown, "lines" if seen else "dots")
        height = panels.height_of(games, revise)
        page = style.Page(title, key, *[0.3 + 1.5 * lines] * bool(seen), height)
        grid = list(page.panels(0, lines, across, apart=(0.25, 0.65)).flat) if seen else []
        for k, (axes, (game, own)) in enumerate(zip(grid, seen.items(), strict=False)):
            panels.curves(axes, own, "n_answers", looks)
            panels.limit(axes, "y", labels=k % 3 == 0)
            axes.set(title=panels.short(game), xticks=sorted(set(own["n_answers"])), xlabel="N")
            axes.set_ylabel("favourite seen" if k % 3 == 0 else "")
        panels.dot_columns(page, min(1, lines), columns, games, revise, {})
        for axes in grid[len(seen) :]:
            axes.set_axis_off()
    return page.figure


def story(frame: pd.DataFrame, comparison: str | None = None) -> "Figure":
    """One game in three panels: the answer, how far it moves, what asking again buys.

    The game is the first that has all three.
    """
    told = only(questions.answers(frame), comparison)
    here, looks = at(told), style.looks(told)
    moved = only(questions.changes(frame), here)
    moved = moved[(moved["metric"] == "shift") & (moved["kind"] == "missing")]
    moved = moved[(moved["comparisons"] == _INFINITE) & moved["method"].isin(list(looks))]
    users = _users(frame, here)
    users = users[users["method"].isin(list(looks))]
    told = told[told["metric"] == "probability"]
    there = set(categories(moved["game"])) & set(categories(users["game"]))
    both = [game for game in categories(told["game"]) if game in there]
    if not both:
        raise RunError("story: no game has answers, missing pairs and a population of users")
    told, moved, users = (rows[rows["game"] == both[0]] for rows in (told, moved, users))
    actions = pd.CategoricalDtype(list(told["action"].unique()), ordered=True)
    answers = estimate(told.astype({"action": actions}), ["method", "action"])
    words = moved["setting"].cat.rename_categories(lambda setting: f"P {setting}")
    shifts = estimate(moved.assign(setting=words), ["method", "setting"], "max")
    seen = estimate(users, ["method", "n_answers"])
    with style.settings():
        title = f"The same preferences, different answers: {panels.short(both[0])} at {here}"
        key = panels.key(looks, [answers, shifts, seen], "bars")
        page = style.Page(title, key, 2.35)
        first, second, third = page.panels(0, 1, 3, right=0.7, apart=(0.4, 0))[0]
        panels.bars(first, answers, "action", looks)
        first.set(title="What is answered", ylabel="probability")
        panels.bars(second, shifts, "setting", looks)
        second.set(
            title="How far it moves when\none pair is never compared", ylabel="total variation"
        )
        panels.curves(third, seen, "n_answers", looks)
        panels.limit(third, "y")
        third.set(ylim=first.get_ylim(), xticks=sorted(set(seen["n_answers"])), xlabel="N")
        third.set_title("Has a user seen its\nfavourite after N answers?")
        last = seen[seen["n_answers"] == seen["n_answers"].max()]
        refines = set(users.loc[users["how"] == "refined", "method"])
        ends = {
            f"{method}\n(refined)" if method in refines else str(method): mean
            for method, mean in last.set_index("method")["mean"].dropna().items()
        }
        panels.label_ends(third, ends, 0.14)
    return page.figure


def write(run_dir: str | Path) -> list[Path]:
    """Draw every figure that the run has rows for into ``<run_dir>/figures``, in three formats.

    "consistency" is of the main comparison; "consistency_tau_0.1" and the like of those others
    that are needed to show every method.

    Raises
    ------
    RunError
        If the directory is not a run.
    """
    frame = compact(load(run_dir))
    drawn: dict[str, Callable[[], Figure]] = {}
    for draw in (consistency, data_sensitivity, robustness, refinement):
        with suppress(RunError):  # not asked in this run; the report says so
            for name, comparison in named(draw.__name__, frame).items():
                drawn[name] = partial(draw, frame, comparison)
    drawn["story"] = partial(story, frame)
    for section in SECTIONS:
        if section.figure is not None:
            drawn[section.question] = partial(section.figure, frame)
    written: list[Path] = []
    for name, make in drawn.items():
        try:
            figure = make()
        except RunError:  # not asked in this run, or not there; the report says so
            continue
        written += style.save(figure, Path(run_dir) / "figures" / name)
    return written


def _users(frame: pd.DataFrame, comparison: str) -> pd.DataFrame:
    """Exact chances that a user has seen its favourite; no row where no game has users.

    A method that can refine does so under its own name; its independent draws are set apart.
    """
    try:
        rows = only(questions.users(frame), comparison)
    except RunError:
        return only(questions.revisions(frame), comparison).iloc[:0].assign(n_answers=0)
    rows = rows[(rows["metric"] == "seen_favourite") & (rows["type"] == "all")]
    rows = rows[rows["route"] == "exact"]
    refines = rows.loc[rows["how"] == "refined", "method"].unique()
    apart = rows["method"].isin(refines) & (rows["how"] == "independent")
    name = rows["method"].astype(str)
    return rows.assign(method=name.mask(apart, name + ", independent"))
