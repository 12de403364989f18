"""Newton's method against the best first-order method, both to the same regularised gap."""

import pandas as pd

from results import convergence
from results.algorithms import PLACE, rows_of
from results.convergence import REACHED
from results.rows import RunError


def newton(frame: pd.DataFrame, reached: float = REACHED) -> pd.DataFrame:
    """One line a game and comparison that has both: what each took until every context was there.

    Of the methods that reach the gap in all contexts and seeds, the best is the fastest in seconds;
    "none" if no method does. steps are the most that a context or seed took (linear systems solved,
    and updates), seconds are of all contexts together, the median over seeds; times is how many of
    Newton's seconds the best method took.

    Raises
    ------
    RunError
        If the question was not asked, or of no exact solver that counts its steps.
    """
    rows = rows_of(frame, "convergence")
    exact = rows[rows["step"].isna() & (rows["solver"] == "nlhf_exact")]
    place = PLACE[:2]
    parts = {name: exact[exact["metric"] == name] for name in
             ("newton_steps", "regularised_gap", "seconds")}  # fmt: skip
    if parts["newton_steps"].empty:
        raise RunError("convergence: no exact solver of this run counts its steps")
    found = pd.DataFrame({
        "newton_steps": parts["newton_steps"].groupby(place, observed=True)["value"].max(),
        "newton_gap": parts["regularised_gap"].groupby(place, observed=True)["value"].max(),
        "newton_seconds": parts["seconds"].groupby(place, observed=True)["value"].median(),
    })  # fmt: skip
    tried = convergence.convergence(frame, reached)
    asked = tried[place].drop_duplicates().astype(str)
    best = _best(tried).astype(dict.fromkeys(place, str))
    found = found.reset_index().astype(dict.fromkeys(place, str)).merge(asked, on=place)
    found = found.merge(best, on=place, how="left")
    found["best"] = found["best"].fillna("none")
    found["times"] = found["seconds"] / found["newton_seconds"]
    return found


def findings(frame: pd.DataFrame) -> list[str]:
    """How much longer the best first-order method takes."""
    out = []
    for line in newton(frame).to_dict("records"):
        told = (
            f"{line['comparison']}, {line['game']}: Newton's method {line['newton_steps']:.0f} "
            f"steps and {line['newton_seconds']:.2g} s to a gap of {line['newton_gap']:.0e}; "
        )
        if line["best"] == "none":
            told += f"no first-order method reaches {REACHED:g} in every game."
        else:
            told += (
                f"{line['best']}, the fastest first-order method, {line['steps']:,.0f} steps and "
                f"{line['seconds']:.2g} s ({line['times']:.1f} times as long) to {REACHED:g}."
            )
        out.append(told)
    return out


def _best(told: pd.DataFrame) -> pd.DataFrame:
    seeds = told.assign(seed=told["seed"].fillna(-1)).groupby([*PLACE, "seed"], observed=True)
    each = seeds.agg(
        there=("steps", lambda steps: steps.notna().all()),
        steps=("steps", "max"),
        oracle_calls=("oracle_calls", "max"),
        seconds=("seconds", "max"),
    )
    group = each.reset_index().groupby(PLACE, observed=True)
    cost = group.agg(
        there=("there", "all"),
        steps=("steps", "max"),
        oracle_calls=("oracle_calls", "max"),
        seconds=("seconds", "median"),
    )
    cost = cost[cost["there"]].drop(columns="there").reset_index().sort_values("seconds")
    return cost.groupby(PLACE[:2], observed=True).head(1).rename(columns={"method": "best"})
