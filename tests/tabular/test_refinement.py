"""Refinement: the published probabilities, exactly and by simulation; another route for each."""

import itertools
from typing import Any

import numpy as np
import pytest

from games import SpecError
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS, Measurement
from tests.measured import measured, values
from tests.paper_games import random_games, three_annotators


def value(measurements: list[Measurement], metric: str, **labels: Any) -> float:
    (only,) = values(measurements, metric, **labels)
    return only


EQUAL = three_annotators((1 / 3, 1 / 3, 1 / 3))
NASH = SOLVERS["nlhf_exact"](tau=0.0)
SHARP = SOLVERS["slhf_exact"](tau_leader=0.0, tau_follower=0.0)
PUBLISHED = [
    (NASH, "independent", [1 / 3, 5 / 9, 19 / 27]),
    (SHARP, "refined", [1 / 3, 2 / 3, 1.0]),
]


@pytest.mark.parametrize(("solver", "how", "expected"), PUBLISHED)
def test_published_probabilities_exactly_and_by_simulation(
    solver: Solver, how: str, expected: list[float]
) -> None:
    users = 40_000
    measurements = measured("refinement", EQUAL, solver, n_answers=3, n_users=users)
    for n, p in enumerate(expected, 1):
        labels = {"n_answers": n, "how": how, "type": "all"}
        assert value(measurements, "seen_favourite", route="exact", **labels) == pytest.approx(p)
        error = 4 * np.sqrt(p * (1 - p) / users)
        simulated = value(measurements, "seen_favourite", route="simulated", **labels)
        assert simulated == pytest.approx(p, abs=error + 1e-12)


def test_a_soft_follower_no_longer_reaches_everyone() -> None:
    solver = SOLVERS["slhf_exact"](tau_leader=0.0, tau_follower=0.1)
    hop = 1 / (1 + np.exp(-(1 / 2 - 1 / 3) / 0.1) + np.exp(-(2 / 3 - 1 / 3) / 0.1))
    follower = solver.solve(EQUAL).follower
    assert follower is not None
    assert follower[0, 2] == pytest.approx(hop)
    assert hop == pytest.approx(0.82, abs=0.01)
    measurements = measured("refinement", EQUAL, solver, n_answers=3)
    chance = value(measurements, "seen_favourite", n_answers=3, how="refined", type="all")
    chains = itertools.product(range(3), repeat=3)
    by_hand = sum(follower[a, b] * follower[b, c] / 3 * (0 in (a, b, c)) for a, b, c in chains)
    assert chance == pytest.approx(by_hand)
    assert 2 / 3 < chance < 0.95


def test_exact_numbers_equal_enumeration_of_all_sequences() -> None:
    game = three_annotators()
    solver = SOLVERS["slhf_exact"](tau_leader=0.3, tau_follower=0.2)
    solution = solver.solve(game)
    assert solution.follower is not None
    measurements = measured("refinement", game, solver, n_answers=4)
    worth = np.array([[1, 0.5, 0], [0, 1, 0.5], [0.5, 0, 1]])
    for how, reply in (
        ("refined", solution.follower),
        ("independent", np.tile(solution.policy, (3, 1))),
    ):
        for n in (1, 2, 4):
            for kind in range(3):
                chance = best = 0.0
                for path in itertools.product(range(3), repeat=n):
                    p = solution.policy[path[0]]
                    for a, b in itertools.pairwise(path):
                        p *= reply[a, b]
                    chance += p * (kind in path)  # type k likes answer k best
                    best += p * max(worth[kind, list(path)])
                labels = {"n_answers": n, "how": how, "type": kind, "route": "exact"}
                assert value(measurements, "seen_favourite", **labels) == pytest.approx(chance)
                assert value(measurements, "best_utility", **labels) == pytest.approx(best)


def test_revision_of_each_leader_by_hand() -> None:
    game = three_annotators()
    measurements = measured("refinement", game, SHARP)
    # follower A -> C, B -> A, C -> B wins .6, .65, .75
    gain = np.array([0.6, 0.65, 0.75])
    leaders = {"ref": [1 / 3] * 3, "rlhf": [0, 1, 0], "nlhf": [0.5, 0.2, 0.3], "slhf": [1, 0, 0]}
    for leader, policy in leaders.items():
        rate = value(measurements, "refinement_win_rate", leader=leader)
        assert rate == pytest.approx(gain @ policy)
    # a solver without a follower revises by drawing again: even against itself
    again = measured("refinement", game, NASH)
    assert value(again, "refinement_win_rate", leader="nlhf") == pytest.approx(0.5)
    assert value(again, "refinement_win_rate", leader="ref") == pytest.approx(
        np.full(3, 1 / 3) @ (1 - game.P) @ [0.5, 0.2, 0.3]
    )


def test_without_a_population_favourites_are_skipped_and_revisions_are_not() -> None:
    game = random_games(1, 3, 4)
    measurements = measured("refinement", game, SHARP)
    skipped = [m for m in measurements if m.metric == "seen_favourite"]
    assert [m.status for m in skipped] == ["skipped"]
    assert len([m for m in measurements if m.metric == "refinement_win_rate"]) == 4 * 3


def test_ranges_are_checked() -> None:
    with pytest.raises(SpecError, match="n_answers 0"):
        EXPERIMENTS["refinement"](n_answers=0)
    assert EXPERIMENTS["refinement"](n_users=5).draws
    assert not EXPERIMENTS["refinement"]().draws
