"""Means with 95% intervals, paired differences on common draws, and adjustment for many tests."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from results.frames import family_of
from results.intervals import FEWEST, Centre, centre_of, interval, p_value
from results.metrics import METRICS

STATISTICS = ("mean", "low", "high", "least", "greatest", "repetitions", "defined")
"""The columns of ``estimate`` that describe a value, in order."""

_MISSING = -1
_DIGITS = 12
"""Differences are rounded to so many decimals: equal answers by two routes differ by nothing."""

_WHOLE = 1e-6
"""An interval that comes this near to both ends of the metric's range says nothing."""


def estimate(
    rows: pd.DataFrame,
    by: Sequence[str],
    within: Literal["mean", "max"] = "mean",
    centre: Centre = "mean",
) -> pd.DataFrame:
    """Mean over independent repetitions, with its 95% interval.

    The repetitions are the draws: every context of a family of drawn games, as named by
    ``results.frames.family_of``, and otherwise every seed, whose contexts are averaged first and
    do not increase n. The interval is Student's below 10 repetitions and a bootstrap from there on
    (``results.intervals.interval``), clipped to the metric's range if ``by`` contains "metric". Its
    low and high are NaN if nothing is random or there are fewer than three repetitions, and also
    where it would cover the metric's whole range: ``least`` and ``greatest`` then hold the smallest
    and the largest of two or more repetitions, ``repetitions`` their number, all NaN elsewhere.
    Values that do not exist (NaN) are left out of the mean, which then describes the remaining ones
    only; ``defined`` is their share.

    Parameters
    ----------
    rows : DataFrame with ``by``, seed, context, value
        Also game, game_params and scale, if it may hold families.
    by : column names, without missing values
        Rows that agree in these columns are measurements of the same quantity.
    within : "mean" or "max"
        How rows of the same seed and context are combined, e.g. "max" over the pairs left out.
    centre : "mean" or "interquartile mean"
        The latter, in the column "mean", is for metrics without an upper end, whose mean over draws
        a few of them decide.

    Returns
    -------
    DataFrame
        Columns ``by``, ``STATISTICS``, and n: "exact" or the number of repetitions.
    """
    keys = list(by)
    units = with_draws(fill_units(rows))[[*keys, "seed", "draw", "context", "value"]]
    index = [*keys, "seed", "draw"]
    one = units.groupby([*index, "context"], observed=True)["value"].agg(within)
    each = one.groupby(index, observed=True).mean().reset_index()
    out = _over_repetitions(each, keys, centre)
    exists = units.assign(value=units["value"].notna())
    out["defined"] = exists.groupby(keys, observed=True)["value"].mean().to_numpy()
    return _clip(out, lambda m: METRICS[m].low, lambda m: METRICS[m].high)


def paired_difference(
    rows: pd.DataFrame,
    by: Sequence[str],
    first: str,
    second: str,
    within: Literal["mean", "max"] = "mean",
    beyond: float = 0.0,
) -> pd.DataFrame:
    """Mean of method ``first`` minus method ``second`` on what both have a value for.

    Cells that share game and seed use the same comparisons, so the difference varies less than
    either value. The repetitions are those of ``estimate``: the draws of families, and otherwise
    the seeds, for each of which the mean over games and contexts counts once. Where one of the two
    values does not exist, the pair is left out. ``p`` is the two-sided p-value of Student's paired
    t test that the mean difference is at most ``beyond`` in size (0: that there is none), at its
    least favourable point. It is a test of the same quantity as the interval, the mean, in whose
    units effects of interest are stated; Wilcoxon's signed-rank test is about a
    median of symmetric differences, and these are often 0 on most draws. With 200 bounded
    differences the mean is normal enough; with fewer than 20, trust neither. Metrics are assumed
    to start at 0 when the interval is clipped.

    Returns
    -------
    DataFrame
        The columns of ``estimate`` without "defined", and p, NaN with fewer than three repetitions.
    """
    keys = list(by)
    units = with_draws(fill_units(rows))
    index = [*keys, "game", "seed", "draw", "context", "method"]
    wide = units.groupby(index, observed=True)["value"].agg(within).unstack("method")
    both = wide.reindex(columns=[first, second]).dropna()
    gap = (both[first] - both[second]).round(_DIGITS).rename("value")
    each = gap.groupby([*keys, "seed", "draw"], observed=True).mean().reset_index()
    out = _over_repetitions(each, keys, beyond=beyond)
    return _clip(out, lambda m: -METRICS[m].high, lambda m: METRICS[m].high)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """p-values of one family of m tests, adjusted: max over j <= k of (m - j + 1) p_(j), at most 1.

    Rejecting where the adjusted value is below 0.05 keeps the probability of any wrong rejection
    below 0.05, however the tests depend on each other. NaN is no test: it stays, and is not
    counted in m. (Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian
    Journal of Statistics 6, 1979; recalled, not checked.)

    Parameters
    ----------
    p : array (m,), in [0, 1] or NaN
    """
    out = np.array(p, dtype=np.float64)
    tests = np.flatnonzero(~np.isnan(out))
    order = tests[np.argsort(out[tests], kind="stable")]
    steps = np.arange(len(order), 0, -1) * out[order]
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return out


def fill_units(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with -1 for missing seeds and contexts, so that they can be grouped by."""
    return rows.assign(**{name: rows[name].fillna(_MISSING) for name in ("seed", "context")})


def with_draws(units: pd.DataFrame) -> pd.DataFrame:
    """``units`` with the column "draw": a number for each drawn context, -1 where none is drawn.

    Contexts that one language model was trained on together are not independent.
    """
    if not {"game", "game_params", "scale"} <= set(units):
        return units.assign(draw=_MISSING)
    keys = units.groupby(["game", "game_params"], observed=True, sort=False)
    drawn = np.array([bool(family_of(*map(str, key))) for key in keys.size().index], dtype=bool)
    code = keys.ngroup().to_numpy()
    number = code + len(drawn) * units["context"].to_numpy(np.int64)
    one = (units["context"] == _MISSING) | (units["seed"] == _MISSING) | ~drawn[code]
    one |= units["scale"] == "llm"
    return units.assign(draw=np.where(one, _MISSING, number))


def _over_repetitions(
    each: pd.DataFrame, keys: list[str], centre: Centre = "mean", beyond: float = 0.0
) -> pd.DataFrame:
    """Centre, interval, extremes and the p-value of |mean| <= beyond, over lines of ``each``."""
    group = each.assign(drawn=(each["seed"] != _MISSING).astype(int)).groupby(keys, observed=True)
    out = group["value"].agg(["mean", "count", "min", "max"]).astype(float)
    n = group["drawn"].sum()
    out["repetitions"] = out["count"].where((n > 0) & (out["count"] > 1))
    found = np.full((3, len(out)), np.nan)
    for samples, lines in _samples(each["value"], group.ngroup(), out["repetitions"]):
        with np.errstate(invalid="ignore"):  # of infinite values
            ends, p = interval(samples, centre), p_value(samples, beyond)
        found[:, lines] = *ends, p
        if centre != "mean":
            out.iloc[lines, 0] = centre_of(samples, centre)
    out["low"], out["high"], out["p"] = found
    out["n"] = np.where(n > 0, n.astype(str), "exact")
    out = out.rename(columns={"min": "least", "max": "greatest"}).drop(columns="count")
    return out.reset_index()


def _samples(
    values: "pd.Series[float]", groups: "pd.Series[int]", sizes: "pd.Series[float]"
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
    """The values of all groups of one size as an array (groups, size), and these groups."""
    defined = values.notna().to_numpy()
    value, group = values.to_numpy(float)[defined], groups.to_numpy()[defined]
    value = value[np.argsort(group, kind="stable")]
    counts = np.bincount(group, minlength=len(sizes))
    first = counts.cumsum() - counts
    for size in sorted({int(size) for size in sizes.dropna()}):
        lines = np.flatnonzero(sizes == size)
        yield value[first[lines][:, None] + np.arange(size)], lines


def _clip(
    out: pd.DataFrame, lowest: Callable[[str], float], highest: Callable[[str], float]
) -> pd.DataFrame:
    """The intervals within the range of the metric, if there is a column "metric".

    Where an interval covers the whole range, or there are too few repetitions for one, the observed
    extremes stand in its place.
    """
    few = out["repetitions"] < FEWEST
    whole = few.copy()
    if "metric" in out:
        metrics = out["metric"].astype(str)
        least = metrics.map(lowest).astype(float)
        greatest = metrics.map(highest).astype(float)
        low, high = out["low"].clip(lower=least), out["high"].clip(upper=greatest)
        whole = few | (low <= least + _WHOLE) & (high >= greatest - _WHOLE)
        out = out.assign(low=low.mask(whole), high=high.mask(whole))
    extremes = {name: out[name].where(whole) for name in ("least", "greatest", "repetitions")}
    return out.assign(**extremes)
