"""NLHF with payoffs other than P: signs and log-odds, by identities and by other routes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from games import PreferenceGame, SolverError, measures, numerics
from games.game import Float
from solvers.exact.regularized_nash import regularized_nash
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from tabular import MatchedKl
from tests.paper_games import random_games
from tests.strategies import ANY, INTERIOR, LAW, games, tournament

GAME = random_games(4, 6, 5)


def settled(A: Float, ref: Float, tau: float) -> Float:
    """log pi = log ref + A pi / tau + const in every context, by damped mirror descent."""
    theta, step = np.log(ref), tau / (tau**2 + (abs(A).max() / 2) ** 2)
    for _ in range(3_000):
        gain = (A @ special.softmax(theta, -1)[..., None])[..., 0]
        theta = (1 - step * tau) * theta + step * (tau * np.log(ref) + gain)
    return np.asarray(special.softmax(theta, -1))


@pytest.mark.parametrize("payoff", ["sign", "logit"])
def test_the_equilibrium_is_where_mirror_descent_on_the_payoffs_settles(payoff: Any) -> None:
    solution, raw = (NlhfExact(0.5, kind).solve(GAME).policy for kind in (payoff, "raw"))
    assert (numerics.total_variation(solution, raw) > 0.01).all()
    end = settled(np.sign(GAME.P - 0.5) / 2 if payoff == "sign" else special.logit(GAME.P),
                  GAME.ref, 0.5)  # fmt: skip
    assert (numerics.total_variation(GAME.ref, end) > 0.03).all()
    np.testing.assert_allclose(solution, end, rtol=0, atol=1e-9)


def test_raw_payoffs_are_what_they_were_to_the_last_bit() -> None:
    expected, _ = regularized_nash(GAME.P, np.log(GAME.ref), 0.07)
    np.testing.assert_array_equal(NlhfExact(0.07, "raw").solve(GAME).log_policy, expected)
    assert NlhfExact() == NlhfExact(0.1, "raw")


@LAW
@given(
    rewards=st.lists(st.floats(-3, 3), min_size=1, max_size=5),
    tau=st.sampled_from([0.05, 0.3, 2.0]),
)
def test_log_odds_of_bradley_terry_give_rlhf(rewards: list[float], tau: float) -> None:
    """A pi = r - pi . r: a constant does not count."""
    ref = np.arange(1.0, len(rewards) + 1)
    P = special.expit(np.subtract.outer(rewards, rewards))
    game = PreferenceGame(P, ref / ref.sum())
    nash, rlhf = NlhfExact(tau, "logit").solve(game), RlhfExact(tau).solve(game)
    assert nash.certificate.holds
    np.testing.assert_allclose(nash.policy, rlhf.policy, rtol=0, atol=1e-9)


@LAW
@given(game=games(INTERIOR), tau=st.sampled_from([0.0, 0.05, 1.0]))
def test_signs_see_who_wins_and_not_how_clearly(game: PreferenceGame, tau: float) -> None:
    shrunk = PreferenceGame(0.5 + 0.1 * (game.P - 0.5), game.ref)
    for other in (shrunk, PreferenceGame(measures.majorities(game), game.ref)):
        np.testing.assert_allclose(
            NlhfExact(tau, "sign").solve(game).policy,
            NlhfExact(tau, "sign").solve(other).policy,
            rtol=0,
            atol=1e-12,
        )


@pytest.mark.parametrize("payoff", ["raw", "sign", "logit"])
@LAW
@given(game=games(ANY))
def test_every_payoff_keeps_to_the_smith_set(payoff: Any, game: PreferenceGame) -> None:
    solution = NlhfExact(0.0, payoff).solve(game)
    if solution.status == "undefined":
        assert payoff == "logit"
        return
    assert solution.certificate.holds
    if payoff != "sign" and (abs(game.P - 0.5)[game.P != 0.5] < 1e-5).any():
        return  # a majority this small is within the tolerance of the linear programme
    assert solution.policy[~measures.smith_set(game)].sum() < 1e-9


def test_signs_of_a_tournament_have_one_lottery_with_odd_support() -> None:
    """Laffond, Laslier and Le Breton 1993; and by a linear programme written out."""
    rng = np.random.default_rng(0)
    sizes = set()
    for _ in range(20):
        hard = tournament(7, rng)
        size = rng.uniform(0.02, 0.45, hard.shape)
        P = 0.5 + np.where(hard > 0.5, 1, -1) * np.triu(size, 1)
        P = np.triu(P, 1) + np.tril(1 - P.T, -1) + np.eye(7) / 2
        game = PreferenceGame(P, rng.dirichlet(np.ones(7)))
        policy = NlhfExact(0.0, "sign").solve(game).policy
        sizes.add(int((policy > 1e-12).sum()))
        A = np.sign(P - 0.5)
        best: Any = optimize.linprog(
            np.append(np.zeros(7), -1), np.c_[-A.T, np.ones(7)], np.zeros(7),
            [[1.0] * 7 + [0]], [1], bounds=[(0, None)] * 7 + [(None, None)],
        )  # fmt: skip
        np.testing.assert_allclose(policy, best.x[:7], rtol=0, atol=1e-9)
    assert {1, 3} <= sizes
    assert all(k % 2 for k in sizes)


def test_a_clear_loss_matters_to_raw_payoffs_and_not_to_signs() -> None:
    """In a cycle an answer has the weight of the majority between the two others."""
    game = PreferenceGame([[0.5, 0.9, 0.4], [0.1, 0.5, 0.6], [0.6, 0.4, 0.5]], [0.2, 0.3, 0.5])
    for payoff, weights in (
        ("raw", [0.1, 0.1, 0.4]),
        ("sign", [1, 1, 1]),
        ("logit", special.logit([0.6, 0.6, 0.9])),
    ):
        policy = NlhfExact(0.0, payoff).solve(game).policy  # type: ignore[arg-type]
        np.testing.assert_allclose(policy, np.array(weights) / np.sum(weights), atol=1e-12)


def test_a_context_with_certain_preferences_has_no_log_odds() -> None:
    sure = np.where(np.eye(3), 0.5, np.triu(np.ones((3, 3))))
    both = PreferenceGame([random_games(1, 1, 3).P[0], sure])
    solution = NlhfExact(0.1, "logit").solve(both)
    assert solution.status.tolist() == ["ok", "undefined"]
    assert "log-odds are infinite where a preference is 0 or 1" in solution.message[1]
    assert (NlhfExact(0.1, "sign").solve(both).status == "ok").all()


def test_equal_kl_with_another_payoff() -> None:
    for payoff in ("sign", "logit"):
        solution = MatchedKl(NlhfExact, 0.02, {"payoff": payoff}).solve(GAME)
        assert (solution.status == "ok").all()
        np.testing.assert_allclose(measures.kl_to_ref(GAME, solution.policy), 0.02, atol=1e-9)
        assert solution.tau is not None
        at = NlhfExact(float(solution.tau[2]), payoff).solve(GAME.at(2)).policy
        np.testing.assert_allclose(solution.policy[2], at, rtol=0, atol=1e-9)


def test_an_unknown_payoff_is_named() -> None:
    with pytest.raises(SolverError, match="payoff is 'odds', expected one of raw, sign, logit"):
        NlhfExact(payoff="odds")  # type: ignore[arg-type]
