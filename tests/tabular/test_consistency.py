"""Consistency: every number of a cell by hand or by the definition."""

import numpy as np
import pytest

from games import PreferenceGame, measures
from solvers import SOLVERS, Solver
from solvers.slhf_exact import SlhfExact
from tabular import EXPERIMENTS, MatchedKl, Measurement
from tests.paper_games import generators, random_games, three_annotators


def measured(game: PreferenceGame, solver: Solver, **params: int) -> list[Measurement]:
    return list(EXPERIMENTS["consistency"](**params).measure(game, solver, generators))


def values(found: list[Measurement], metric: str, **labels: object) -> list[float]:
    return [m.value for m in found if m.metric == metric and labels.items() <= m.labels.items()]


def test_the_maximal_lottery_of_three_annotators_by_hand() -> None:
    found = measured(three_annotators(), SOLVERS["nlhf_exact"](tau=0.0))
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
        assert values(found, metric) == pytest.approx([value], abs=1e-12), metric
    assert values(found, "condorcet_mass") == []  # there is no Condorcet winner
    assert values(found, "probability") == pytest.approx([0.5, 0.2, 0.3])
    assert values(found, "clone_shift") == pytest.approx([0, 0, 0], abs=1e-12)


def test_majority_masses_where_there_is_a_winner_and_a_dominated_answer() -> None:
    """A beats all and dominates C and D; B does better than A against C."""
    P = np.array(
        [[0.5, 0.6, 0.7, 0.9], [0.4, 0.5, 0.8, 0.7], [0.3, 0.2, 0.5, 0.6], [0.1, 0.3, 0.4, 0.5]]
    )
    game = PreferenceGame(P, [0.1, 0.2, 0.3, 0.4], names=list("ABCD"))
    solver = SOLVERS["slhf_exact"](tau_leader=0.5, tau_follower=0.3)
    found = measured(game, solver)
    pi = solver.solve(game).policy
    won = sum(pi[i] * P[i, j] * game.ref[j] for i in range(4) for j in range(4))
    assert values(found, "win_rate_over_ref") == pytest.approx([won])
    assert values(found, "condorcet_mass") == pytest.approx([pi[0]])
    assert values(found, "smith_mass") == pytest.approx([pi[0]])
    assert values(found, "copeland_mass") == pytest.approx([pi[0]])
    # B, C and D each lose to A, which does at least as well against everyone
    assert values(found, "dominated_mass") == pytest.approx([1 - pi[0] - pi[1]])
    replies = values(found, "follower_probability", action="C")
    assert replies == pytest.approx(SlhfExact(0.5, 0.3).follower_rows(game, 2))


def test_a_clone_is_one_more_opponent_for_rlhf_and_nothing_for_the_others() -> None:
    game = random_games(4, 2, 4)
    tau = {"tau_leader": 0.2, "tau_follower": 0.2}
    for solver in (SOLVERS["nlhf_exact"](tau=0.2), SOLVERS["slhf_exact"](**tau)):
        assert max(values(measured(game, solver, copies=3), "clone_shift")) <= 1e-9
    rlhf = SOLVERS["rlhf_exact"](tau=0.2)
    found = measured(game, rlhf, copies=3)
    # by hand for the first answer of the first context: three copies, uniform pairs
    own, rows = game.at(0), [0, 0, 0, 1, 2, 3]
    ref = own.ref[rows] / [3, 3, 3, 1, 1, 1]
    cloned = rlhf.solve(PreferenceGame(own.P[np.ix_(rows, rows)], ref)).policy
    merged = np.array([cloned[:3].sum(), *cloned[3:]])
    expected = abs(merged - rlhf.solve(own).policy).sum() / 2
    assert expected > 0.02
    first = next(m for m in found if m.metric == "clone_shift")
    assert first.labels == {"action": "0", "copies": 3}
    assert first.value == pytest.approx(expected)


def test_contexts_are_measured_one_by_one_and_undefined_ones_say_so() -> None:
    sure = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]])
    game = PreferenceGame.stack([three_annotators(), sure])
    found = measured(game, SOLVERS["rlhf_exact"](tau=0.1))
    gaps = [m for m in found if m.metric == "duality_gap"]
    assert [(m.context, m.status) for m in gaps] == [(0, "ok"), (1, "undefined")]
    alone = measured(three_annotators(), SOLVERS["rlhf_exact"](tau=0.1))
    assert gaps[0].value == pytest.approx(values(alone, "duality_gap")[0])
    assert np.isnan(gaps[1].value)
    assert "compare more pairs" in gaps[1].message


def test_a_matched_kl_reports_the_tau_it_found() -> None:
    game = random_games(7, 3, 4)
    solver = MatchedKl(SOLVERS["nlhf_exact"], 0.05)
    found = measured(game, solver, most_cloned=0)
    assert values(found, "kl_to_ref") == pytest.approx([0.05] * 3)
    tau = solver.solve(game).tau
    assert tau is not None
    assert values(found, "tau") == pytest.approx(tau.tolist())
    skipped = [m for m in found if m.metric == "clone_shift"]
    assert [m.status for m in skipped] == ["skipped"]
    assert "most_cloned = 0" in skipped[0].message
    assert measures.kl_to_ref(game, solver.solve(game).policy) == pytest.approx([0.05] * 3)
