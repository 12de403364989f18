"""Refinement: the published probabilities, exactly and by simulation; another route for each."""

import itertools
from typing import Any

import numpy as np
import pytest

from games import Population, PreferenceGame, SpecError
from games.population import majority
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS, MatchedKl, Measurement
from tests.measured import measured, select, values
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
    # a solver without a follower draws again, which is even against itself
    again = [m for m in measured("refinement", game, NASH) if "how" not in m.labels]
    assert value(again, "refinement_win_rate", leader="nlhf") == pytest.approx(0.5)
    assert value(again, "refinement_win_rate", leader="ref") == pytest.approx(
        np.full(3, 1 / 3) @ (1 - game.P) @ [0.5, 0.2, 0.3]
    )


WAYS = ("independent", "refined", "revised", "without_replacement", "best_set")


@pytest.mark.parametrize(
    ("how", "solver"),
    [
        ("without_replacement", NASH),
        ("best_set", NASH),
        ("best_set", SHARP),
        ("revised", NASH),
    ],
)
def test_three_different_answers_reach_everyone_as_the_follower_does(
    how: str, solver: Solver
) -> None:
    """1/3, 2/3 and 1 on the symmetric cycle: no merit of a follower alone."""
    measurements = measured("refinement", EQUAL, solver, n_answers=4)
    for n, p in enumerate([1 / 3, 2 / 3, 1, 1], 1):
        chance = value(measurements, "seen_favourite", n_answers=n, how=how, type="all")
        assert chance == pytest.approx(p)


def test_the_best_set_of_three_annotators_by_hand() -> None:
    """Shares .4, .35, .25: A; then A and B; then all."""
    measurements = measured("refinement", three_annotators(), SHARP, n_answers=3)
    for n, p in enumerate([0.4, 0.75, 1], 1):
        labels = {"n_answers": n, "how": "best_set"}
        assert value(measurements, "seen_favourite", type="all", **labels) == pytest.approx(p)
    # the type that likes C best likes A second best
    labels = {"n_answers": 2, "how": "best_set"}
    assert value(measurements, "best_utility", type=2, **labels) == pytest.approx(0.5)


def test_a_sure_answer_is_all_that_draws_without_replacement_give() -> None:
    measurements = measured("refinement", three_annotators(), SHARP, n_answers=3)
    for n in (1, 2, 3):
        labels = {"n_answers": n, "how": "without_replacement", "type": "all"}
        assert value(measurements, "seen_favourite", **labels) == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["rlhf_exact", "nlhf_exact"])
def test_a_prompted_revision_is_the_policy_tilted_as_the_follower_is(name: str) -> None:
    """By hand at tau = .1; at equal KL with the tau_follower that SLHF needs for that KL."""
    game = three_annotators()
    kind = SOLVERS[name]
    matched = MatchedKl(kind, 0.01)
    found = MatchedKl(SOLVERS["slhf_exact"], 0.01).solve(game).tau
    assert found is not None
    for solver, tau in ((kind(tau=0.1), 0.1), (matched, float(found))):
        pi = solver.solve(game).policy
        table = pi * np.exp(np.swapaxes(game.P, -1, -2) / tau)
        table /= table.sum(-1, keepdims=True)
        measurements = measured("refinement", game, solver, n_answers=2)
        chance = sum(
            share * sum(pi[a] * table[a, b] for a in range(3) for b in range(3) if k in (a, b))
            for k, share in enumerate([0.4, 0.35, 0.25])
        )
        labels = {"n_answers": 2, "how": "revised", "type": "all"}
        assert value(measurements, "seen_favourite", **labels) == pytest.approx(chance)
        gain = sum(pi[a] * table[a, b] * game.P[b, a] for a in range(3) for b in range(3))
        mine = {"leader": solver.concept, "how": "revised"}
        assert value(measurements, "refinement_win_rate", **mine) == pytest.approx(gain)
        assert gain > 0.55


def test_simulated_users_agree_with_every_way() -> None:
    users = 20_000
    for solver in (SOLVERS["rlhf_exact"](tau=0.3), SOLVERS["slhf_exact"](0.3, 0.2)):
        measurements = measured("refinement", three_annotators(), solver, n_users=users)
        hows = {m.labels["how"] for m in select(measurements, "seen_favourite")}
        assert hows == set(WAYS) - {"revised" if solver.concept == "slhf" else "refined"}
        for how, n in itertools.product(hows, (1, 2, 3)):
            labels = {"how": how, "n_answers": n, "type": "all"}
            p = value(measurements, "seen_favourite", route="exact", **labels)
            simulated = value(measurements, "seen_favourite", route="simulated", **labels)
            assert simulated == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / users) + 1e-12)


def test_the_first_answer_has_its_price() -> None:
    """Stackelberg leads with A, Nash mixes; B is what RLHF says."""
    game = three_annotators()
    measurements = measured("refinement", game, SHARP)
    assert value(measurements, "win_rate_over_ref") == pytest.approx((0.5 + 0.65 + 0.4) / 3)
    assert value(measurements, "duality_gap") == pytest.approx(0.2)
    assert value(measurements, "leader_value") == pytest.approx(0.4)


def test_what_is_too_large_is_skipped_with_a_reason() -> None:
    n = 13
    people = Population([0.5, 0.5], np.random.default_rng(0).normal(size=(2, n)))
    game = PreferenceGame(majority(people), population=people)
    measurements = measured("refinement", game, NASH, n_answers=4)
    skipped = [m for m in measurements if m.status == "skipped"]
    assert [m.labels["how"] for m in skipped] == ["without_replacement"]
    assert "13 answers; drawn without replacement exactly for at most 12" in skipped[0].message
    wide = Population([1.0], np.arange(40.0)[None])
    game = PreferenceGame(majority(wide), population=wide)
    measurements = measured("refinement", game, NASH, n_answers=4)
    reasons = {m.labels["how"]: m.message for m in measurements if m.status == "skipped"}
    assert "91390 sets of answers; at most 5000" in reasons["best_set"]


def test_the_best_set_exists_where_the_methods_answer_does_not() -> None:
    """Every type prefers A to all others: the reward is infinite, the best set is A."""
    people = Population([0.5, 0.5], np.array([[2, 1, 0], [2, 0, 1]]))
    game = PreferenceGame(majority(people), population=people)
    measurements = measured("refinement", game, SOLVERS["rlhf_exact"](tau=0.1), n_answers=1)
    rows = {m.labels["how"]: m for m in select(measurements, "seen_favourite", type="all")}
    assert rows["best_set"].value == pytest.approx(1)
    assert rows["best_set"].status == "ok"
    assert rows["independent"].status == rows["revised"].status == "undefined"


def test_a_revision_at_a_strength_that_does_not_exist_is_undefined() -> None:
    """A and B tie as leaders, so that SLHF stays within log 3/2 nats, and RLHF answers B alone."""
    game, rlhf = three_annotators((0.37, 0.37, 0.26)), MatchedKl(SOLVERS["rlhf_exact"], 0.8)
    assert rlhf.solve(game).status == "ok"
    measurements = measured("refinement", game, rlhf, n_answers=2, n_users=10)
    revised = select(measurements, "seen_favourite", how="revised")
    assert {m.status for m in revised} == {"undefined"}
    assert all("ask for a smaller kl" in m.message for m in revised)
    independent = select(measurements, "seen_favourite", how="independent")
    assert {m.status for m in independent} == {"ok"}


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
