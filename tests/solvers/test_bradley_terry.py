"""The reward that RLHF fits: two other fitting methods, existence, ridge, and its certificate."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy.optimize import minimize

from games import PreferenceGame
from games.game import Float
from solvers import Solution
from solvers.rlhf_exact import RlhfExact
from tests.strategies import INTERIOR, LAW, SHORT, games, table, tournament


def mean_weights(game: PreferenceGame) -> Float:
    """Weights of the pairs i < j, summing to 1."""
    upper = np.triu(game.pair_weights, 1)
    return np.asarray(upper / upper.sum())


def loss(r: Float, game: PreferenceGame, ridge: float = 0.0) -> float:
    """Mean negative log-likelihood, pair by pair, and the ridge."""
    w = mean_weights(game)
    total = ridge / 2 * float(r @ r)
    for i, j in zip(*np.nonzero(w), strict=True):
        total -= w[i, j] * game.P[i, j] * special.log_expit(r[i] - r[j])
        total -= w[i, j] * game.P[j, i] * special.log_expit(r[j] - r[i])
    return float(total)


def zermelo(game: PreferenceGame) -> Float:
    """Hunter's MM iteration on the strengths exp(r)."""
    w = game.pair_weights
    won = (w * game.P).sum(-1)
    strength = np.ones(game.n)
    for _ in range(100_000):
        pace = (w / (strength[:, None] + strength[None, :])).sum(-1)
        moved = won / pace
        moved /= np.exp(np.log(moved).mean())
        if abs(np.log(moved / strength)).max() < 1e-14:
            break
        strength = moved
    return np.asarray(np.log(strength))


@LAW
@given(games(INTERIOR, min_n=2, max_n=5))
def test_newton_and_mm_agree(game: PreferenceGame) -> None:
    np.testing.assert_allclose(RlhfExact().rewards(game), zermelo(game), atol=1e-9)


@SHORT
@given(games(INTERIOR, min_n=2, max_n=4), st.sampled_from([0.0, 0.01, 1.0]))
def test_newton_and_a_general_minimiser_agree(game: PreferenceGame, ridge: float) -> None:
    result = minimize(loss, np.zeros(game.n), (game, ridge), method="BFGS", options={"gtol": 1e-7})
    r = RlhfExact(ridge=ridge).rewards(game)
    np.testing.assert_allclose(r, result.x - result.x.mean(), atol=2e-4)
    assert loss(r, game, ridge) <= result.fun + 1e-14
    assert r.sum() == pytest.approx(0, abs=1e-12)


@LAW
@given(games(INTERIOR, min_n=2, max_n=6))
def test_every_answer_wins_as_often_as_the_fit_says(game: PreferenceGame) -> None:
    r = RlhfExact().rewards(game)
    w = game.pair_weights / game.pair_weights.sum()
    observed = (w * game.P).sum(-1)
    fitted = (w * special.expit(r[:, None] - r[None, :])).sum(-1)
    np.testing.assert_allclose(fitted, observed, atol=1e-10)


@LAW
@given(st.lists(st.floats(-8, 8), min_size=2, max_size=6), st.data())
def test_a_bradley_terry_game_gives_its_rewards_back_whoever_is_compared(
    rewards: list[float], data: st.DataObject
) -> None:
    n, r = len(rewards), np.array(rewards)
    chain = np.eye(n, k=1) + np.eye(n, k=-1)
    extra = data.draw(st.floats(0, 2))
    pairs = chain * data.draw(st.floats(0.1, 5)) + extra
    game = PreferenceGame(special.expit(r[:, None] - r[None, :]), pairs=pairs)
    np.testing.assert_allclose(RlhfExact().rewards(game), r - r.mean(), rtol=1e-9, atol=1e-8)


def test_the_reward_depends_on_ratios_of_pairs_and_on_nothing_else() -> None:
    rng = np.random.default_rng(1)
    P, w = table(rng.uniform(0.1, 0.9, (5, 5))), rng.uniform(0.1, 1, (5, 5))
    w += w.T
    first = RlhfExact().rewards(PreferenceGame(P, pairs=w))
    for scale in (1e-9, 1e9):
        again = RlhfExact().rewards(PreferenceGame(P, pairs=w * scale + np.eye(5)))
        np.testing.assert_allclose(again, first, atol=1e-12)
    uniform = RlhfExact().rewards(PreferenceGame(P))
    np.testing.assert_array_equal(uniform, RlhfExact().rewards(PreferenceGame(P, pairs=w * 0 + 3)))
    assert abs(uniform - first).max() > 0.01


@pytest.mark.parametrize("tau", [1e-6, 1e-3, 0.1, 1.0, 1e3, 1e6])
def test_the_policy_is_the_reference_tilted_by_the_reward(tau: float) -> None:
    rng = np.random.default_rng(2)
    game = PreferenceGame(table(rng.uniform(0.1, 0.9, (4, 4))), rng.dirichlet(np.ones(4)))
    solver = RlhfExact(tau)
    solution = solver.solve(game)
    tilt = tau * (solution.log_policy - np.log(game.ref))
    np.testing.assert_allclose(
        tilt - tilt.mean(), solver.rewards(game), rtol=1e-9, atol=1e-12 * max(1, tau)
    )
    assert solution.policy.sum() == pytest.approx(1, abs=1e-12)
    assert solution.certificate.holds.all()


def test_tied_rewards_share_by_the_reference_and_near_ties_do_not() -> None:
    r = np.array([1.0, 1.0, 0.0])
    ref = [0.1, 0.3, 0.6]
    game = PreferenceGame(special.expit(r[:, None] - r[None, :]), ref)
    np.testing.assert_allclose(RlhfExact(tau=0).solve(game).policy, [0.25, 0.75, 0], atol=1e-12)
    r[0] += 1e-6
    game = PreferenceGame(special.expit(r[:, None] - r[None, :]), ref)
    np.testing.assert_allclose(RlhfExact(tau=0).solve(game).policy, [1, 0, 0], atol=1e-12)


UNDEFINED: list[tuple[Float, Float | None, str]] = [
    (table(np.zeros((3, 3))), None, r"\{a\} > \{b\} > \{c\}"),
    (table(np.array([[0, 0, 0], [0.4, 0, 0], [0, 0, 0]])), None, r"\{a, b\} > \{c\}"),
    (np.full((3, 3), 0.5), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0.0]]), r"\{a, b\}, \{c\}"),
    (
        table(np.array([[0, 0, 0, 0], [0.4, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.5, 0.4, 0]])),
        np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0.0]]),
        r"not unique: no comparison joins \{a, b\}, \{c, d\};",
    ),
]


@pytest.mark.parametrize(("P", "pairs", "components"), UNDEFINED)
def test_an_infinite_maximum_is_undefined_and_its_components_named(
    P: Float, pairs: Float | None, components: str
) -> None:
    game = PreferenceGame(P, pairs=pairs, names=list("abcd"[: len(P)]))
    for tau in (0.0, 0.1):
        solution = RlhfExact(tau).solve(game)
        assert solution.status == "undefined"
        assert re.search(components, str(solution.message))
        assert "set ridge > 0" in str(solution.message)
        assert np.isnan(solution.policy).all()
        assert np.isnan(solution.certificate.residual)
        assert not solution.certificate.holds
    assert np.isnan(RlhfExact().rewards(game)).all()
    assert RlhfExact(ridge=0.1).solve(game).message == ""


@pytest.mark.parametrize("tau", [0.0, 0.1])
def test_each_context_of_a_batch_has_its_answer_or_its_reason(tau: float) -> None:
    rng = np.random.default_rng(4)
    P = table(rng.uniform(0.1, 0.9, (2, 2, 4, 4)))
    P[0, 1] = table(np.zeros((4, 4)))
    P[1, 0] = table(np.array([[0, 0, 0, 0], [0.4, 0, 0, 0], [0.3, 0.3, 0, 0], [0, 0, 0, 0]]))
    solution = RlhfExact(tau).solve(PreferenceGame(P))
    assert solution.status.tolist() == [["ok", "undefined"], ["undefined", "ok"]]
    assert solution.message[0, 0] == solution.message[1, 1] == ""
    assert "{0} > {1} > {2} > {3}" in solution.message[0, 1]
    assert "{0, 1, 2} > {3}" in solution.message[1, 0]
    undefined = [[False, True], [True, False]]
    np.testing.assert_array_equal(np.isnan(solution.policy).all(-1), undefined)
    np.testing.assert_array_equal(np.isnan(solution.certificate.residual), undefined)
    rewards = RlhfExact().rewards(PreferenceGame(P))
    np.testing.assert_array_equal(np.isnan(rewards).all(-1), undefined)
    # the others are as if they were alone, to the last bit
    together = RlhfExact(tau).solve(PreferenceGame(P[[0, 1], [0, 1]]))
    for k in (0, 1):
        alone = RlhfExact(tau).solve(PreferenceGame(P[k, k]))
        for log_policy in (solution.log_policy[k, k], together.log_policy[k]):
            np.testing.assert_array_equal(log_policy, alone.log_policy)
        np.testing.assert_array_equal(rewards[k, k], RlhfExact().rewards(PreferenceGame(P[k, k])))
        assert solution.certificate.residual[k, k] == alone.certificate.residual


@LAW
@given(games(st.sampled_from([0.0, 0.3, 1.0]), min_n=2, max_n=5), st.integers(0, 2**10))
def test_existence_is_strong_connection(game: PreferenceGame, missing: int) -> None:
    n = game.n
    compared = np.array([[(missing >> (i * j % 10)) & 1 == 0 for j in range(n)] for i in range(n)])
    if not (compared & ~np.eye(n, dtype=bool)).any():
        compared[:] = True
    game = PreferenceGame(game.P, pairs=(compared & compared.T).astype(float))
    wins = (game.pair_weights > 0) & (game.P > 0)
    reach = np.linalg.matrix_power(np.eye(n) + wins, n) > 0
    solution = RlhfExact().solve(game)
    assert solution.certificate.holds == reach.all()
    assert solution.status == ("ok" if reach.all() else "undefined")


@SHORT
@given(games(min_n=2, max_n=5), st.sampled_from([1e-6, 1e-2, 1.0]))
def test_a_ridge_makes_every_fit_finite_and_stationary(game: PreferenceGame, ridge: float) -> None:
    solver = RlhfExact(ridge=ridge)
    r = solver.rewards(game)
    assert np.isfinite(r).all()
    gradient = ridge * r
    w = mean_weights(game)
    for i, j in zip(*np.nonzero(w), strict=True):
        push = w[i, j] * (special.expit(r[i] - r[j]) - game.P[i, j])
        gradient[i] += push
        gradient[j] -= push
    np.testing.assert_allclose(gradient, 0, atol=1e-10)
    assert solver.solve(game).certificate.holds


def test_more_ridge_pulls_towards_zero() -> None:
    game = PreferenceGame(tournament(5, np.random.default_rng(0)))
    sizes = [np.ptp(RlhfExact(ridge=k).rewards(game)) for k in (1e-4, 1e-2, 1.0, 1e4)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 1e-4


@pytest.mark.parametrize("tiny", [1e-6, 1e-12, 1e-20, 1e-60])
def test_tiny_probabilities_keep_their_log_odds(tiny: float) -> None:
    game = PreferenceGame([[0.5, 1 - tiny], [tiny, 0.5]])
    r = RlhfExact().rewards(game)
    assert r[0] - r[1] == pytest.approx(np.log1p(-tiny) - np.log(tiny), rel=1e-9)
    game = PreferenceGame(table(np.array([[0, 0, 0], [tiny, 0, 0], [0.3, tiny, 0]])))
    r = RlhfExact().rewards(game)
    # A and C meet as if B were not there, and B is where it wins one of its two comparisons
    np.testing.assert_allclose(r, [1.245409821, 0, -1.245409821], atol=1e-5)
    assert RlhfExact(tau=1.0).solve(game).certificate.holds


def test_a_wrong_reward_or_a_wrong_choice_loses_its_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    game = PreferenceGame(table(rng.uniform(0.2, 0.8, (2, 4, 4))))
    right = RlhfExact().rewards(game)

    def solved(tau: float, shift: Float) -> Solution:
        monkeypatch.setattr(RlhfExact, "rewards", lambda self, game: right + shift)
        return RlhfExact(tau).solve(game)

    shift = np.array([[0.0, 0, 0, 0], [1, 2, -4, 1]]) * 1e-8
    for tau in (0.0, 0.1, 10.0):
        assert solved(tau, 0 * shift).certificate.holds.all()
        off = solved(tau, shift)
        np.testing.assert_array_equal(off.certificate.holds, [True, False])
        np.testing.assert_array_equal(off.status, ["ok", "max_steps"])
    worst = np.where(np.arange(4) == right.argmin(-1)[:, None], 0.0, -np.inf)
    monkeypatch.setattr("games.numerics.spread_over_best", lambda *given: worst)
    assert not solved(0.0, 0 * shift).certificate.holds.any()
