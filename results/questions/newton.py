"""Newton's method against the fastest first-order method on the same games."""

import pandas as pd

from results.questions.layout import METHOD_KEYS
from results.questions.section import Column
from results.questions.traces import REACHED, outcomes
from results.statistics import fill_units

COLUMNS = (
    Column("newton_steps", "linear systems solved, the most over contexts and seeds"),
    Column("newton_gap", "regularised gap at the end, the largest over contexts and seeds"),
    Column("newton_seconds", "for all contexts together, the median over seeds"),
    Column(
        "best",
        f"the fastest first-order method in seconds among those that reach {REACHED:g} in all "
        'contexts and seeds; "none" if no method does',
    ),
    Column("steps", "number until it is reached, the most over contexts and seeds"),
    Column("oracle_calls", "number until it is reached, the most over contexts and seeds"),
    Column("seconds", "time until the last context reaches it, the median over seeds"),
    Column("times", "seconds of the best method divided by those of Newton's method"),
)
_GAME_KEYS = METHOD_KEYS[:2]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game and comparison where both Newton's method and others were run."""
    exact = rows[rows["step"].isna() & (rows["solver"] == "nlhf_exact")]
    if not (exact["metric"] == "newton_steps").any():
        return pd.DataFrame()
    values = exact.groupby([*_GAME_KEYS, "metric"], observed=True)["value"]
    most, middle = values.max().unstack("metric"), values.median().unstack("metric")
    solved = pd.DataFrame(
        {
            "newton_steps": most["newton_steps"],
            "newton_gap": most["regularised_gap"],
            "newton_seconds": middle["seconds"],
        }
    ).dropna(subset="newton_steps")
    units, words = outcomes(rows), dict.fromkeys(_GAME_KEYS, str)
    compared = units[_GAME_KEYS].drop_duplicates().astype(words)
    out = solved.reset_index().astype(words).merge(compared, on=_GAME_KEYS)
    out = out.merge(_best(units).astype(words), on=_GAME_KEYS, how="left")
    out["best"] = out["best"].astype(object).fillna("none")
    out["times"] = out["seconds"] / out["newton_seconds"]
    return out


def findings(rows: pd.DataFrame) -> list[str]:
    """One sentence a game and comparison: what both methods took."""
    out = []
    for line in table(rows).to_dict("records"):
        text = (
            f"{line['comparison']}, {line['game']}: Newton's method {line['newton_steps']:.0f} "
            f"steps and {line['newton_seconds']:.2g} s to a gap of {line['newton_gap']:.0e}; "
        )
        if line["best"] == "none":
            text += f"no first-order method reaches {REACHED:g} in every game."
        else:
            text += (
                f"{line['best']}, the fastest first-order method, {line['steps']:,.0f} steps and "
                f"{line['seconds']:.2g} s ({line['times']:.1f} times as long) to {REACHED:g}."
            )
        out.append(text)
    return out


def _best(units: pd.DataFrame) -> pd.DataFrame:
    """The fastest method of each game and comparison that reaches the gap everywhere."""
    seeds = fill_units(units).groupby([*METHOD_KEYS, "seed"], observed=True)
    each = seeds.agg(
        reached=("steps", lambda steps: steps.notna().all()),
        steps=("steps", "max"),
        oracle_calls=("oracle_calls", "max"),
        seconds=("seconds", "max"),
    )
    group = each.reset_index().groupby(METHOD_KEYS, observed=True)
    cost = group.agg(
        reached=("reached", "all"),
        steps=("steps", "max"),
        oracle_calls=("oracle_calls", "max"),
        seconds=("seconds", "median"),
    )
    cost = cost[cost["reached"]].drop(columns="reached").reset_index().sort_values("seconds")
    return cost.groupby(_GAME_KEYS, observed=True).head(1).rename(columns={"method": "best"})
