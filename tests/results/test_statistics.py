"""Means, intervals and paired differences, against numbers worked out by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.frames import describe
from results.statistics import estimate, paired_difference
from tests.recorded import framed, row


def line(estimates: pd.DataFrame) -> Any:
    """The only line, as a named tuple."""
    (estimate_line,) = estimates.itertuples()
    return estimate_line


def test_a_value_without_seed_is_exact() -> None:
    e = line(estimate(framed([row("entropy", 0.25)]), ["game", "metric"]))
    assert (e.mean, e.n, e.defined) == (0.25, "exact", 1.0)
    assert math.isnan(e.low)
    assert math.isnan(e.high)


def test_the_interval_is_students_over_seeds() -> None:
    values = [0.2, 0.5, 0.1, 0.4]
    rows = framed([row("entropy", v, seed=k) for k, v in enumerate(values)])
    e = line(estimate(rows, ["game", "metric"]))
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert e.n == "4"
    assert e.mean == pytest.approx(0.3)
    assert (e.low, e.high) == pytest.approx((low, high))


def test_contexts_of_a_seed_are_one_repetition() -> None:
    rows = [row("entropy", v, seed=s, context=c) for s, c, v in
            [(0, 0, 0.1), (0, 1, 0.3), (0, 2, 0.5), (1, 0, 0.8)]]  # fmt: skip
    e = line(estimate(framed(rows), ["game"]))
    assert e.n == "2"
    assert e.mean == pytest.approx((0.3 + 0.8) / 2)
    half = stats.t.ppf(0.975, 1) * np.std([0.3, 0.8], ddof=1) / math.sqrt(2)
    assert e.high - e.low == pytest.approx(2 * half)


def test_one_seed_has_no_interval() -> None:
    e = line(estimate(framed([row("entropy", 0.2, seed=7)]), ["game"]))
    assert e.n == "1"
    assert math.isnan(e.low)


def test_the_interval_stays_in_the_range_of_the_metric() -> None:
    rows = framed([row("self_agreement", v, seed=k) for k, v in enumerate([0.0, 1.0])])
    e = line(estimate(rows, ["metric"]))
    assert (e.low, e.high) == (0, 1)


def test_what_does_not_exist_is_left_out_and_counted() -> None:
    values = [0.2, math.nan, 0.4, math.nan]
    rows = framed([row("entropy", v, seed=k) for k, v in enumerate(values)])
    e = line(estimate(rows, ["game"]))
    assert e.mean == pytest.approx(0.3)
    assert e.defined == 0.5
    assert e.n == "4"
    low, high = stats.t.interval(0.95, 1, 0.3, stats.sem([0.2, 0.4]))
    assert (e.low, e.high) == pytest.approx((low, high))


def test_the_largest_in_each_context_before_the_mean() -> None:
    rows = [row("clone_shift", v, seed=s, context=c, labels={"action": a}) for s, c, a, v in
            [(0, 0, "A", 0.1), (0, 0, "B", 0.7), (0, 1, "A", 0.3), (1, 0, "A", 0.2)]]  # fmt: skip
    e = line(estimate(framed(rows), ["game"], "max"))
    assert e.mean == pytest.approx(((0.7 + 0.3) / 2 + 0.2) / 2)


def test_groups_keep_their_own_statistics() -> None:
    rows = framed([row("entropy", 0.1, game="z"), row("entropy", math.nan, game="a")])
    estimates = estimate(rows, ["game"]).set_index("game")
    assert estimates.loc["z", "mean"] == 0.1
    assert estimates.loc["z", "defined"] == 1
    assert estimates.loc["a", "defined"] == 0


def test_differences_are_taken_on_the_same_seeds() -> None:
    noise = [0.0, 0.3, 0.6]
    values = {"rlhf_exact": [v + 0.1 for v in noise], "nlhf_exact": [*noise[:2], math.nan]}
    rows = [
        row("shift", v, solver=name, seed=seed)
        for name, column in values.items()
        for seed, v in enumerate(column)
    ]
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF"))
    assert gap.mean == pytest.approx(0.1)
    assert gap.high - gap.low == pytest.approx(0, abs=1e-12)
    assert gap.n == "2"


def test_a_difference_does_not_mix_games() -> None:
    """RLHF has no answer on the game where shifts are large: it must not look better for it."""
    rows = [
        row("shift", v, solver=name, seed=seed, game=game)
        for seed in (0, 1)
        for name, game, v in [
            ("rlhf_exact", "easy", 0.2),
            ("nlhf_exact", "easy", 0.1),
            ("rlhf_exact", "hard", math.nan),
            ("nlhf_exact", "hard", 0.9),
        ]
    ]
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF"))
    assert gap.mean == pytest.approx(0.1)


def test_a_difference_stays_between_the_extremes() -> None:
    rows = [row("shift", v, solver=name, seed=seed) for name, column in
            [("rlhf_exact", [0.9, 0.1]), ("nlhf_exact", [0.0, 0.8])]
            for seed, v in enumerate(column)]  # fmt: skip
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF"))
    assert (gap.low, gap.high) == (-1, 1)
    assert gap.mean == pytest.approx(0.1)


def test_no_difference_without_the_second_method() -> None:
    rows = describe(framed([row("shift", 0.1, seed=0)]))
    assert paired_difference(rows, ["metric"], "RLHF", "NLHF").empty
