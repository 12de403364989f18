"""Comparison at equal KL, and regret, each by a second route."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import special
from scipy.optimize import brentq, minimize

from games import PreferenceGame, SolverError, measures
from games.game import Float
from solvers import SOLVERS, Solution, Solver, taus
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from solvers.solver import Reasons
from tabular import MatchedKl
from tabular.regret import regret
from tests.mutants import Mutant, assert_noticed, mutants
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


def test_regret_of_rlhf_at_a_matched_kl_is_that_at_each_tau() -> None:
    never = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]])
    weak = PreferenceGame(0.5 + 1e-9 * np.array([[0, 1, 1], [-1, 0, 1], [-1, -1, 0]]))
    game = PreferenceGame.stack([three_annotators(), never, random_games(2, 3, 3).at(0), weak])
    solver = MatchedKl(RlhfExact, 0.3, {"ridge": 0.0})
    solution = solver.solve(game)
    loss = regret(solver, game, solution)
    other = np.array([0.2, 0.3, 0.5])
    values = loss(np.broadcast_to(other, (4, 3)))
    assert np.isnan(values).tolist() == [False, True, False, True]
    assert loss.message.tolist() == solution.message.tolist()
    assert solution.tau is not None
    for k in (0, 2):
        alone = regret(RlhfExact(float(solution.tau[k])), game.at(k))(other)
        assert values[k] == pytest.approx(float(alone), rel=1e-12)
        assert alone > 0.01


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


def policies(name: str, game: PreferenceGame, fixed: float | None) -> Callable[[float], Float]:
    """The policy at a tau, written out from the concept's definition, for one context."""
    if name == "nlhf_exact":
        return lambda tau: NlhfExact(tau).solve(game).policy
    if name == "rlhf_exact":
        rows, columns = np.triu_indices(game.n, 1)

        def loss(r: Float) -> float:
            gaps = r[rows] - r[columns]
            wins = game.P[rows, columns]
            odds = wins * np.logaddexp(0, -gaps) + (1 - wins) * np.logaddexp(0, gaps)
            return float(game.pair_weights[rows, columns] @ odds + r.sum() ** 2)

        r = minimize(loss, np.zeros(game.n), method="BFGS", options={"gtol": 1e-10}).x
        return lambda tau: special.softmax(np.log(game.ref) + r / tau)

    def leader(tau: float) -> Float:
        soft = tau if fixed is None else fixed
        assert game.ref_follower is not None
        V = (
            game.P.min(-1)
            if soft == 0
            else -soft * np.log((game.ref_follower * np.exp(-game.P / soft)).sum(-1))
        )
        return np.asarray(special.softmax(np.log(game.ref) + V / tau))

    return leader


@pytest.mark.parametrize(
    ("name", "fixed"), [(name, None) for name in EXACT] + [("slhf_exact", 0.0), ("slhf_exact", 0.3)]
)
def test_tau_is_that_of_a_search_in_one_context(name: str, fixed: float | None) -> None:
    games_ = uneven_games()
    params = {} if fixed is None else {"tau_follower": fixed}
    found = MatchedKl(SOLVERS[name], 0.07, params).solve(games_).tau
    assert found is not None
    for k in range(3):
        game = games_.at(k)
        policy = policies(name, game, fixed)

        def excess(log_tau: float, policy: Callable[[float], Float], ref: Float) -> float:
            p = policy(float(np.exp(log_tau)))
            return float(special.rel_entr(p, ref).sum()) - 0.07

        tau = np.exp(brentq(excess, np.log(0.01), np.log(30), (policy, game.ref), xtol=1e-13))
        assert abs(tau / 0.5 - 1) > 0.01
        assert found[k] == pytest.approx(tau, rel=1e-6 if name == "rlhf_exact" else 1e-9)


def uneven_games() -> PreferenceGame:
    """Three games with unequal references, followers and pair weights."""
    rng = np.random.default_rng(5)
    game = random_games(11, 3, 4)
    weights = rng.integers(1, 9, (3, 4, 4)).astype(float)
    return replace(
        game,
        ref=rng.dirichlet(np.ones(4) * 2, 3),
        ref_follower=rng.dirichlet(np.ones(4) * 2, (3, 4)),
        pairs=np.triu(weights, 1) + np.swapaxes(np.triu(weights, 1), -1, -2),
    )


def two_axes(game: PreferenceGame) -> PreferenceGame:
    """Eight contexts as two by four."""
    return PreferenceGame.stack([game.at(slice(0, 4)), game.at(slice(4, 8))])


@pytest.mark.parametrize("kl", [0.01, 0.1, 1.0])
@pytest.mark.parametrize(
    ("name", "params"),
    [(name, {}) for name in EXACT] + [("slhf_exact", {"tau_follower": 0.0})],
)
def test_a_batch_is_matched_as_its_contexts_are(
    name: str, params: dict[str, float], kl: float
) -> None:
    game = two_axes(random_games(3, 8, 6))
    solver = MatchedKl(SOLVERS[name], kl, params)
    together = solver.solve(game)
    assert together.tau is not None
    assert len(set(together.tau.ravel())) > 1
    for index in np.ndindex(2, 4):
        alone = solver.solve(game.at(index))
        assert alone.tau is not None
        assert together.message[index] == alone.message
        np.testing.assert_allclose(together.tau[index], alone.tau, rtol=1e-12)
        np.testing.assert_allclose(together.policy[index], alone.policy, atol=1e-12)
        reached = str(alone.message) == ""
        assert together.certificate.holds[index] == (together.status[index] == "ok") == reached
    if kl == 1.0 and name == "nlhf_exact":
        assert (together.status == "undefined").any()


def test_the_largest_kl_is_named_where_it_is_out_of_reach() -> None:
    game = random_games(3, 8, 6)
    solution = MatchedKl(SOLVERS["nlhf_exact"], 1.0).solve(game)
    messages = [str(text) for text in solution.message if text]
    assert messages
    smallest = NlhfExact(2.0**-14).solve(game)
    largest = measures.kl_to_ref(game, smallest.policy)[solution.message != ""]
    for text, value in zip(messages, largest, strict=True):
        assert f"its largest KL at tau = 256 to 6.1e-05 is {value:.4g} nats" in text
        assert value < 1


def test_a_kl_that_even_a_heavy_penalty_exceeds_is_out_of_reach() -> None:
    solution = MatchedKl(SOLVERS["rlhf_exact"], 1e-12).solve(three_annotators())
    assert solution.status == "undefined"
    assert "more than 1e-12 nats from the reference even at tau = 1024" in str(solution.message)


def test_a_fixed_weight_does_not_move() -> None:
    slhf, game = SOLVERS["slhf_exact"], uneven_games()
    sharp = MatchedKl(slhf, 0.1, {"tau_follower": 0.0})
    solution, tied = sharp.solve(game), MatchedKl(slhf, 0.1).solve(game)
    np.testing.assert_allclose(measures.kl_to_ref(game, solution.policy), 0.1, rtol=1e-9)
    assert solution.tau is not None
    assert abs(solution.policy - tied.policy).max() > 1e-3
    for k in range(3):
        same = SlhfExact(float(solution.tau[k]), 0.0).solve(game.at(k))
        np.testing.assert_allclose(solution.policy[k], same.policy, atol=1e-14)
        assert solution.follower is not None
        np.testing.assert_array_equal(solution.follower[k], same.follower)
    assert sharp.at_tau(0.7) == SlhfExact(0.7, 0.0)
    assert sharp.counterpart(slhf) == sharp
    assert sharp.counterpart(NlhfExact) == MatchedKl(NlhfExact, 0.1)
    with pytest.raises(SolverError, match="drop tau_leader and tau_follower, or kl"):
        MatchedKl(slhf, 0.1, {"tau_leader": 1.0, "tau_follower": 1.0})


def test_one_tau_for_all_contexts_matches_the_mean() -> None:
    game = uneven_games()
    for name in EXACT:
        solver = MatchedKl(SOLVERS[name], 0.1)
        tau, reason = solver.common_tau(game)
        distance = measures.kl_to_ref(game, solver.at_tau(tau).solve(game).policy)
        assert distance.mean() == pytest.approx(0.1, rel=1e-9)
        assert distance.max() > 0.11
        assert reason == ""
    tau, reason = MatchedKl(NlhfExact, 3.0).common_tau(game)
    assert np.isnan(tau)
    assert "stays within 3 nats" in reason
    never = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]])
    assert "infinite" in MatchedKl(RlhfExact, 0.1).common_tau(never)[1]


@dataclass(frozen=True)
class Looped(Solver):
    """A solver of one tau."""

    tau: float = 0.1

    def undefined(self, game: PreferenceGame) -> Reasons:
        return RlhfExact().undefined(game)

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        return RlhfExact(self.tau).solve(game, rng)


def test_a_solver_of_one_tau_is_matched_context_by_context() -> None:
    never = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]])
    game = PreferenceGame.stack([three_annotators(), never, random_games(2, 3, 3).at(0)])
    looped, batched = MatchedKl(Looped, 0.3).solve(game), MatchedKl(RlhfExact, 0.3).solve(game)
    assert looped.tau is not None
    assert batched.tau is not None
    np.testing.assert_allclose(looped.tau, batched.tau, rtol=1e-12)
    np.testing.assert_allclose(looped.policy, batched.policy, atol=1e-14)
    assert looped.message.tolist() == batched.message.tolist()
    assert looped.status.tolist() == batched.status.tolist() == ["ok", "undefined", "ok"]


def check_matching(cls: Any) -> None:
    """What the tests above say, in brief, on contexts that differ."""
    game = uneven_games()
    for name, params in [*[(name, {}) for name in EXACT], ("slhf_exact", {"tau_follower": 0.0})]:
        solution = cls(SOLVERS[name], 0.1, params).solve(game)
        np.testing.assert_allclose(measures.kl_to_ref(game, solution.policy), 0.1, rtol=1e-9)
        for k in range(3):
            weights = {**dict.fromkeys(taus(SOLVERS[name]), float(solution.tau[k])), **params}
            alone = SOLVERS[name](**weights).solve(game.at(k)).policy
            np.testing.assert_allclose(solution.policy[k], alone, atol=1e-12)
    assert (cls(NlhfExact, 1.9).solve(game).status == "undefined").all()
    unreached = cls(NlhfExact, 1.3).solve(game)
    policy = np.where(unreached.message[:, None] == "", unreached.policy, game.ref)
    reached = measures.kl_to_ref(game, policy)
    assert np.round(reached, 9).tolist() == [1.3, 0, 0]
    assert cls(SlhfExact, 0.1).counterpart(NlhfExact) == cls(NlhfExact, 0.1)


NOTICED = (AssertionError, ValueError, IndexError, TypeError, RuntimeWarning)
MUTANTS = mutants({
    MatchedKl: [
        ("if name not in self.params", ""),
        ("**dict.fromkeys(self._free, tau), **fixed", "**dict.fromkeys(taus(self.solver), tau)"),
        ("found = self.at_tau(1.0), tau[message", "found = self.at_tau(1.0), tau[::-1][message"),
        ("numerics.kl(log_policy(tau), log_ref)", "numerics.kl(log_ref, log_policy(tau))"),
    ],
})  # fmt: skip
MUTANTS += mutants({
    MatchedKl: [
        ("np.where(reached, tau, below)", "np.full(batch, below)"),
        ("np.exp(log_tau)", "log_tau"),
        ("flat[contexts], _LEAST", "flat, _LEAST"),
        ("low + np.log(4)", "low + np.log(2)"),
    ],
}, module="tabular.tau_search")  # fmt: skip


def test_the_check_passes() -> None:
    check_matching(MatchedKl)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_check_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, check_matching, NOTICED)


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
    assert (str(one.status), str(one.message)) == ("ok", "")
