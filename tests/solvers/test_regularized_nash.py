"""The regularised equilibrium: other routes to it, hard games, and its limits in tau."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy.optimize import minimize

from games import PreferenceGame, measures
from games.game import Float
from solvers.nlhf_exact import NlhfExact
from tests.paper_games import random_games
from tests.strategies import LAW, SHORT, games, table, tournament


def mirror_descent(game: PreferenceGame, tau: float) -> Float:
    """The last iterate of log pi <- (1 - eta tau) log pi + eta (tau log ref + P pi).

    It contracts at the equilibrium if eta < 2 tau / (tau^2 + omega^2), omega <= 1/2 the largest
    frequency of the linearised game; half of that bound at omega = 1/2 is taken.
    """
    eta = tau / (tau**2 + 0.25)
    log_pi = np.log(game.ref)
    for _ in range(int(50 / (eta * tau))):
        rates = game.P @ np.exp(log_pi)
        log_pi = (1 - eta * tau) * log_pi + eta * (tau * np.log(game.ref) + rates)
        log_pi -= log_pi.max()
        log_pi -= np.log(np.exp(log_pi).sum())
    return np.asarray(np.exp(log_pi))


@LAW
@given(games(max_n=6), st.sampled_from([0.1, 0.3, 1.0, 5.0]))
def test_mirror_descent_ends_there(game: PreferenceGame, tau: float) -> None:
    np.testing.assert_allclose(
        NlhfExact(tau).solve(game).policy, mirror_descent(game, tau), atol=1e-10
    )


@SHORT
@given(games(min_n=2, max_n=4), st.sampled_from([0.05, 0.5]))
def test_the_gap_is_least_there(game: PreferenceGame, tau: float) -> None:
    def gap(logits: Float) -> float:
        pi = special.softmax(logits)
        z = np.log(game.ref) + game.P @ pi / tau
        return float(2 * tau * (special.logsumexp(z) + special.rel_entr(pi, game.ref).sum()) - 1)

    answer = NlhfExact(tau).solve(game).log_policy
    options: Any = {"xatol": 1e-9, "fatol": 1e-15, "maxiter": 4000, "maxfev": 4000}
    rng = np.random.default_rng(0)
    start = answer + rng.normal(size=game.n) * 0.3
    result = minimize(gap, start, method="Nelder-Mead", options=options)
    assert gap(answer) <= result.fun + 1e-13
    assert gap(start) > gap(answer)
    np.testing.assert_allclose(special.softmax(result.x), np.exp(answer), atol=2e-4)


@LAW
@given(games(), st.sampled_from([1e-6, 1e-3, 0.02, 1.0, 1e4]))
def test_the_fixed_point_holds(game: PreferenceGame, tau: float) -> None:
    solution = NlhfExact(tau).solve(game)
    off = solution.log_policy - np.log(game.ref) - game.P @ solution.policy / tau
    tolerance = 1e-11 * max(1, 1e-3 / tau)
    assert np.ptp(off) / 2 <= tolerance
    assert solution.certificate.holds
    assert solution.certificate.tolerance == pytest.approx(tolerance)
    assert solution.policy.sum() == pytest.approx(1, abs=1e-12)


def test_two_answers_solve_a_scalar_equation() -> None:
    game = PreferenceGame([[0.5, 0.8], [0.2, 0.5]], [0.3, 0.7])
    for tau in (0.05, 0.4, 3.0):
        p = NlhfExact(tau).solve(game).policy[0]
        # the margin of 0 over 1 is .3 whoever the opponent plays
        assert special.logit(p) == pytest.approx(np.log(3 / 7) + 0.3 / tau, rel=1e-12)


@pytest.mark.parametrize("tau", [0.0, 1e-6, 1e-3, 0.1, 1e6])
def test_one_answer_and_no_preference(tau: float) -> None:
    assert NlhfExact(tau).solve(PreferenceGame([[0.5]])).policy == 1
    ref = np.array([1e-12, 0.3, 0.7 - 1e-12])
    solution = NlhfExact(tau).solve(PreferenceGame(np.full((3, 3), 0.5), ref))
    np.testing.assert_allclose(solution.policy, ref, rtol=1e-9)
    assert solution.certificate.holds


HARD_TAUS = [1e-6, 1e-4, 1e-3, 0.01]


@pytest.mark.parametrize("tau", HARD_TAUS)
@pytest.mark.parametrize("seed", range(3))
def test_certainties_under_a_skewed_reference(seed: int, tau: float) -> None:
    rng = np.random.default_rng(seed)
    for n in (3, 7, 30):
        ref = 10.0 ** rng.uniform(-12, 0, n)
        game = PreferenceGame(tournament(n, rng), ref / ref.sum())
        solution = NlhfExact(tau).solve(game)
        assert solution.certificate.holds
        assert 0 <= measures.duality_gap(game, solution.policy, tau) <= 1e-12


@pytest.mark.parametrize("tau", [1e-3, 0.1])
def test_five_hundred_answers(tau: float) -> None:
    rng = np.random.default_rng(0)
    n = 500
    game = PreferenceGame(table(rng.uniform(size=(n, n))), rng.dirichlet(np.ones(n)))
    solution = NlhfExact(tau).solve(game)
    assert solution.certificate.residual <= 1e-11
    assert measures.duality_gap(game, solution.policy, tau) <= 1e-11


@pytest.mark.parametrize("tau", [0.0, 1e-6, 1e-3, 0.1])
def test_a_hard_context_leaves_the_easy_one_alone(tau: float) -> None:
    rng = np.random.default_rng(1)
    easy = PreferenceGame(table(rng.uniform(0.3, 0.7, (6, 6))), rng.dirichlet(np.ones(6)))
    ref = 10.0 ** -np.array([0, 12, 11, 9, 12, 5])
    hard = PreferenceGame(tournament(6, rng), ref / ref.sum())
    together = NlhfExact(tau).solve(PreferenceGame.stack([easy, hard]))
    for k, game in enumerate((easy, hard)):
        alone = NlhfExact(tau).solve(game)
        np.testing.assert_array_equal(together.log_policy[k], alone.log_policy)
        np.testing.assert_array_equal(together.certificate.residual[k], alone.certificate.residual)


def test_every_shape_of_batch() -> None:
    game = random_games(7, 12, 4)
    flat = NlhfExact(0.05).solve(game)
    grid = PreferenceGame(game.P.reshape(3, 4, 4, 4), game.ref.reshape(3, 4, 4))
    solution = NlhfExact(0.05).solve(grid)
    assert solution.certificate.residual.shape == solution.status.shape == (3, 4)
    np.testing.assert_array_equal(solution.policy.reshape(12, 4), flat.policy)


def disjoint_rivals() -> PreferenceGame:
    """Two cycles whose members tie across: many lotteries."""
    P = np.full((6, 6), 0.5)
    for i, j, p in [(0, 1, 0.9), (1, 2, 0.7), (2, 0, 0.8), (3, 4, 0.6), (4, 5, 0.95), (5, 3, 0.75)]:
        P[i, j], P[j, i] = p, 1 - p
    return PreferenceGame(P, [0.3, 0.05, 0.1, 0.25, 0.2, 0.1])


def cloned_cycle() -> PreferenceGame:
    """A cycle one of whose members is there twice."""
    P = np.array(
        [[0.5, 0.9, 0.3, 0.3], [0.1, 0.5, 0.8, 0.8], [0.7, 0.2, 0.5, 0.5], [0.7, 0.2, 0.5, 0.5]]
    )
    return PreferenceGame(P, [0.2, 0.5, 0.05, 0.25])


def beaten_pair() -> PreferenceGame:
    """Two answers tie and beat a third."""
    return PreferenceGame([[0.5, 0.5, 0.8], [0.5, 0.5, 0.6], [0.2, 0.4, 0.5]], [0.3, 0.1, 0.6])


@pytest.mark.parametrize(
    ("game", "tau"),
    [
        (
            PreferenceGame([[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]], [0.7, 0.2, 0.1]),
            1e-3,
        ),
        (random_games(3, 1, 5).at(0), 1e-5),
        (disjoint_rivals(), 1e-3),
        (cloned_cycle(), 1e-3),
    ],
)
def test_the_error_falls_with_tau(game: PreferenceGame, tau: float) -> None:
    limit = NlhfExact(0).solve(game).policy
    errors = [abs(NlhfExact(t).solve(game).policy - limit).max() for t in (tau, tau / 10)]
    assert errors[0] > 1e-6, "the limit is not reached by accident"
    assert 5 <= errors[0] / errors[1] <= 20


def test_beaten_answers_vanish_at_once() -> None:
    """Where the winners only tie, the error is the beaten answer's exp(-margin / tau)."""
    game = beaten_pair()
    limit = NlhfExact(0).solve(game).policy
    np.testing.assert_allclose(limit, [0.75, 0.25, 0])
    answer = NlhfExact(0.02).solve(game).policy
    assert 0 < answer[2] < 1e-5
    np.testing.assert_allclose(answer, limit, atol=2 * answer[2] / 0.02)


@LAW
@given(games(max_n=5))
def test_much_regularisation_gives_the_reference(game: PreferenceGame) -> None:
    errors = [abs(NlhfExact(t).solve(game).policy - game.ref).max() for t in (1e4, 1e7)]
    assert errors[0] <= 1e-4
    assert errors[1] <= 1e-7


def test_a_wrong_policy_loses_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    game = random_games(2, 2, 4)
    right = NlhfExact(0.1).solve(game).log_policy
    shift = np.array([[0.0, 0, 0, 0], [1, -1, 2, 0]]) * 1e-9
    wrong = right + shift, np.ones(2, dtype=int)
    monkeypatch.setattr("solvers.nlhf_exact.regularized_nash", lambda *given: wrong)
    off = NlhfExact(0.1).solve(game)
    np.testing.assert_array_equal(off.certificate.holds, [True, False])
    np.testing.assert_array_equal(off.status, ["ok", "max_steps"])
    tied = PreferenceGame.stack([beaten_pair(), beaten_pair()])
    assert NlhfExact(0).solve(tied).certificate.holds.all()
    monkeypatch.setattr("solvers.nlhf_exact.maximal_lottery", lambda P, ref: (ref, 0.0))
    assert not NlhfExact(0).solve(tied).certificate.holds.any()
    none_tied = game.ref, np.ones(2, dtype=bool)
    monkeypatch.setattr("solvers.nlhf_exact.unique_lotteries", lambda P: none_tied)
    assert not NlhfExact(0).solve(game).certificate.holds.any()
