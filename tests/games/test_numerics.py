"""The primitives, on every array library, against SciPy and at the ends of the float range."""

import importlib
from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from games import numerics
from games.game import Float
from tests.strategies import LAW, weights

INF = np.inf
RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 3)) * 5
Q = RNG.dirichlet(np.ones(3), size=4)
P = RNG.dirichlet(np.ones(3), size=4)
TABLE = RNG.uniform(size=(4, 3, 3))

CASES: dict[str, tuple[Callable[..., Any], tuple[Float, ...], Any]] = {
    "logsumexp": (numerics.logsumexp, (X,), special.logsumexp(X, axis=-1)),
    "log_softmax": (numerics.log_softmax, (X,), special.log_softmax(X, axis=-1)),
    "log": (numerics.log, (P,), np.log(P)),
    "expectation": (numerics.expectation, (P, X), np.einsum("ki,ki->k", P, X)),
    "kl": (numerics.kl, (np.log(P), np.log(Q)), special.rel_entr(P, Q).sum(-1)),
    "entropy": (numerics.entropy, (np.log(P),), special.entr(P).sum(-1)),
    "total_variation": (numerics.total_variation, (P, Q), abs(P - Q).sum(-1) / 2),
    "win_rates": (numerics.win_rates, (TABLE, P), np.einsum("kij,kj->ki", TABLE, P)),
    "sigmoid": (numerics.sigmoid, (X,), special.expit(X)),
}


def namespaces() -> list[Any]:
    """NumPy, the strict reference implementation of the standard, and torch where there is one."""
    namespaces: list[Any] = [np, array_api_strict]
    if importlib.util.find_spec("torch"):
        namespaces.append(importlib.import_module("torch"))
    return namespaces


@pytest.mark.parametrize("xp", namespaces(), ids=lambda xp: xp.__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_same_value_and_type_on_every_array_library(name: str, dtype: str, xp: Any) -> None:
    function, given_arrays, expected = CASES[name]
    kind = getattr(xp, dtype)
    result = function(*(xp.asarray(a.tolist(), dtype=kind) for a in given_arrays))
    assert result.dtype == kind
    tolerance = 1e-13 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(np.asarray(result), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("xp", namespaces(), ids=lambda xp: xp.__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ties_are_split_alike_on_every_array_library(dtype: str, xp: Any) -> None:
    values, ref = [[1.0, 3.0, 3.0], [0.0, 0.0, 0.0]], [[0.5, 0.125, 0.375], [0.5, 0.125, 0.375]]
    kind = getattr(xp, dtype)
    log_ref = xp.log(xp.asarray(ref, dtype=kind))
    log_policy = numerics.spread_over_best(xp.asarray(values, dtype=kind), log_ref, 1e-9)
    assert log_policy.dtype == kind
    expected = [[0.0, 0.25, 0.75], ref[1]]
    np.testing.assert_allclose(np.exp(np.asarray(log_policy)), expected, rtol=1e-6)


def test_ties_end_at_the_tolerance() -> None:
    values = np.array([1.0, 1.0 - 0.9e-9, 1.0 - 1.1e-9])
    log_policy = np.exp(numerics.spread_over_best(values, np.log([0.2, 0.2, 0.6]), 1e-9))
    np.testing.assert_allclose(log_policy, [0.5, 0.5, 0.0], rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_any_axis(axis: int) -> None:
    expected = special.logsumexp(TABLE, axis=axis)
    np.testing.assert_allclose(numerics.logsumexp(TABLE, axis=axis), expected, rtol=1e-14)
    expected = special.log_softmax(TABLE, axis=axis)
    np.testing.assert_allclose(numerics.log_softmax(TABLE, axis=axis), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([-INF, -INF], -INF),
        ([-INF, 2.0], 2.0),
        ([1e300, -1e300], 1e300),
        ([-800.0, -800.0], -800.0 + np.log(2)),
        ([710.0, 710.0], 710.0 + np.log(2)),
        ([INF, 0.0], INF),
        ([np.nan, 0.0], np.nan),
        ([-INF, np.nan], np.nan),
    ],
)
def test_logsumexp_at_the_ends(x: list[float], expected: float) -> None:
    np.testing.assert_allclose(numerics.logsumexp(np.array(x)), expected, rtol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6, 1e12])
def test_policies_sum_to_one_however_large_the_logits(scale: float) -> None:
    x = RNG.normal(size=(50, 7)) * scale + 5 * scale
    x[:, 3] = x[:, 1]
    total = np.exp(numerics.log_softmax(x)).sum(-1)
    np.testing.assert_allclose(total, 1, rtol=0, atol=1e-14)


def test_log_of_zero_and_of_rounding_below_zero_is_minus_infinity_without_a_warning() -> None:
    logs = numerics.log(np.array([0.0, -0.0, -1e-18, 1.0, np.nan]))
    np.testing.assert_array_equal(logs, [-INF, -INF, -INF, 0.0, np.nan])


def test_zero_probability_hides_any_value() -> None:
    assert numerics.expectation(np.array([0.0, 1.0]), np.array([-INF, 2.0])) == 2
    assert numerics.expectation(np.array([0.0, 1.0]), np.array([INF, 2.0])) == 2
    assert numerics.expectation(np.array([0.5, 0.5]), np.array([INF, 2.0])) == INF


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([1.0, 0.0], [0.25, 0.75], np.log(4)),
        ([0.0, 1.0], [0.0, 1.0], 0.0),
        ([0.5, 0.5], [1.0, 0.0], INF),
        ([0.5, 0.5], [0.5, 0.5], 0.0),
        ([0.7, 0.3], [0.2, 0.8], 0.7 * np.log(3.5) + 0.3 * np.log(0.375)),
    ],
)
def test_kl_by_hand(p: list[float], q: list[float], expected: float) -> None:
    divergence = numerics.kl(numerics.log(np.array(p)), numerics.log(np.array(q)))
    np.testing.assert_allclose(divergence, expected, rtol=1e-14)


def test_kl_with_probabilities_below_the_float_range() -> None:
    log_p, log_q = np.array([0.0, -900.0]), np.array([-900.0, 0.0])
    np.testing.assert_allclose(numerics.kl(log_p, log_q), 900, rtol=1e-12)


def test_kl_keeps_its_digits_between_near_neighbours() -> None:
    q = np.array([0.2, 0.3, 0.5])
    step = np.array([1.0, -3.0, 2.0]) * 1e-7
    p = q + step
    first, second = (step**2 / q).sum() / 2, (step**3 / q**2).sum() / 6
    divergence = numerics.kl(np.log(q) + np.log1p(step / q), np.log(q))
    np.testing.assert_allclose(divergence, first - second, rtol=1e-8)
    assert abs((p * np.log(p / q)).sum() / first - 1) > 1e-5, "the plain sum has lost them"


@LAW
@given(weights(5), weights(5))
def test_kl_is_never_negative_and_bounds_the_distance(p: Float, q: Float) -> None:
    divergence = numerics.kl(np.log(p), np.log(q))
    distance = numerics.total_variation(p, q)
    assert divergence >= 0
    assert divergence >= 2 * distance**2 - 1e-15, "Pinsker"
    np.testing.assert_allclose(divergence, special.rel_entr(p, q).sum(), rtol=1e-9, atol=1e-14)


@LAW
@given(arrays(np.float64, 4, elements=st.floats(-1e6, 1e6)))
def test_sigmoid_and_its_mirror_make_one(x: Float) -> None:
    up, down = numerics.sigmoid(x), numerics.sigmoid(-x)
    np.testing.assert_allclose(up + down, 1, rtol=0, atol=2.3e-16)
    np.testing.assert_allclose(up, special.expit(x), rtol=1e-14)


def test_sigmoid_at_the_ends() -> None:
    values = numerics.sigmoid(np.array([-INF, -745.0, 0.0, 745.0, INF]))
    np.testing.assert_allclose(values, [0, 5e-324, 0.5, 1, 1], rtol=1e-6)


def test_a_sure_answer_has_entropy_zero_and_not_minus_zero() -> None:
    assert not np.signbit(numerics.entropy(np.array([0.0, -INF])))
    assert numerics.entropy(np.log([0.25, 0.75])) == pytest.approx(
        0.25 * np.log(4) + 0.75 * np.log(4 / 3)
    )


def test_nan_stays_nan() -> None:
    unknown, half = np.array([np.nan, np.nan]), np.array([0.5, 0.5])
    assert np.isnan(numerics.kl(unknown, np.log(half)))
    assert np.isnan(numerics.entropy(unknown))
    assert np.isnan(numerics.expectation(unknown, half))
    assert numerics.expectation(np.array([0.0, 1.0]), np.array([np.inf, 2.0])) == 2
