"""What the rows say, in sentences: one function a question, nothing written down beforehand."""

import math
from typing import Any

import pandas as pd

from results import questions
from results.export import number
from results.frames import at, categories, only
from results.rows import RunError
from results.statistics import estimate, paired

_LINE = ["game", "method"]
_INFINITE = float("inf")
_MOVES = 1e-6
_SURE = 0.99


def consistency(frame: pd.DataFrame, comparison: str | None = None) -> list[str]:
    """Agreement with itself, the Condorcet winner, clones.

    Raises
    ------
    RunError
        As for every function here: the question was not asked, or not in that comparison.
    """
    rows = only(questions.answers(frame), comparison)
    own = {
        metric: estimate(part, _LINE, "max")
        for metric, part in rows.groupby("metric", observed=True)
    }
    told = []
    if "self_agreement" in own:
        told.append(f"Two draws agree with probability {_means(own['self_agreement'])}.")
    if "condorcet_mass" in own:
        winners = own["condorcet_mass"]
        sure = _count(winners.assign(hit=winners["mean"] >= _SURE))
        told.append(f"A Condorcet winner gets probability >= {_SURE} from {sure}.")
    else:
        told.append("No game has a Condorcet winner.")
    if "clone_shift" in own:
        told.append(f"Cloning one answer moves the rest by at most {_worst(own['clone_shift'])}.")
    return told


def data_sensitivity(frame: pd.DataFrame, comparison: str | None = None) -> list[str]:
    """Where and how far answers move, and who moves less on the same comparisons."""
    rows = only(questions.changes(frame), comparison)
    rows = rows[rows["metric"] == "shift"]
    told = []
    for setting in categories(rows["setting"]):
        part = rows[(rows["setting"] == setting) & (rows["comparisons"] == _INFINITE)]
        part = part[part["kind"] != "none"]
        if part.empty:
            continue
        found = estimate(part, _LINE, "max")
        moved = _count(found.assign(hit=found["mean"] > _MOVES))
        told.append(f"P {setting}: the answer moves with {moved}; by at most {_worst(found)}.")
    drawn = rows[(rows["comparisons"] < _INFINITE) & (rows["kind"] == "none")]
    for second in ("NLHF", "SLHF"):
        gap: Any
        for gap in paired(drawn, ["metric", "comparisons"], "RLHF", second).itertuples():
            if not math.isnan(gap.low):
                told.append(
                    f"From {gap.comparisons:,.0f} comparisons, shift of RLHF less that of {second} "
                    f"on the same comparisons: {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] "
                    f"(mean of {_games(drawn['game'].nunique())}, 95% interval over {gap.n} seeds)."
                )
    return told


def robustness(frame: pd.DataFrame, comparison: str | None = None) -> list[str]:
    """Gap along each kind of path, and its largest step."""
    rows = only(questions.paths(frame), comparison)
    told = []
    for kind in categories(rows["kind"]):
        part = rows[rows["kind"] == kind]
        gaps = estimate(part[part["metric"] == "duality_gap"], _LINE, "max")
        steps = estimate(part[part["metric"] == "largest_shift"], _LINE, "max")
        told.append(f"Path {kind}: the gap reaches {_worst(gaps)}.")
        told.append(f"Path {kind}: the largest step between neighbours is {_worst(steps)}.")
    return told


def refinement(frame: pd.DataFrame, comparison: str | None = None) -> list[str]:
    """Favourites seen after several answers, and how a revision fares."""
    told = []
    revised = only(questions.revisions(frame), comparison)
    try:
        users = only(questions.users(frame), at(revised))
    except RunError as error:
        told.append(f"{str(error)[0].upper()}{str(error)[1:]}.")
    else:
        users = users[(users["metric"] == "seen_favourite") & (users["type"] == "all")]
        users = users[users["route"] == "exact"]
        N = min(3, users["n_answers"].max())
        for how in categories(users["how"]):
            part = users[(users["n_answers"] == N) & (users["how"] == how)]
            means = _means(estimate(part, _LINE))
            told.append(f"After {N} {how} answers a user has seen its favourite: {means}.")
    own = revised[revised["leader"].astype(str) == revised["method"].astype(str)]
    if len(own):
        rates = _means(estimate(own, _LINE))
        told.append(f"An answer revised by its own method loses to the revision: {rates}.")
    return told


def certified(frame: pd.DataFrame) -> list[str]:
    """Worst certificate of every method, and how many seeds stand behind an average."""
    there = frame[frame["value"].notna()]
    told = []
    for metric, line in (
        ("residual", "each checked against its condition of optimality; the largest residual is"),
        ("step_residual", "by iteration; what the last step still moved is at most"),
    ):
        own = there[there["metric"] == metric]
        for solver, part in own.groupby("solver", observed=True):
            worst = part.iloc[part["value"].argmax()]
            told.append(
                f"{solver}: {len(part)} answers, {line} {worst['value']:.1e} ({worst['game']}, "
                f"{worst['params']})."
            )
    missed = frame.loc[frame["status"] == "max_steps", ["solver", "game"]].astype(str)
    if len(missed):
        where = ", ".join(sorted((missed["solver"] + " on " + missed["game"]).unique()))
        told.append(f"{len(missed)} rows rest on answers that miss their tolerance: {where}.")
    seeds = frame["seed"].nunique()
    drawn = sorted(frame.loc[frame["seed"].notna(), "game"].unique())
    exact = frame["seed"].isna().mean()
    told.append(f"{exact:.0%} of the rows are exact: nothing in them is drawn.")
    if seeds:
        told.append(
            f"The others are repeated with {seeds} seeds ({', '.join(drawn)}): means with a 95% "
            "Student t interval over the seeds."
        )
    return told


def _means(estimates: pd.DataFrame) -> str:
    """Mean over the games where every method has a value: "RLHF 1.000, ... (mean of 8 games)"."""
    wide = estimates.pivot(index="game", columns="method", values="mean").dropna()
    if wide.empty:
        return "in no game for every method"
    told = [f"{method} {number(mean)}" for method, mean in wide.mean().items()]
    return f"{', '.join(told)} (mean of {_games(len(wide))})"


def _worst(estimates: pd.DataFrame) -> str:
    """Largest mean of each method, and in which game: "RLHF 1.000 (condorcet), NLHF 0.000"."""
    told = []
    for method, part in estimates.dropna(subset="mean").groupby("method", observed=True):
        top = part.iloc[part["mean"].argmax()]
        where = f" ({top['game']})" if top["mean"] > _MOVES else ""
        told.append(f"{method} {number(top['mean'])}{where}")
    return ", ".join(told) or "nothing that is defined"


def _count(estimates: pd.DataFrame) -> str:
    """How many games are hit, of those where the method's answer is defined."""
    there = estimates.dropna(subset="mean").groupby("method", observed=True)["hit"]
    told = [
        f"{method} in {hits} of {_games(n)}"
        for method, hits, n in there.agg(["sum", "size"]).itertuples()
    ]
    return ", ".join(told) or "no game where it is defined"


def _games(n: int) -> str:
    return f"{n} game" if n == 1 else f"{n} games"
