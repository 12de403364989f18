"""Means over seeds with 95% intervals, and differences on the same seeds."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from results.metrics import METRICS

CONFIDENCE = 0.95
STATISTICS = ("mean", "low", "high", "defined")
"""What ``estimate`` says of a value, in this order."""

_NONE = -1


def estimate(
    rows: pd.DataFrame, by: Sequence[str], within: Literal["mean", "max"] = "mean"
) -> pd.DataFrame:
    """Mean over seeds of the mean over contexts, with Student's t interval over the seeds.

    Seeds are the independent repetitions: contexts of one seed are averaged first and do not widen
    n. The interval is mean -+ t sd / sqrt(n), cut to the metric's range where ``by`` holds
    "metric"; its low and high are NaN where nothing draws and below two seeds. Values that do not
    exist (NaN) are left out of the mean, and ``defined`` tells how many remain: the mean then
    speaks of those alone.

    Parameters
    ----------
    rows : DataFrame with ``by``, seed, context, value
    by : column names, without missing values
        What makes two rows measurements of the same thing.
    within : "mean" or "max"
        How rows of the same seed and context are joined, e.g. "max" over the pairs left out.

    Returns
    -------
    DataFrame
        Columns ``by``, mean, low, high, defined in [0, 1], and n: "exact" or the number of seeds.
    """
    keys = list(by)
    units = rows[[*keys, "value"]].assign(
        seed=rows["seed"].fillna(_NONE), context=rows["context"].fillna(_NONE)
    )
    one = units.groupby([*keys, "seed", "context"], observed=True)["value"].agg(within)
    seeds = one.groupby([*keys, "seed"], observed=True).mean().reset_index()
    out = _over_seeds(seeds, keys)
    exists = units.assign(value=units["value"].notna())
    out["defined"] = exists.groupby(keys, observed=True)["value"].mean().to_numpy()
    return _cut(out, lambda m: METRICS[m].low, lambda m: METRICS[m].high)


def paired_difference(
    rows: pd.DataFrame, by: Sequence[str], first: str, second: str
) -> pd.DataFrame:
    """``first`` minus ``second`` (methods), on the games, seeds and contexts that both have.

    Cells that share game and seed see the same comparisons, so the difference varies less than
    either value. The mean over games and contexts of a seed counts once; columns as of
    ``estimate``, less defined: units of which one value does not exist are left out. Metrics are
    taken to begin at 0 when the interval is cut.
    """
    keys = list(by)
    units = rows.assign(seed=rows["seed"].fillna(_NONE), context=rows["context"].fillna(_NONE))
    index = [*keys, "game", "seed", "context", "method"]
    wide = units.groupby(index, observed=True)["value"].mean().unstack("method")
    gap = wide.reindex(columns=[first, second]).dropna()
    one = (gap[first] - gap[second]).rename("value").groupby([*keys, "seed"], observed=True).mean()
    out = _over_seeds(one.reset_index(), keys)
    return _cut(out, lambda m: -METRICS[m].high, lambda m: METRICS[m].high)


def _over_seeds(seeds: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    from scipy.special import stdtrit

    seeds = seeds.assign(drawn=(seeds["seed"] != _NONE).astype(int), value=seeds["value"])
    group = seeds.groupby(keys, observed=True)
    out = group["value"].agg(["mean", "std", "count"]).astype(float)
    n = group["drawn"].sum()
    repeated = out["count"].where((n > 0) & (out["count"] > 1))
    half = stdtrit(repeated - 1, 0.5 + CONFIDENCE / 2) * out["std"] / np.sqrt(repeated)
    out = out.assign(low=out["mean"] - half, high=out["mean"] + half)
    out["n"] = np.where(n > 0, n.astype(str), "exact")
    return out.drop(columns=["std", "count"]).reset_index()


def _cut(
    out: pd.DataFrame, lowest: Callable[[str], float], highest: Callable[[str], float]
) -> pd.DataFrame:
    """The intervals within what the metric can be, where the metric is told."""
    if "metric" not in out:
        return out
    metrics = out["metric"].astype(str)
    low = np.maximum(out["low"], metrics.map(lowest).astype(float))
    high = np.minimum(out["high"], metrics.map(highest).astype(float))
    return out.assign(low=low, high=high)
