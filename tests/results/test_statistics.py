"""Means, intervals and paired differences, against numbers worked out by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from results.frames import describe
from results.intervals import interval
from results.rows import Row
from results.statistics import estimate, holm, paired_difference
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
            [(0, 0, 0.1), (0, 1, 0.3), (0, 2, 0.5), (1, 0, 0.8), (2, 0, 0.7)]]  # fmt: skip
    e = line(estimate(framed(rows), ["game"]))
    assert e.n == "3"
    assert e.mean == pytest.approx((0.3 + 0.8 + 0.7) / 3)
    half = stats.t.ppf(0.975, 2) * stats.sem([0.3, 0.8, 0.7])
    assert e.high - e.low == pytest.approx(2 * half)


def test_one_seed_has_no_interval() -> None:
    e = line(estimate(framed([row("entropy", 0.2, seed=7)]), ["game"]))
    assert e.n == "1"
    assert math.isnan(e.low)


def test_the_interval_stays_in_the_range_of_the_metric() -> None:
    rows = framed([row("self_agreement", v, seed=k) for k, v in enumerate([0.1, 0.2, 0.6])])
    e = line(estimate(rows, ["metric"]))
    assert e.low == 0
    assert 0.6 < e.high < 1
    assert math.isnan(e.least)


def test_two_repetitions_have_a_range_and_no_interval() -> None:
    rows = framed([row("entropy", v, seed=k) for k, v in enumerate([0.2, 0.5])])
    e = line(estimate(rows, ["metric"]))
    assert math.isnan(e.low)
    assert math.isnan(e.high)
    assert (e.least, e.greatest, e.repetitions, e.n) == (0.2, 0.5, 2, "2")


def test_many_repetitions_are_resampled_whatever_else_is_in_the_table() -> None:
    """The interval of skewed values is not symmetric around their mean, as Student's is."""
    values = np.random.default_rng(0).exponential(size=20)
    few = [row("entropy", v, seed=k) for k, v in enumerate(values)]
    more = [row("entropy", v**2, seed=k, game="h") for k, v in enumerate(values[:12])]
    e: Any
    e, *_ = estimate(framed([*few, *more]), ["game"]).itertuples()
    assert (e.low, e.high) == pytest.approx([float(end[0]) for end in interval(values[None])])
    assert e.high - e.mean > 1.1 * (e.mean - e.low)
    alone = line(estimate(framed(few), ["game"]))
    assert (e.low, e.high) == (alone.low, alone.high)


def test_the_interquartile_mean_takes_the_place_of_the_mean() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 99.0]
    rows = framed([row("condition_number", v, seed=k) for k, v in enumerate(values)])
    e = line(estimate(rows, ["metric"], centre="interquartile mean"))
    assert e.mean == pytest.approx(stats.trim_mean(values, 0.25))
    assert e.low < e.mean < e.high < 1


def test_an_interval_that_covers_the_whole_range_gives_way_to_the_observed_range() -> None:
    rows = framed([row("self_agreement", v, seed=k) for k, v in enumerate([0.1, 0.5, 0.9])])
    e = line(estimate(rows, ["metric"]))
    assert math.isnan(e.low)
    assert math.isnan(e.high)
    assert (e.least, e.greatest, e.repetitions, e.n) == (0.1, 0.9, 3, "3")
    assert e.mean == pytest.approx(0.5)


def drawn_contexts(values: list[float], **fields: Any) -> list[Row]:
    """One row a context of a drawn family, all with seed 0."""
    common: dict[str, Any] = {
        "game": "contextual",
        "game_params": {"contexts": len(values), "families": [{"name": "random"}]},
        "seed": 0,
    }
    return [row("entropy", v, context=k, **(common | fields)) for k, v in enumerate(values)]


def test_the_draws_of_a_family_are_repetitions() -> None:
    values = [0.2, 0.5, 0.1, 0.4]
    e = line(estimate(framed(drawn_contexts(values)), ["game"]))
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert e.n == "4"
    assert (e.low, e.high) == pytest.approx((low, high))
    more = [*drawn_contexts(values), *drawn_contexts(values, seed=1)]
    assert line(estimate(framed(more), ["game"])).n == "8"


@pytest.mark.parametrize(
    "fields", [{"game": "mine", "game_params": {"data": "0123"}}, {"scale": "llm"}]
)
def test_contexts_that_are_not_drawn_independently_are_no_repetitions(fields: Any) -> None:
    e = line(estimate(framed(drawn_contexts([0.2, 0.5, 0.1], **fields)), ["game"]))
    assert e.n == "1"
    assert math.isnan(e.low)


def test_what_does_not_exist_is_left_out_and_counted() -> None:
    values = [0.2, math.nan, 0.4, math.nan, 0.6, math.nan]
    rows = framed([row("entropy", v, seed=k) for k, v in enumerate(values)])
    e = line(estimate(rows, ["game"]))
    assert e.mean == pytest.approx(0.4)
    assert e.defined == 0.5
    assert e.n == "6"
    low, high = stats.t.interval(0.95, 2, 0.4, stats.sem([0.2, 0.4, 0.6]))
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
    noise = [0.0, 0.3, 0.6, 0.7]
    values = {"rlhf_exact": [v + 0.1 for v in noise], "nlhf_exact": [*noise[:3], math.nan]}
    rows = [
        row("shift", v, solver=name, seed=seed)
        for name, column in values.items()
        for seed, v in enumerate(column)
    ]
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF"))
    assert gap.mean == pytest.approx(0.1)
    assert gap.high - gap.low == pytest.approx(0, abs=1e-12)
    assert gap.n == "3"


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


def test_a_difference_that_could_be_anything_shows_the_extremes() -> None:
    rows = [row("shift", v, solver=name, seed=seed) for name, column in
            [("rlhf_exact", [0.9, 0.1, 0.5]), ("nlhf_exact", [0.0, 0.8, 0.4])]
            for seed, v in enumerate(column)]  # fmt: skip
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF"))
    assert math.isnan(gap.low)
    assert (gap.least, gap.greatest) == pytest.approx((-0.7, 0.9))
    assert gap.mean == pytest.approx(0.1)


def test_differences_of_draws_are_a_paired_t_test() -> None:
    first, second = [0.3, 0.5, 0.2, 0.45], [0.1, 0.55, 0.0, 0.3]
    rows = drawn_contexts(first, solver="rlhf_exact") + drawn_contexts(second)
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF"))
    test = stats.ttest_rel(first, second)
    assert gap.n == "4"
    assert gap.p == pytest.approx(test.pvalue)
    assert (gap.low, gap.high) == pytest.approx(tuple(test.confidence_interval(0.95)))


@pytest.mark.parametrize(("difference", "p"), [(0.0, 1.0), (0.25, 0.0)])
def test_differences_that_are_all_equal_have_a_p_value(difference: float, p: float) -> None:
    second = [0.1, 0.5, 0.3]
    rows = drawn_contexts([v + difference for v in second], solver="rlhf_exact")
    rows += drawn_contexts(second)
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF"))
    assert gap.p == p
    assert gap.low == gap.high == pytest.approx(difference)


def test_the_largest_of_a_draw_is_compared_with_the_largest() -> None:
    rows = []
    pairs = {"rlhf_exact": [(0.1, 0.6), (0.5, 0.2)], "nlhf_exact": [(0.3, 0.1), (0.3, 0.1)]}
    for name, values in pairs.items():
        for k in (0, 1):
            each = [pair[k] for pair in values]
            rows += drawn_contexts(each, solver=name, labels={"pair": k})
    gap = line(paired_difference(describe(framed(rows)), ["metric"], "RLHF", "NLHF", "max"))
    assert gap.mean == pytest.approx(((0.6 - 0.3) + (0.5 - 0.3)) / 2)


def test_holms_adjustment_by_hand() -> None:
    adjusted = holm([0.01, 0.04, math.nan, 0.03])
    # m = 3: 3 * .01, then 2 * .03, then 1 * .04, which may not fall below .06
    assert adjusted == pytest.approx([0.03, 0.06, math.nan, 0.06], nan_ok=True)
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_as_the_step_down_procedure_does(p: list[float], alpha: float) -> None:
    """Order the m p-values; reject while p_(k) is at most alpha / (m - k), k = 0, 1, ..."""
    rejected = set[int]()
    for k, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if (len(p) - k) * p[i] > alpha:
            break
        rejected.add(i)
    assert set(np.flatnonzero(holm(p) <= alpha)) == rejected


def test_no_difference_without_the_second_method() -> None:
    rows = describe(framed([row("shift", 0.1, seed=0)]))
    assert paired_difference(rows, ["metric"], "RLHF", "NLHF").empty


@pytest.mark.parametrize("beyond", [0.0, 0.05, 0.4])
def test_p_is_of_a_difference_beyond_the_smallest_effect(beyond: float) -> None:
    """The tails of two one-sided tests, against the smallest effect in either direction."""
    gaps = np.array([0.12, 0.31, 0.05, 0.22, 0.17])
    rows = [
        row("shift", 0.3 + g * first, solver=name, seed=seed)
        for seed, g in enumerate(gaps)
        for name, first in (("rlhf_exact", 1), ("nlhf_exact", 0))
    ]
    by = ["metric"]
    gap = line(paired_difference(describe(framed(rows)), by, "RLHF", "NLHF", beyond=beyond))
    near = stats.ttest_1samp(gaps, beyond, alternative="greater").pvalue
    far = stats.ttest_1samp(gaps, -beyond, alternative="greater").pvalue
    assert gap.p == pytest.approx(near + far)
    if beyond == 0:
        assert gap.p == pytest.approx(stats.ttest_1samp(gaps, 0).pvalue)
