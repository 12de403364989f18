"""Does a follower that learns at kappa times the leader's rate end at its closed form?"""

import json

import pandas as pd

from results.algorithms import PLACE, UNIT, rows_of
from results.convergence import traces
from results.rows import RunError

FAR = 0.1
"""Total variation to the closed form from which a row of the follower counts as far off."""


def followers(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, solver and kappa: where leader and follower end.

    games: contexts and seeds; settled: in how many of them the run met its tolerance. last_tv and
    average_tv: total variation of the leader's last iterate, and of the average of its iterates, to
    the closed form, median and largest over the games. row_tv: the same for the follower's rows;
    far: how many of these are farther off than ``FAR``. Rows of answers that the leader has dropped
    freeze where they are; all of them are off where the step is too large.

    Raises
    ------
    RunError
        If the question was not asked, or of no solver with a follower.
    """
    rows = rows_of(frame, "convergence", action="", iterate="")
    replies = rows[rows["metric"] == "row_tv"]
    if replies.empty:
        raise RunError("convergence: no solver of this run has a follower")
    named = replies[[*PLACE, "solver", "params"]].drop_duplicates()
    kappas = [json.loads(text).get("kappa", float("nan")) for text in named["params"]]
    named = named.assign(kappa=kappas).drop(columns="params").set_index(PLACE)
    ended = replies.drop_duplicates(["cell", *UNIT])
    settled = (ended["status"] == "ok").groupby([ended[name] for name in PLACE], observed=True)
    far = replies.assign(far=replies["value"] > FAR).groupby(PLACE, observed=True)
    told = traces(frame).sort_values("step")
    told = told.groupby([*UNIT, "contexts", "iterate"], observed=True).tail(1)
    leaders = told.groupby([*PLACE, "iterate"], observed=True)["tv_to_target"]
    away = leaders.agg(["median", "max"]).unstack("iterate")
    out = named.assign(games=settled.size(), settled=settled.sum())
    for iterate in ("last", "average"):
        for name, word in (("median", "median"), ("max", "largest")):
            if (name, iterate) in away:
                out[f"{iterate}_tv_{word}"] = away[name, iterate]
    out = out.assign(row_tv_median=far["value"].median(), row_tv_largest=far["value"].max())
    out = out.assign(far=far["far"].sum(), rows=far.size()).reset_index()
    out = out.drop(columns="method").sort_values(["game", "comparison", "solver", "kappa"])
    return out.reset_index(drop=True)


def findings(frame: pd.DataFrame) -> list[str]:
    """How many of the follower's rows end far from their closed form."""
    out = []
    keys = ["game", "comparison", "solver"]
    for (game, comparison, solver), own in followers(frame).groupby(keys, observed=True):
        told = ", ".join(
            f"{line.far} of {line.rows} at kappa = {line.kappa:g}" for line in own.itertuples()
        )
        out.append(
            f"{comparison}, {solver} on {game}: rows of the follower farther than {FAR:g} from "
            f"their closed form: {told}."
        )
    return out
