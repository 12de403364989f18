"""Followers that learn kappa times as fast as the leader: where leader and follower end."""

import json
import math
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from results.questions.layout import METHOD_KEYS, UNIT_KEYS, aggregate
from results.questions.section import Column
from results.questions.traces import last_points

FAR = 0.1
"""Total variation to the closed form above which a row of the follower counts as far off."""


class _Replies(NamedTuple):
    """The follower's rows at the end, and the last points of its leader's iterates."""

    rows: pd.DataFrame
    leader: pd.DataFrame

    def units(self) -> pd.DataFrame:
        """One row for each context and seed."""
        return self.rows.drop_duplicates(["cell", *UNIT_KEYS])


def _leader_tv(iterate: str, statistic: str) -> Callable[[_Replies], float]:
    def value(replies: _Replies) -> float:
        points = replies.leader
        return float(points.loc[points["iterate"] == iterate, "tv_to_target"].agg(statistic))

    return value


COLUMNS = (
    Column(
        "kappa",
        "the follower's learning rate divided by the leader's",
        lambda replies: json.loads(replies.rows["params"].iloc[0]).get("kappa", math.nan),
    ),
    Column("games", "number of contexts and seeds", lambda replies: len(replies.units())),
    Column(
        "settled",
        "number of them in which the run met its tolerance",
        lambda replies: (replies.units()["status"] == "ok").sum(),
    ),
    Column(
        "last_tv_median",
        "total variation between the leader's last iterate and its closed form, the median over "
        "games",
        _leader_tv("last", "median"),
    ),
    Column("last_tv_largest", "the largest over games", _leader_tv("last", "max")),
    Column(
        "average_tv_median",
        "total variation between the average of the leader's iterates and its closed form, the "
        "median over games",
        _leader_tv("average", "median"),
    ),
    Column("average_tv_largest", "the largest over games", _leader_tv("average", "max")),
    Column(
        "row_tv_median",
        "total variation between a row of the follower and its closed form, the median over rows",
        lambda replies: replies.rows["value"].median(),
    ),
    Column("row_tv_largest", "the largest over rows", lambda replies: replies.rows["value"].max()),
    Column(
        "far",
        f"number of rows of the follower more than {FAR:g} from their closed form",
        lambda replies: (replies.rows["value"] > FAR).sum(),
    ),
    Column("rows", "number of rows of the follower", lambda replies: len(replies.rows)),
)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, solver and kappa: where leader and follower end.

    A row that replies to an answer which the leader has dropped is no longer updated and stays
    where it is. If the step size is too large, all rows are far off.
    """
    replies = rows[rows["metric"] == "row_tv"]
    if replies.empty:
        return pd.DataFrame()
    leaders = dict(list(last_points(rows).groupby(METHOD_KEYS, observed=True)))

    def prepare(part: pd.DataFrame) -> _Replies:
        return _Replies(part, leaders[tuple(part[METHOD_KEYS].iloc[0])])

    out = aggregate(replies, [*METHOD_KEYS, "solver"], COLUMNS, prepare).drop(columns="method")
    unused = [name for name in out if str(name).startswith("average") and out[name].isna().all()]
    order = ["game", "comparison", "solver", "kappa"]
    return out.drop(columns=unused).sort_values(order).reset_index(drop=True)


def findings(rows: pd.DataFrame) -> list[str]:
    """How many rows of each follower end far from their closed form, for every kappa."""
    ends = table(rows)
    if ends.empty:
        return []
    out = []
    keys = ["game", "comparison", "solver"]
    for (game, comparison, solver), part in ends.groupby(keys, observed=True):
        each = ", ".join(
            f"{line.far} of {line.rows} at kappa = {line.kappa:g}" for line in part.itertuples()
        )
        out.append(
            f"{comparison}, {solver} on {game}: rows of the follower farther than {FAR:g} from "
            f"their closed form: {each}."
        )
    return out
