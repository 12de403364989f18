"""Coverage of intervals on simulated means, and agreement with scipy.

Each share of covered means is one of 2,000 samples, whose standard error is about .005: bounds are
four of these from what was measured, and beyond what the neighbouring rules reach.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from results.intervals import Centre, centre_of, interval, p_value

DRAWS: dict[str, tuple[Callable[[np.random.Generator, int], NDArray[np.float64]], float]] = {
    "normal": (lambda rng, n: rng.normal(size=(2_000, n)), 0.0),
    "exponential": (lambda rng, n: rng.exponential(size=(2_000, n)), 1.0),
}


def coverage(kind: str, n: int, centre: Centre = "mean", value: float | None = None) -> float:
    """The share of samples of size n whose interval covers the true mean."""
    draw, mean = DRAWS[kind]
    low, high = interval(draw(np.random.default_rng(n), n), centre)
    true = mean if value is None else value
    return float(((low <= true) & (true <= high)).mean())


@pytest.mark.parametrize(
    ("kind", "n", "least", "most"),
    [
        ("normal", 3, 0.93, 0.97),  # the normal quantile 1.96 in place of t: .81; bootstrap: .75
        ("normal", 5, 0.93, 0.97),  # .88; .84
        ("normal", 10, 0.925, 0.97),  # the plain percentile bootstrap: .90
        ("normal", 20, 0.93, 0.97),
        ("exponential", 3, 0.86, 0.92),  # .77; .70
        ("exponential", 5, 0.86, 0.92),  # .83; .79
        ("exponential", 10, 0.88, 0.94),  # .86
        ("exponential", 20, 0.90, 0.96),
    ],
)
def test_the_share_of_means_that_are_covered(kind: str, n: int, least: float, most: float) -> None:
    assert least <= coverage(kind, n) <= most


@pytest.mark.parametrize("n", [5, 20])
def test_the_interquartile_mean_of_normal_values_is_covered(n: int) -> None:
    assert 0.92 <= coverage("normal", n, "interquartile mean") <= 0.98


def test_resampling_covers_a_skewed_mean_better_than_students_interval() -> None:
    samples = np.random.default_rng(5).exponential(size=(2_000, 20))
    half = stats.t.ppf(0.975, 19) * stats.sem(samples, axis=1)
    student = (abs(samples.mean(axis=1) - 1) <= half).mean()
    low, high = interval(samples)
    assert ((low <= 1) & (high >= 1)).mean() > student


@pytest.mark.parametrize("centre", ["mean", "interquartile mean"])
def test_the_bootstrap_is_that_of_scipy_at_wider_levels(centre: Centre) -> None:
    samples = np.random.default_rng(3).exponential(size=(4, 30))
    tail = stats.norm.cdf(-stats.t.ppf(0.975, 29) * np.sqrt(30 / 29))

    def statistic(x: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        return np.asarray(stats.trim_mean(x, 0.25 if centre != "mean" else 0.0, axis=axis))

    theirs = stats.bootstrap(
        (samples,), statistic, axis=1, n_resamples=20_000, confidence_level=1 - 2 * float(tail),
        method="percentile", rng=np.random.default_rng(0), batch=500,
    ).confidence_interval  # fmt: skip
    error = samples.std(axis=1) / np.sqrt(30)
    assert (abs(np.array(interval(samples, centre)) - theirs) < 0.4 * error).all()


def test_students_interval_is_that_of_scipy() -> None:
    samples = np.random.default_rng(1).normal(size=(3, 7))
    theirs = stats.ttest_1samp(samples, 0, axis=1).confidence_interval(0.95)
    assert np.array(interval(samples)) == pytest.approx(np.array(theirs))
    assert centre_of(samples, "mean") == pytest.approx(samples.mean(axis=1))


@pytest.mark.parametrize("n", [3, 12])
def test_what_does_not_vary_has_an_interval_without_width(n: int) -> None:
    samples = np.full((1, n), 0.1)
    assert np.ravel(interval(samples)) == pytest.approx([0.1, 0.1], abs=1e-15)
    assert p_value(samples, 0.05) == [0.0]
    assert p_value(samples, 0.2) == [1.0]


def test_a_group_is_resampled_alike_alone_and_among_many() -> None:
    samples = np.random.default_rng(2).normal(size=(1_200, 10))
    low, high = interval(samples)
    assert (low[700], high[700]) == pytest.approx([end[0] for end in interval(samples[700:701])])
