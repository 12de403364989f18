"""Means over seeds with 95% intervals, and differences on the same seeds."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from results.metrics import METRICS

CONFIDENCE = 0.95
STATISTICS = ("mean", "low", "high", "defined")
"""The columns of ``estimate`` that describe a value, in order."""

_MISSING = -1


def estimate(
    rows: pd.DataFrame, by: Sequence[str], within: Literal["mean", "max"] = "mean"
) -> pd.DataFrame:
    """Mean over seeds of the mean over contexts, with Student's t interval over the seeds.

    Seeds are the independent repetitions: contexts of one seed are averaged first and do not
    increase n. The interval is mean -+ t sd / sqrt(n), clipped to the metric's range if ``by``
    contains "metric". Its low and high are NaN if nothing is random or there are fewer than two
    seeds. Values that do not exist (NaN) are left out of the mean, which then describes the
    remaining ones only; ``defined`` is their share.

    Parameters
    ----------
    rows : DataFrame with ``by``, seed, context, value
    by : column names, without missing values
        Rows that agree in these columns are measurements of the same quantity.
    within : "mean" or "max"
        How rows of the same seed and context are combined, e.g. "max" over the pairs left out.

    Returns
    -------
    DataFrame
        Columns ``by``, mean, low, high, defined in [0, 1], and n: "exact" or the number of seeds.
    """
    keys = list(by)
    units = fill_units(rows)[[*keys, "seed", "context", "value"]]
    one = units.groupby([*keys, "seed", "context"], observed=True)["value"].agg(within)
    seeds = one.groupby([*keys, "seed"], observed=True).mean().reset_index()
    out = _over_seeds(seeds, keys)
    exists = units.assign(value=units["value"].notna())
    out["defined"] = exists.groupby(keys, observed=True)["value"].mean().to_numpy()
    return _clip(out, lambda m: METRICS[m].low, lambda m: METRICS[m].high)


def paired_difference(
    rows: pd.DataFrame, by: Sequence[str], first: str, second: str
) -> pd.DataFrame:
    """Mean of method ``first`` minus method ``second`` on the games, seeds and contexts of both.

    Cells that share game and seed use the same comparisons, so the difference varies less than
    either value. The mean over games and contexts of a seed counts once. The columns are those of
    ``estimate`` without "defined": where one of the two values does not exist, the pair is left
    out. Metrics are assumed to start at 0 when the interval is clipped.
    """
    keys = list(by)
    units = fill_units(rows)
    index = [*keys, "game", "seed", "context", "method"]
    wide = units.groupby(index, observed=True)["value"].mean().unstack("method")
    gap = wide.reindex(columns=[first, second]).dropna()
    one = (gap[first] - gap[second]).rename("value").groupby([*keys, "seed"], observed=True).mean()
    out = _over_seeds(one.reset_index(), keys)
    return _clip(out, lambda m: -METRICS[m].high, lambda m: METRICS[m].high)


def fill_units(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with -1 for missing seeds and contexts, so that they can be grouped by."""
    return rows.assign(**{name: rows[name].fillna(_MISSING) for name in ("seed", "context")})


def _over_seeds(seeds: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    from scipy.special import stdtrit

    seeds = seeds.assign(drawn=(seeds["seed"] != _MISSING).astype(int), value=seeds["value"])
    group = seeds.groupby(keys, observed=True)
    out = group["value"].agg(["mean", "std", "count"]).astype(float)
    n = group["drawn"].sum()
    repeated = out["count"].where((n > 0) & (out["count"] > 1))
    half = stdtrit(repeated - 1, 0.5 + CONFIDENCE / 2) * out["std"] / np.sqrt(repeated)
    out = out.assign(low=out["mean"] - half, high=out["mean"] + half)
    out["n"] = np.where(n > 0, n.astype(str), "exact")
    return out.drop(columns=["std", "count"]).reset_index()


def _clip(
    out: pd.DataFrame, lowest: Callable[[str], float], highest: Callable[[str], float]
) -> pd.DataFrame:
    """The intervals clipped to the range of the metric, if there is a column "metric"."""
    if "metric" not in out:
        return out
    metrics = out["metric"].astype(str)
    low = np.maximum(out["low"], metrics.map(lowest).astype(float))
    high = np.minimum(out["high"], metrics.map(highest).astype(float))
    return out.assign(low=low, high=high)
