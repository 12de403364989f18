"""Consistency: every number of a cell by hand or by the definition."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from games import Population, PreferenceGame, measures
from games.catalogue.clones import clones
from games.game import Float
from solvers import SOLVERS
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular import MatchedKl, changed_games
from tabular import regret as losses
from tabular.consistency import SOLVED_AGAIN
from tabular.regret import regret
from tests.measured import measured, select, values
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import random_games, three_annotators


def test_the_maximal_lottery_of_three_annotators_by_hand() -> None:
    measurements = measured("consistency", three_annotators(), SOLVERS["nlhf_exact"](tau=0.0))
    expected = {
        "entropy": -(0.5 * np.log(0.5) + 0.2 * np.log(0.2) + 0.3 * np.log(0.3)),
        "self_agreement": 0.25 + 0.04 + 0.09,
        "kl_to_ref": 0.5 * np.log(1.5) + 0.2 * np.log(0.6) + 0.3 * np.log(0.9),
        "duality_gap": 0,
        "worst_win_rate": 0.5,
        "leader_value": 0.5 * 0.4 + 0.2 * 0.35 + 0.3 * 0.25,
        "regret": 0,
        "smith_mass": 1,
        "copeland_mass": 1,
        "dominated_mass": 0,
        "smith_size": 3,
        "objective": 0.5,
        # A is worth 1, 0 and 1/2 to the types, B 1/2, 1 and 0, C 0, 1/2 and 1
        "minority_utility": 0.35,
    }
    for metric, value in expected.items():
        assert values(measurements, metric) == pytest.approx([value], abs=1e-12), metric
    assert values(measurements, "type_utility") == pytest.approx([0.6, 0.35, 0.55])
    assert values(measurements, "condorcet_mass") == []  # there is no Condorcet winner
    assert values(measurements, "condorcet_loser_mass") == []
    assert values(measurements, "probability") == pytest.approx([0.5, 0.2, 0.3])
    assert values(measurements, "clone_shift") == pytest.approx([0, 0, 0], abs=1e-12)
    assert values(measurements, "near_clone_shift") == pytest.approx([0, 0, 0], abs=1e-12)
    assert values(measurements, "ref_shift") == pytest.approx([0, 0, 0], abs=1e-12)


def test_majority_masses_with_a_winner_and_a_dominated_answer() -> None:
    """A beats all and dominates C and D; B does better than A against C."""
    P = np.array(
        [[0.5, 0.6, 0.7, 0.9], [0.4, 0.5, 0.8, 0.7], [0.3, 0.2, 0.5, 0.6], [0.1, 0.3, 0.4, 0.5]]
    )
    game = PreferenceGame(P, [0.1, 0.2, 0.3, 0.4], names=list("ABCD"))
    solver = SOLVERS["slhf_exact"](tau_leader=0.5, tau_follower=0.3)
    measurements = measured("consistency", game, solver)
    pi = solver.solve(game).policy
    won = sum(pi[i] * P[i, j] * game.ref[j] for i in range(4) for j in range(4))
    assert values(measurements, "win_rate_over_ref") == pytest.approx([won])
    assert values(measurements, "condorcet_mass") == pytest.approx([pi[0]])
    assert values(measurements, "condorcet_loser_mass") == pytest.approx([pi[3]])
    assert values(measurements, "smith_size") == [1]
    assert values(measurements, "smith_mass") == pytest.approx([pi[0]])
    assert values(measurements, "copeland_mass") == pytest.approx([pi[0]])
    # B, C and D each lose to A, which does at least as well against everyone
    assert values(measurements, "dominated_mass") == pytest.approx([1 - pi[0] - pi[1]])
    replies = values(measurements, "follower_probability", action="C")
    assert replies == pytest.approx(SlhfExact(0.5, 0.3).follower_rows(game, 2))


def test_a_clone_is_one_more_opponent_for_rlhf_and_nothing_for_the_others() -> None:
    game = random_games(4, 2, 4)
    tau = {"tau_leader": 0.2, "tau_follower": 0.2}
    for solver in (SOLVERS["nlhf_exact"](tau=0.2), SOLVERS["slhf_exact"](**tau)):
        assert max(values(measured("consistency", game, solver, copies=3), "clone_shift")) <= 1e-9
    rlhf = SOLVERS["rlhf_exact"](tau=0.2)
    measurements = measured("consistency", game, rlhf, copies=3)
    # by hand for the first answer of the first context: three copies, uniform pairs
    one, rows = game.at(0), [0, 0, 0, 1, 2, 3]
    ref = one.ref[rows] / [3, 3, 3, 1, 1, 1]
    cloned = rlhf.solve(PreferenceGame(one.P[np.ix_(rows, rows)], ref)).policy
    merged = np.array([cloned[:3].sum(), *cloned[3:]])
    expected = abs(merged - rlhf.solve(one).policy).sum() / 2
    assert expected > 0.02
    first = next(m for m in measurements if m.metric == "clone_shift")
    assert first.labels == {"action": "0", "copies": 3}
    assert first.value == pytest.approx(expected)


A_BEATS_B = PreferenceGame([[0.5, 0.6], [0.4, 0.5]], names=["A", "B"])


def test_a_near_clone_cycle_moves_slhf_and_not_nlhf() -> None:
    """A beats B with .6. As A1 > A2 > A3 > A1 with .95 its worst loss is .95, that of B .6."""
    slhf = measured("consistency", A_BEATS_B, SOLVERS["slhf_exact"](0.0, 0.0))
    assert values(slhf, "probability") == [1, 0]
    assert values(slhf, "near_clone_shift", action="A") == [1]
    assert values(slhf, "near_clone_shift", action="B") == [0]
    assert values(slhf, "clone_shift") == [0, 0]
    for tau in (0.0, 0.1):
        nlhf = measured("consistency", A_BEATS_B, SOLVERS["nlhf_exact"](tau=tau))
        assert max(values(nlhf, "near_clone_shift")) <= 1e-9
    (first, *_) = select(slhf, "near_clone_shift")
    assert first.labels == {"action": "A", "copies": 3, "inside": 0.95}


@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_nlhf_treats_near_clones_as_one_answer_in_every_game(tau: float) -> None:
    game = random_games(11, 3, 4)
    nlhf = measured("consistency", game, SOLVERS["nlhf_exact"](tau=tau))
    assert max(values(nlhf, "near_clone_shift")) <= 1e-8
    slhf = measured("consistency", game, SOLVERS["slhf_exact"](tau, tau))
    assert max(values(slhf, "near_clone_shift")) > 0.05


def test_a_near_clone_cycle_is_three_copies_to_rlhf() -> None:
    """A balanced cycle says nothing about rewards."""
    measurements = measured("consistency", random_games(4, 2, 4), SOLVERS["rlhf_exact"](), copies=3)
    near = values(measurements, "near_clone_shift")
    assert near == pytest.approx(values(measurements, "clone_shift"), abs=1e-9)
    assert max(near) > 0.02


def test_a_condorcet_loser_can_be_what_slhf_answers() -> None:
    """A, B and C beat each other in a circle with .9 and D with .51."""
    P = np.full((4, 4), 0.5)
    P[[0, 1, 2], [1, 2, 0]], P[[1, 2, 0], [0, 1, 2]] = 0.9, 0.1
    P[:3, 3], P[3, :3] = 0.51, 0.49
    game = PreferenceGame(P, names=list("ABCD"))
    for tau, mass in ((0.0, 1.0), (0.1, 0.81)):
        slhf = measured("consistency", game, SOLVERS["slhf_exact"](tau, tau), most_cloned=0)
        assert values(slhf, "condorcet_loser_mass") == pytest.approx([mass], abs=0.005)
    for name in ("rlhf_exact", "nlhf_exact"):
        other = measured("consistency", game, SOLVERS[name](tau=0.0), most_cloned=0)
        assert values(other, "condorcet_loser_mass") == pytest.approx([0], abs=1e-12)


def test_another_reference_moves_the_answer_by_hand() -> None:
    """ref_A goes from odds o to e o; rewards, V and the cycle's symmetry give the rest."""
    game = PreferenceGame([[0.5, 0.7], [0.3, 0.5]], [0.3, 0.7], names=["A", "B"])
    tilt = np.exp(np.eye(2))
    log_odds = np.log(0.7 / 0.3)

    def answer(ref: Float, gap: float) -> Float:
        return np.asarray(ref * np.exp([gap / 0.4, 0]) / (ref * np.exp([gap / 0.4, 0])).sum())

    rlhf = measured("consistency", game, SOLVERS["rlhf_exact"](tau=0.4))
    expected = [
        abs(answer(game.ref * w, log_odds) - answer(game.ref, log_odds)).sum() / 2 for w in tilt
    ]
    assert values(rlhf, "ref_shift") == pytest.approx(expected)
    assert min(expected) > 0.01
    # the follower answers with the same reference, unless it has its own: then that is tilted too
    rows = np.array([[0.2, 0.8], [0.6, 0.4]])
    for follower in (None, rows):
        two = PreferenceGame(game.P, game.ref, follower)
        shifts = []
        for w in tilt:
            policies = []
            for weight in (np.ones(2), w):
                ref = game.ref * weight
                row = ref[None] if follower is None else rows * weight
                row = row / row.sum(-1, keepdims=True)
                V = -0.4 * np.log((row * np.exp(-game.P / 0.4)).sum(-1))
                policies.append(answer(ref, V[0] - V[1]))
            shifts.append(abs(policies[1] - policies[0]).sum() / 2)
        slhf = measured("consistency", two, SOLVERS["slhf_exact"](0.4, 0.4))
        assert values(slhf, "ref_shift") == pytest.approx(shifts)


def test_at_zero_tau_only_ties_see_the_reference() -> None:
    generic = random_games(5, 2, 4)
    for name in ("rlhf_exact", "slhf_exact", "nlhf_exact"):
        solver = SOLVERS[name]().at_tau(0.0)
        shifts = values(measured("consistency", generic, solver), "ref_shift")
        assert len(shifts) == 8
        assert max(shifts) <= 1e-9
    tied = PreferenceGame(np.full((2, 2), 0.5))
    shifts = values(measured("consistency", tied, SOLVERS["rlhf_exact"](tau=0.0)), "ref_shift")
    assert shifts == pytest.approx([np.e / (1 + np.e) - 0.5] * 2)


@pytest.mark.parametrize("kl", [0.02, 0.1])
def test_entropy_at_equal_kl_and_a_uniform_reference_says_nothing(kl: float) -> None:
    P = random_games(2, 3, 4).P
    for name in ("rlhf_exact", "nlhf_exact", "slhf_exact"):
        solver = MatchedKl(SOLVERS[name], kl)
        measurements = measured("consistency", PreferenceGame(P), solver, most_cloned=0)
        defined = [m.value for m in select(measurements, "entropy") if m.status == "ok"]
        assert defined == pytest.approx([np.log(4) - kl] * len(defined))
        assert len(defined) >= 2


def test_objectives_by_hand_and_best_at_the_answer() -> None:
    game, tau, rng = random_games(9, 1, 4).at(0), 0.3, np.random.default_rng(1)

    def kl(p: Float) -> float:
        return float((p * np.log(p / game.ref)).sum())

    def worst(p: Float) -> float:
        """min over q of P(p > q) + tau KL(q), by the first-order condition of q."""
        q = game.ref * np.exp(-(p @ game.P) / tau)
        q /= q.sum()
        return float(p @ game.P @ q + tau * kl(q))

    r = RlhfExact().rewards(game)
    V = -tau * np.log((game.ref * np.exp(-game.P / tau)).sum(-1))
    objectives: dict[str, Callable[[Float], float]] = {
        "rlhf_exact": lambda p: float(p @ r) - tau * kl(p),
        "nlhf_exact": lambda p: worst(p) - tau * kl(p),
        "slhf_exact": lambda p: float(p @ V) - tau * kl(p),
    }
    for name, objective in objectives.items():
        solver = SOLVERS[name]().at_tau(tau)
        measurements = measured("consistency", game, solver, most_cloned=0)
        answer = solver.solve(game)
        (measured_value,) = values(measurements, "objective")
        assert measured_value == pytest.approx(objective(answer.policy)), name
        for p in rng.dirichlet(np.ones(4), 50):
            assert objective(p) < measured_value
            assert regret(solver, game).objective(p) == pytest.approx(objective(p))
    assert values(measured("consistency", game, SOLVERS["nlhf_exact"]()), "objective") == [
        pytest.approx(0.5)
    ]


def test_a_type_without_preferences_gets_all_there_is() -> None:
    people = Population([0.5, 0.5], np.array([[4, 4], [0, 10]]))
    game = PreferenceGame([[0.5, 0.25], [0.75, 0.5]], [0.9, 0.1], population=people)
    measurements = measured("consistency", game, SOLVERS["nlhf_exact"](tau=1e3))
    assert values(measurements, "type_utility") == pytest.approx([1, 0.1], abs=1e-3)
    assert values(measurements, "minority_utility") == pytest.approx([0.1], abs=1e-3)


def test_changed_games_are_solved_together_as_alone() -> None:
    """Every context and answer of the batch is the catalogue's clone, moved to the end."""
    rng = np.random.default_rng(3)
    plain = random_games(8, 2, 3)
    rows, w = rng.dirichlet(np.ones(3), (2, 3)), rng.uniform(size=(2, 3, 3))
    game = PreferenceGame(plain.P, plain.ref, rows, w + np.swapaxes(w, -1, -2), list("XYZ"))
    for kind in ("rlhf_exact", "nlhf_exact", "slhf_exact"):
        measurements = measured("consistency", game, SOLVERS[kind](), copies=3)
        for c, (k, name) in itertools.product((0, 1), enumerate("XYZ")):
            one = game.at(c)
            policy = SOLVERS[kind]().solve(clones(one, name, 3)).policy
            summed = np.add.reduceat(policy, [i + 2 * (i > k) for i in range(3)])
            expected = abs(summed - SOLVERS[kind]().solve(one).policy).sum() / 2
            (m,) = [m for m in select(measurements, "clone_shift", action=name) if m.context == c]
            assert m.value == pytest.approx(expected, abs=1e-9)


def test_the_reason_of_a_changed_game_names_the_answers() -> None:
    game = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]], names=["A", "B", "C"])
    measurements = measured("consistency", game, SOLVERS["rlhf_exact"]())
    for metric in ("clone_shift", "near_clone_shift", "ref_shift"):
        rows = select(measurements, metric)
        assert [m.status for m in rows] == ["undefined"] * 3
        assert all("{A" in m.message and "{B, C" in m.message for m in rows)


def check_changed_games(module: Any) -> None:
    """The changed games of one game by hand."""
    game = PreferenceGame([[0.5, 0.8], [0.2, 0.5]], [0.25, 0.75], [[0.4, 0.6], [0.9, 0.1]])
    exact = module.cloned(game, 2)
    np.testing.assert_allclose(exact.ref, [[0.125, 0.75, 0.125], [0.25, 0.375, 0.375]])
    np.testing.assert_allclose(exact.P[0], [[0.5, 0.8, 0.5], [0.2, 0.5, 0.2], [0.5, 0.8, 0.5]])
    np.testing.assert_allclose(exact.P[1], [[0.5, 0.8, 0.8], [0.2, 0.5, 0.5], [0.2, 0.5, 0.5]])
    near = module.near_cloned(game, 0.95)
    first = [[0.5, 0.8, 0.95, 0.05], [0.2, 0.5, 0.2, 0.2], [0.05, 0.8, 0.5, 0.95],
             [0.95, 0.8, 0.05, 0.5]]  # fmt: skip
    np.testing.assert_allclose(near.P[0], first)
    np.testing.assert_allclose(near.P[1, 0], [0.5, 0.8, 0.8, 0.8])
    np.testing.assert_allclose(near.P[1, 1:, 1:], [[0.5, 0.95, 0.05], [0.05, 0.5, 0.95],
                                                   [0.95, 0.05, 0.5]])  # fmt: skip
    tilted = module.tilted(game, np.log(3.0))
    np.testing.assert_allclose(tilted.ref, [[0.5, 0.5], [0.1, 0.9]])
    np.testing.assert_allclose(tilted.ref_follower[1], [[2 / 11, 9 / 11], [0.75, 0.25]])
    policy = np.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])
    np.testing.assert_allclose(module.merged(policy, 2), [[0.8, 0.2], [0.4, 0.6]])


def check_objectives(module: Any) -> None:
    """Losses and objectives of an arbitrary policy by hand."""
    game, p, tau = three_annotators(), np.array([0.2, 0.5, 0.3]), 0.2
    kl = float((p * np.log(3 * p)).sum())
    V = -tau * np.log(np.exp(-game.P / tau).mean(-1))
    slhf = module.regret(SOLVERS["slhf_exact"](tau, tau), game)
    best = tau * np.log(np.exp(V / tau).mean())
    np.testing.assert_allclose(slhf.objective(p), p @ V - tau * kl)
    np.testing.assert_allclose(slhf(p), best - p @ V + tau * kl)
    q = np.exp(-(p @ game.P) / tau)
    nlhf = module.regret(SOLVERS["nlhf_exact"](tau), game)
    np.testing.assert_allclose(nlhf.objective(p), -tau * np.log(q.mean()) - tau * kl)
    sharp = module.regret(SOLVERS["slhf_exact"](0.0, 0.0), game)
    np.testing.assert_allclose(sharp.objective(p), p @ game.P.min(-1))
    matched = MatchedKl(SOLVERS["slhf_exact"], 0.02)
    found = matched.solve(game)
    same = module.regret(matched, game, found)
    assert found.tau is not None
    weight = SOLVERS["slhf_exact"](float(found.tau), float(found.tau))
    np.testing.assert_allclose(same.objective(p), module.regret(weight, game).objective(p))


CHECKS: dict[Any, Callable[[Any], None]] = {
    changed_games: check_changed_games,
    losses: check_objectives,
}

MUTANTS = mutants({
    changed_games: [
        ("P[contexts, ..., one, other] = inside", "P[contexts, ..., one, other] = 1 - inside"),
        ("P[contexts, ..., other, one] = 1 - inside", "P[contexts, ..., other, one] = inside"),
        ("ring[1:] + ring[:1]", "ring"),
        ("(copies - 1) * (answers > action)", "(copies - 1) * (answers < action)"),
        ("towards(k, follower)", "follower"),
        ("np.exp(log_odds)", "np.exp(-log_odds)"),
        ("extra * original", "extra"),
        ("policy[..., n:]", "policy[..., :n]"),
    ],
    losses: [
        ("self.best - self.shortfall", "self.best + self.shortfall"),
        ("duality_gap(game, policy, tau) / 2", "duality_gap(game, policy, tau)"),
        ("duality_gap(game, policy, tau)", "duality_gap(game, policy)"),
        ("follower_values(game, tau_follower)", "follower_values(game)"),
        ("np.full(game.batch, 0.5)", "np.zeros(game.batch)"),
        ("best - numerics.expectation(policy, values) + cost", "best - cost"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("subject", CHECKS, ids=lambda subject: subject.__name__)
def test_changed_games_and_objectives_by_hand(subject: Any) -> None:
    CHECKS[subject](subject)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_check_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject], (AssertionError, ValueError, IndexError))


def test_a_matched_kl_reports_its_tau() -> None:
    game = random_games(7, 3, 4)
    solver = MatchedKl(SOLVERS["nlhf_exact"], 0.05)
    measurements = measured("consistency", game, solver, most_cloned=0)
    assert values(measurements, "kl_to_ref") == pytest.approx([0.05] * 3)
    tau = solver.solve(game).tau
    assert tau is not None
    assert values(measurements, "tau") == pytest.approx(tau.tolist())
    for metric in SOLVED_AGAIN:
        (skipped,) = select(measurements, metric)
        assert skipped.status == "skipped"
        assert "most_cloned = 0" in skipped.message
    assert measures.kl_to_ref(game, solver.solve(game).policy) == pytest.approx([0.05] * 3)
