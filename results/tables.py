"""The questions as pivoted tables, the headline, and the statuses.

Every function takes the frame that ``results.load`` returns and solves nothing again. A question's
table has rows of what is compared and columns of what was measured, which end in the level
"statistic": the mean and, where they say something, low and high of its 95% interval and the share
of values that are defined (``results.statistics``).
"""

from typing import Literal

import pandas as pd

from results import questions
from results.frames import describe
from results.headline import MEANING as MEANING
from results.headline import headline as headline
from results.speed import speed as speed
from results.statistics import STATISTICS, estimate

_CONSISTENCY = (
    "entropy",
    "self_agreement",
    "duality_gap",
    "worst_win_rate",
    "win_rate_over_ref",
    "leader_value",
    "regret",
    "condorcet_mass",
    "smith_mass",
    "copeland_mass",
    "dominated_mass",
    "clone_shift",
    "cyclic_share",
    "kl_to_ref",
    "tau",
    "residual",
    "step_residual",
)
_ROBUSTNESS = (
    "duality_gap",
    "worst_win_rate",
    "leader_value",
    "shift",
    "largest_shift",
    "cyclic_share",
)


def consistency(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows game x comparison x method, columns metrics; clone_shift is the largest of all answers.

    Raises
    ------
    RunError
        As for every table of a question: a column is missing, or the question was not asked.
    """
    index = ["game", "comparison", "method"]
    return pivot(questions.answers(frame), index, ["metric"], _CONSISTENCY, within="max")


def data_sensitivity(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows game x comparison x setting x comparisons x change, columns metric x method.

    setting "known": P is the truth and only the pairs compared change; "estimated": everything
    comes from that many comparisons. "RLHF" drops pairs never compared, "RLHF (filled)" fits them
    as ties, as the others must. unseen_share is the same for all methods.
    """
    index = ["game", "comparison", "setting", "comparisons", "change"]
    metrics = ("shift", "duality_gap", "regret", "unseen_share")
    return pivot(questions.changes(frame), index, ["metric", "method"], metrics)


def robustness(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows game x comparison x path x t, columns metric x method.

    largest_shift, the largest step between neighbours, belongs to a whole path and stands at its
    end, t = 1.
    """
    index = ["game", "comparison", "path", "t"]
    return pivot(questions.paths(frame), index, ["metric", "method"], _ROBUSTNESS)


def refinement(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows game x comparison x user type x number of answers x how, columns metric x method.

    how: every answer drawn independently, or refined from the one before.
    """
    index = ["game", "comparison", "type", "n_answers", "how", "route"]
    metrics = ("seen_favourite", "best_utility")
    return pivot(questions.users(frame), index, ["metric", "method"], metrics)


def revisions(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows game x comparison x leader, columns the method that revises the leader's answer.

    The value is the probability that the revision is preferred to what it revises; a method
    without a follower draws an answer of its own.
    """
    index = ["game", "comparison", "leader"]
    return pivot(questions.revisions(frame), index, ["metric", "method"], ("refinement_win_rate",))


def statuses(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows question x method x status: rows, their share, in how many games, and one reason.

    Raises
    ------
    RunError
        If the frame lacks a column or is empty.
    """
    group = describe(frame).groupby(["experiment", "method", "status"], sort=False, observed=True)
    out = group.agg(
        rows=("value", "size"), games=("game", "nunique"), reason=("message", "first")
    ).reset_index()
    whole = out.groupby(["experiment", "method"], observed=True)["rows"].transform("sum")
    out.insert(4, "share", out["rows"] / whole)
    return out.sort_values(["experiment", "method"], kind="stable").astype({"method": str})


def pivot(
    rows: pd.DataFrame,
    index: list[str],
    columns: list[str],
    metrics: tuple[str, ...],
    within: Literal["mean", "max"] = "mean",
) -> pd.DataFrame:
    """Estimates of ``metrics``, laid out; statistics that say nothing anywhere are left out."""
    rows = rows[rows["metric"].isin(metrics)]
    listed = pd.CategoricalDtype(list(metrics), ordered=True)
    rows = rows.assign(metric=rows["metric"].astype(listed))
    found = estimate(rows, [*index, *columns], within)
    found["defined"] = found["defined"].where(found["defined"] < 1)
    numbers = found.assign(n=pd.to_numeric(found["n"].replace("exact", "0")))
    ends = numbers.groupby(index, observed=True)["n"].agg(["min", "max"])
    seeds = pd.Series([_seeds(*pair) for pair in ends.to_numpy()], ends.index)
    cells = found.melt([*index, *columns], STATISTICS, "statistic").dropna(subset="value")
    cells["statistic"] = cells["statistic"].astype(pd.CategoricalDtype(list(STATISTICS), True))
    levels = [*columns, "statistic"]
    wide = pd.DataFrame(cells.set_index([*index, *levels])["value"].unstack(levels))
    wide = wide.sort_index(axis=1).sort_index()
    told = wide.index.to_frame(index=False).assign(n=seeds.loc[wide.index].to_numpy())
    return wide.set_axis(pd.MultiIndex.from_frame(told))


def _seeds(low: int, high: int) -> str:
    """Seeds of a line: "exact", "20", or "17-20" where not all metrics exist in every seed."""
    if low == high:
        return str(high) if high else "exact"
    return f"{low}-{high}" if low else f"exact / {high}"
