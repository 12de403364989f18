"""Consistency: every number of a cell by hand or by the definition."""

import numpy as np
import pytest

from games import PreferenceGame, measures
from solvers import SOLVERS
from solvers.slhf_exact import SlhfExact
from tabular import MatchedKl
from tests.measured import measured, values
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
    }
    for metric, value in expected.items():
        assert values(measurements, metric) == pytest.approx([value], abs=1e-12), metric
    assert values(measurements, "condorcet_mass") == []  # there is no Condorcet winner
    assert values(measurements, "probability") == pytest.approx([0.5, 0.2, 0.3])
    assert values(measurements, "clone_shift") == pytest.approx([0, 0, 0], abs=1e-12)


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


def test_a_matched_kl_reports_its_tau() -> None:
    game = random_games(7, 3, 4)
    solver = MatchedKl(SOLVERS["nlhf_exact"], 0.05)
    measurements = measured("consistency", game, solver, most_cloned=0)
    assert values(measurements, "kl_to_ref") == pytest.approx([0.05] * 3)
    tau = solver.solve(game).tau
    assert tau is not None
    assert values(measurements, "tau") == pytest.approx(tau.tolist())
    skipped = [m for m in measurements if m.metric == "clone_shift"]
    assert [m.status for m in skipped] == ["skipped"]
    assert "most_cloned = 0" in skipped[0].message
    assert measures.kl_to_ref(game, solver.solve(game).policy) == pytest.approx([0.05] * 3)
