"""Comparison at equal KL, and regret, each by a second route."""

import numpy as np
import pytest
from scipy.optimize import minimize

from games import PreferenceGame, SolverError, measures
from games.game import Float
from solvers import SOLVERS
from solvers.rlhf_exact import RlhfExact
from tabular import MatchedKl
from tabular.regret import regret
from tests.paper_games import random_games, three_annotators

EXACT = ["rlhf_exact", "nlhf_exact", "slhf_exact"]


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("kl", [0.01, 0.3])
def test_every_context_is_at_the_given_distance_from_the_reference(name: str, kl: float) -> None:
    game = random_games(2, 4, 5)
    solver = MatchedKl(SOLVERS[name], kl)
    solution = solver.solve(game)
    tau = solution.tau
    assert tau is not None
    assert measures.kl_to_ref(game, solution.policy) == pytest.approx(np.full(4, kl), rel=1e-9)
    assert len(set(np.round(tau, 6))) == 4
    # no larger tau on a fine grid reaches it
    for k, weight in enumerate(tau):
        for factor in np.geomspace(1.001, 1000, 60):
            policy = solver.at_tau(float(weight * factor)).solve(game.at(k)).policy
            assert measures.kl_to_ref(game.at(k), policy) < kl
    assert solver.concept == SOLVERS[name].concept


def test_a_kl_out_of_reach_is_undefined_in_that_context_only() -> None:
    within = three_annotators((0.45, 0.45, 0.1))
    game = PreferenceGame.stack([within, three_annotators(), within])
    solution = MatchedKl(SOLVERS["nlhf_exact"], 0.2).solve(game)
    assert solution.status.tolist() == ["ok", "undefined", "ok"]
    assert [bool(text) for text in solution.message.tolist()] == [False, True, False]
    assert "NlhfExact stays within 0.2 nats" in solution.message[1]
    assert "ask for a smaller kl" in solution.message[1]
    alone = MatchedKl(SOLVERS["nlhf_exact"], 0.2).solve(within)
    assert solution.tau is not None
    assert np.isnan(solution.tau).tolist() == [False, True, False]
    for k in (0, 2):
        np.testing.assert_array_equal(solution.policy[k], alone.policy)
        assert solution.tau[k] == alone.tau
    assert np.isnan(solution.policy[1]).all()
    assert np.isnan(solution.certificate.residual[1])
    nowhere = MatchedKl(SOLVERS["nlhf_exact"], 0.2).solve(three_annotators())
    assert nowhere.tau is not None
    assert np.isnan(nowhere.tau)


def test_a_follower_is_nan_where_the_leader_has_no_answer() -> None:
    even = PreferenceGame(np.full((3, 3), 0.5))
    game = PreferenceGame.stack([three_annotators(), even])
    solution = MatchedKl(SOLVERS["slhf_exact"], 0.05).solve(game)
    assert solution.status.tolist() == ["ok", "undefined"]
    assert solution.follower is not None
    assert np.isfinite(solution.follower[0]).all()
    assert np.isnan(solution.follower[1]).all()


def test_peers_have_the_same_weights_or_the_same_distance() -> None:
    nlhf, slhf = SOLVERS["nlhf_exact"], SOLVERS["slhf_exact"]
    assert nlhf(tau=0.3).counterpart(slhf) == slhf(tau_leader=0.3, tau_follower=0.3)
    assert slhf(tau_leader=0.3, tau_follower=0.2).counterpart(slhf) == slhf(0.3, 0.2)
    assert slhf(tau_leader=0.3, tau_follower=0.2).counterpart(nlhf) == nlhf(tau=0.3)
    assert MatchedKl(slhf, 0.1).counterpart(nlhf) == MatchedKl(nlhf, 0.1)


@pytest.mark.parametrize("kl", [0.0, -1.0, np.nan, np.inf, True])
def test_a_kl_must_be_a_positive_number(kl: float) -> None:
    with pytest.raises(SolverError, match="MatchedKl: kl"):
        MatchedKl(SOLVERS["nlhf_exact"], kl)


def objective(concept: str, taus: list[float], game: PreferenceGame, policy: Float) -> float:
    """The concept's payoff, written out from its definition."""
    kl = float(policy @ np.log(policy / game.ref))
    if concept == "rlhf":
        return float(policy @ RlhfExact().rewards(game)) - taus[0] * kl
    if concept == "slhf":
        V = -taus[1] * np.log((game.ref * np.exp(-game.P / taus[1])).sum(-1))
        return float(policy @ V) - taus[0] * kl

    # nlhf: what the best response leaves, by brute force over responses
    def response(z: Float) -> float:
        p = np.exp(z - z.max())
        p /= p.sum()
        divergence = float(p @ np.log(p / game.ref))
        return -(float(p @ game.P @ policy) - taus[0] * divergence + taus[0] * kl)

    return float(minimize(response, np.zeros(game.n), tol=1e-14).fun)


@pytest.mark.parametrize("name", EXACT)
def test_regret_is_the_shortfall_in_the_objective_of_the_concept(name: str) -> None:
    game = random_games(8, 1, 4).at(0)
    taus = [0.2, 0.3] if name == "slhf_exact" else [0.2]
    solver = SOLVERS[name](*taus)
    best = solver.solve(game).policy
    other = np.array([0.1, 0.2, 0.3, 0.4])
    assert abs(best - other).sum() > 0.2
    assert regret(solver, game)(best) == pytest.approx(0, abs=1e-12)
    expected = objective(solver.concept, taus, game, best)
    expected -= objective(solver.concept, taus, game, other)
    assert expected > 0.01
    assert float(regret(solver, game)(other)) == pytest.approx(expected, rel=1e-6)


def test_regret_with_a_matched_kl_is_taken_at_the_tau_of_the_true_game() -> None:
    game = random_games(9, 2, 4)
    solver = MatchedKl(SOLVERS["slhf_exact"], 0.1)
    solution = solver.solve(game)
    tau, loss = solution.tau, regret(solver, game, solution)
    assert tau is not None
    assert loss(solution.policy) == pytest.approx([0, 0], abs=1e-12)
    other = game.ref
    for k in range(2):
        at_its_tau = SOLVERS["slhf_exact"](tau_leader=float(tau[k]), tau_follower=float(tau[k]))
        assert loss(other)[k] == pytest.approx(regret(at_its_tau, game.at(k))(other[k]))


def test_regret_is_nan_where_the_reward_is_infinite() -> None:
    sure = PreferenceGame([[0.5, 1, 0.7], [0, 0.5, 0.6], [0.3, 0.4, 0.5]])
    unsure = three_annotators()
    never = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]])
    game = PreferenceGame.stack([sure, never, unsure])
    loss = regret(RlhfExact(tau=0.5), game)
    got = loss(game.ref)
    assert [bool(text) for text in loss.message.tolist()] == [False, True, False]
    assert np.isnan(got).tolist() == [False, True, False]
    assert got[2] == pytest.approx(regret(RlhfExact(tau=0.5), unsure)(unsure.ref))


def test_the_solution_of_one_context_keeps_everything_that_belongs_to_it() -> None:
    game = random_games(1, 3, 4)
    solution = MatchedKl(SOLVERS["slhf_exact"], 0.05).solve(game)
    one = solution.at(2)
    assert solution.tau is not None and one.tau is not None  # noqa: PT018
    assert solution.follower is not None and one.follower is not None  # noqa: PT018
    assert one.tau == solution.tau[2] != solution.tau[0]
    np.testing.assert_array_equal(one.policy, solution.policy[2])
    np.testing.assert_array_equal(one.follower, solution.follower[2])
    assert one.certificate.residual == solution.certificate.residual[2]
    assert (one.status, one.message) == ("ok", "")
