"""Means with 95% intervals, paired differences on common draws, and adjustment for many tests."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from results.frames import family_of
from results.groups import Groups, Integers, numbered
from results.intervals import FEWEST, Centre, Floats, centre_of, interval, p_value
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
    line, lines = numbered(rows, by)
    if (line < 0).any():
        return estimate(rows[line >= 0], by, within, centre)
    value = rows["value"].to_numpy(np.float64)
    seed, context = (rows[k].to_numpy(np.int64, na_value=_MISSING) for k in ("seed", "context"))
    draw = _draws(rows, seed, context)
    one = Groups.by(line, seed, draw, context)
    each = Groups.by(*(one.key(column) for column in (line, seed, draw)))
    means = each.reduce(one.reduce(value, within), "mean")
    line_of, seed_of = (each.key(one.key(column)) for column in (line, seed))
    out = _over_repetitions(means, line_of, seed_of != _MISSING, centre)
    defined = Groups.by(line).reduce((~np.isnan(value)).astype(float), "mean")
    out = pd.concat([lines, out.assign(defined=defined)], axis=1)
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
    line, lines = numbered(each, keys)
    drawn = (each["seed"] != _MISSING).to_numpy(bool)
    out = _over_repetitions(each["value"].to_numpy(), line, drawn, beyond=beyond)
    out = pd.concat([lines, out], axis=1)
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
    seed, context = (units[name].to_numpy(np.int64) for name in ("seed", "context"))
    return units.assign(draw=_draws(units, seed, context))


def _draws(rows: pd.DataFrame, seed: Integers, context: Integers) -> Integers:
    """The number of each row's draw, -1 where none is drawn."""
    draw = np.full(len(rows), _MISSING, dtype=np.int64)
    if not {"game", "game_params", "scale"} <= set(rows):
        return draw
    number, games = numbered(rows, ["game", "game_params"])
    family = [family_of(*map(str, key)) for key in games.itertuples(index=False)]
    drawn = np.array([bool(name) for name in family], dtype=bool)[number]
    drawn &= (context != _MISSING) & (seed != _MISSING)
    if drawn.any():
        drawn &= (rows["scale"] != "llm").to_numpy(bool)
        draw[drawn] = (number + len(games) * context)[drawn]
    return draw


def _over_repetitions(
    values: Floats,
    line: Integers,
    drawn: NDArray[np.bool_],
    centre: Centre = "mean",
    beyond: float = 0.0,
) -> pd.DataFrame:
    """Centre, interval, extremes and the p-value of |mean| <= beyond, over the values of a line."""
    of_line = Groups.by(line)
    mean, least, greatest = (of_line.reduce(values, how) for how in ("mean", "min", "max"))
    count, n = (np.bincount(line, kind).astype(int) for kind in (~np.isnan(values), drawn))
    repetitions = np.where((n > 0) & (count > 1), count, np.nan)
    found = np.full((3, len(mean)), np.nan)
    for samples, lines in _samples(values, line, repetitions):
        with np.errstate(invalid="ignore"):  # of infinite values
            ends, p = interval(samples, centre), p_value(samples, beyond)
        found[:, lines] = *ends, p
        if centre != "mean":
            mean[lines] = centre_of(samples, centre)
    low, high, p = found
    return pd.DataFrame(
        {
            "mean": mean,
            "least": least,
            "greatest": greatest,
            "repetitions": repetitions,
            "low": low,
            "high": high,
            "p": p,
            "n": np.array([str(number) if number else "exact" for number in n], dtype=object),
        }
    )


def _samples(
    values: Floats, line: Integers, sizes: Floats
) -> Iterator[tuple[Floats, NDArray[np.intp]]]:
    """The values of all lines of one size as an array (lines, size), and these lines."""
    defined = ~np.isnan(values)
    value, of_line = values[defined], line[defined]
    value = value[np.argsort(of_line, kind="stable")]
    counts = np.bincount(of_line, minlength=len(sizes))
    first = counts.cumsum() - counts
    for size in sorted({int(size) for size in sizes[~np.isnan(sizes)]}):
        lines = np.flatnonzero(sizes == size)
        yield value[first[lines][:, None] + np.arange(size)], lines


def _clip(
    out: pd.DataFrame, lowest: Callable[[str], float], highest: Callable[[str], float]
) -> pd.DataFrame:
    """The intervals within the range of the metric, if there is a column "metric".

    Where an interval covers the whole range, or there are too few repetitions for one, the observed
    extremes stand in its place.
    """
    low, high, repetitions = (out[k].to_numpy() for k in ("low", "high", "repetitions"))
    whole = repetitions < FEWEST
    if "metric" in out:
        metrics = [str(name) for name in out["metric"]]
        least, greatest = (np.array([end(m) for m in metrics]) for end in (lowest, highest))
        low, high = np.where(low < least, least, low), np.where(high > greatest, greatest, high)
        whole |= (low <= least + _WHOLE) & (high >= greatest - _WHOLE)
        low, high = (np.where(whole, np.nan, end) for end in (low, high))
    extremes = {name: out[name].where(whole) for name in ("least", "greatest", "repetitions")}
    return out.assign(low=low, high=high, **extremes)
