"""Round robin: win rates by plain sums, antisymmetry, and the fixed points of Nash-MD-PG."""

from typing import Any

import numpy as np
import pytest

from games import PreferenceGame, measures
from games.catalogue import make
from games.numerics import total_variation
from solvers import SOLVERS
from solvers.nash_md_pg import NashMdPg
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular import MatchedKl
from tabular import round_robin as module
from tests.measured import measured, select, values
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import generators, random_games, three_annotators

TAU = {"tau_leader": 0.2, "tau_follower": 0.1}


def generic() -> PreferenceGame:
    """Two contexts with unequal references of leader and follower."""
    game = random_games(3, 2, 4)
    rows = np.random.default_rng(4).dirichlet(np.ones(4), size=(2, 4))
    return PreferenceGame(game.P, game.ref, rows, names=list("ABCD"))


def rates_agree(kind: Any) -> None:
    """Every row of SLHF by sums over answers, replies and opponent's answers."""
    game, solver = generic(), SlhfExact(**TAU)
    rows = list(kind().measure(game, solver, generators))
    solution = solver.solve(game)
    assert solution.follower is not None
    opponents = {
        "reference": game.ref,
        "rlhf": RlhfExact(0.2).solve(game).policy,
        "nlhf": NlhfExact(0.2).solve(game).policy,
        "slhf": solution.policy,
        **{
            f"nash_md_pg {m:g}": NashMdPg(tau=0.2, mixture=m).target(game).policy
            for m in (0.125, 0.25, 0.5, 0.75, 1.0)
        },
    }
    for k in range(2):
        pi, f, P = solution.policy[k], solution.follower[k], game.P[k]
        for name, policy in opponents.items():
            mu = policy[k]
            answer = sum(pi[i] * P[i, j] * mu[j] for i in range(4) for j in range(4))
            reply = sum(mu[j] * f[j, i] * P[i, j] for i in range(4) for j in range(4))
            revision = sum(
                pi[y] * f[y, i] * P[i, j] * mu[j]
                for y in range(4)
                for i in range(4)
                for j in range(4)
            )
            for role, rate in {"answer": answer, "reply": reply, "revision": revision}.items():
                row = select(rows, "win_rate", opponent=name, role=role)[k]
                assert row.context == k
                assert row.value == pytest.approx(rate, abs=1e-10)
        row = select(rows, "win_rate", opponent="slhf revision", role="answer")[k]
        revised = pi @ f
        assert row.value == pytest.approx(pi @ P @ revised, abs=1e-12)
    assert len(rows) == 2 * 3 * 10


def test_every_rate_is_a_plain_sum() -> None:
    rates_agree(module.RoundRobin)


def test_the_matrix_is_antisymmetric_and_nothing_beats_the_lottery() -> None:
    game = make("near_clones")
    solvers = {"rlhf": RlhfExact(0.0), "nlhf": NlhfExact(0.0), "slhf": SlhfExact(0.0, 0.0)}
    rows = {name: measured("round_robin", game, solver) for name, solver in solvers.items()}
    matrix = np.array(
        [[values(rows[i], "win_rate", opponent=j, role="answer") for j in solvers] for i in solvers]
    )[..., 0]
    np.testing.assert_allclose(matrix + matrix.T, 1, atol=1e-9)
    assert abs(matrix - 0.5).max() > 0.05
    against = values(rows["nlhf"], "win_rate", role="answer")
    assert min(against) >= 0.5 - 1e-9
    assert max(against) == pytest.approx(0.6)
    # a follower that sees the answer beats whatever is not a Condorcet winner
    replies = values(rows["slhf"], "win_rate", role="reply")
    assert min(replies) > 0.5


@pytest.mark.parametrize("mixture", [0.0, 0.125, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("tau", [0.05, 0.5])
def test_the_limit_of_nash_md_pg_is_its_target_and_its_last_iterate(
    mixture: float, tau: float
) -> None:
    game = generic()
    limit = module.NashMdPgLimit(tau, mixture).solve(game)
    target = NashMdPg(tau=tau, mixture=mixture).target(game).policy
    np.testing.assert_allclose(limit.policy, target, atol=1e-9)
    assert limit.certificate.holds.all()
    if tau == 0.5:
        last = NashMdPg(tau=tau, mixture=mixture, max_steps=4_000).solve(game).policy
        np.testing.assert_allclose(limit.policy, last, atol=1e-6)
    assert total_variation(limit.policy, game.ref).min() > 0.02
    if mixture in (0.125, 0.5) and tau == 0.05:
        assert total_variation(limit.policy, NlhfExact(tau).solve(game).policy).max() > 0.01


@pytest.mark.parametrize("mixture", [0.0, 0.25, 0.5, 1.0])
def test_the_limit_at_tau_zero_is_that_of_small_tau(mixture: float) -> None:
    game = make("skew_cycle")
    at_zero = module.NashMdPgLimit(0.0, mixture).solve(game).policy
    small = module.NashMdPgLimit(1e-4, mixture).solve(game).policy
    np.testing.assert_allclose(at_zero, small, atol=2e-3)
    if mixture == 0:
        np.testing.assert_allclose(at_zero, NlhfExact(0.0).solve(game).policy, atol=1e-12)


def test_an_algorithm_plays_where_it_ends_and_not_where_it_stopped() -> None:
    game = generic()
    stopped = NashMdPg(tau=0.2, mixture=0.5, max_steps=1)
    rows = measured("round_robin", game, stopped)
    same = values(rows, "win_rate", opponent="nash_md_pg 0.5")
    assert same == pytest.approx([0.5, 0.5], abs=1e-9)
    assert total_variation(stopped.solve(game).policy, stopped.target(game).policy).min() > 0.01
    ema = measured("round_robin", game, SOLVERS["nash_ema"](tau=0.2))
    nash = measured("round_robin", game, NlhfExact(0.2))
    assert values(ema, "win_rate") == pytest.approx(values(nash, "win_rate"), abs=1e-9)


def test_at_equal_kl_every_opponent_is_as_far_from_the_reference() -> None:
    game = generic()
    solver = MatchedKl(NlhfExact, 0.05)
    members = module.panel(game, solver)
    for name, (policy, reasons) in members.items():
        if name not in ("reference", "slhf revision"):
            np.testing.assert_allclose(measures.kl_to_ref(game, policy), 0.05, atol=1e-6)
            assert (reasons == "").all()
    assert total_variation(members["nlhf"][0], members["nash_md_pg 0.5"][0]).max() > 1e-4


def test_an_opponent_that_does_not_exist_is_undefined_with_its_reason() -> None:
    sure = PreferenceGame([[0.5, 1.0], [0.0, 0.5]])
    game = PreferenceGame.stack([sure, PreferenceGame([[0.5, 0.6], [0.4, 0.5]])])
    rows = measured("round_robin", game, NlhfExact(0.1))
    against = {m.context: m for m in select(rows, "win_rate", opponent="rlhf")}
    assert against[0].status == "undefined"
    assert "infinite" in against[0].message
    assert against[1].status == "ok"
    assert {m.status for m in select(rows, "win_rate", opponent="slhf")} == {"ok"}
    none = measured("round_robin", three_annotators(), MatchedKl(NlhfExact, 0.5))
    assert {m.status for m in none} == {"undefined"}


def test_a_leader_out_of_reach_is_undefined_and_the_other_opponents_are_played() -> None:
    game = PreferenceGame([[0.5, 0.5, 0.9], [0.5, 0.5, 0.6], [0.1, 0.4, 0.5]])
    solver = MatchedKl(RlhfExact, 0.7)  # above log(3 / 2), where SLHF stops between two answers
    leader = solver.counterpart(SlhfExact).solve(game)
    assert leader.status == "undefined"
    rows = {m.labels["opponent"]: m for m in measured("round_robin", game, solver)}
    for name in ("slhf", "slhf revision"):
        assert rows[name].status == "undefined"
        assert rows[name].message == str(leader.message)
    assert rows["rlhf"].status == "ok"


ROUND_ROBIN_MUTANTS = mutants(
    {
        module.RoundRobin: [
            ("np.swapaxes(game.P, -1, -2)", "game.P"),
            ("policy[..., :, None] * follower", "policy[..., None, :] * follower"),
            ("measures.win_rate(game, p, policy)", "measures.win_rate(game, policy, p)"),
            ("self.tau / (1 - self.mixture)", "self.tau"),
            ("opponent.log_policy - self.mixture", "opponent.log_policy + self.mixture"),
            ("numerics.log_softmax(tilted / (1 - self.mixture))", "numerics.log_softmax(tilted)"),
            ("best_response(game, game.ref, self.tau)", "best_response(game, game.ref)"),
            ("return replace(member, mixture=mixture)", "return member"),
            ("solver.counterpart(RlhfExact)", "RlhfExact()"),
            ("solver.counterpart(SlhfExact).solve", "SlhfExact().solve"),
        ]
    }
)


@pytest.mark.parametrize("mutant", ROUND_ROBIN_MUTANTS, ids=str)
def test_planted_bugs_are_noticed(mutant: Mutant) -> None:
    assert_noticed(mutant, rates_agree)
