"""Voting rules: published elections, counting by another route, and laws of social choice."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from games import PreferenceGame, measures
from games.game import Float
from games.population import Population, majority
from solvers import SOLVERS
from solvers.borda import Borda
from solvers.copeland import Copeland
from solvers.majority_rlhf import MajorityRlhf
from solvers.random_dictator import RandomDictator
from solvers.ranked_pairs import RankedPairs
from solvers.rlhf_exact import RlhfExact
from solvers.schulze import Schulze
from solvers.voting import Voting
from tests.solvers.elections import (
    SCHULZE_2011,
    TENNESSEE,
    ranked_pairs_winners,
    schulze_winners,
    table_of,
)
from tests.strategies import ANY, LAW, cloned, games, merged, table

CONDORCET = [Copeland(), Schulze(), RankedPairs()]
RULES = [Borda(), *CONDORCET]
MANY = 300


def drawn(seed: int, n: int) -> Float:
    """Majorities of distinct strength, and now and then none."""
    rng = np.random.default_rng(seed)
    margins = rng.permutation(np.arange(1, 41))[: n * n].reshape(n, -1) / 82
    signs = rng.choice([-1, 0, 1], (n, n), p=[0.45, 0.1, 0.45])
    return table(0.5 + margins * signs)


def winners(rule: Voting, P: Float) -> list[int]:
    solution = rule.solve(PreferenceGame(P))
    assert solution.certificate.holds
    return [int(k) for k in np.flatnonzero(solution.policy > 0)]


def test_every_rule_is_a_solver() -> None:
    rules = {name for name, kind in SOLVERS.items() if issubclass(kind, Voting)}
    assert rules == {"borda", "copeland", "schulze", "ranked_pairs"}


def test_published_elections() -> None:
    """Tennessee, Tideman's and Schulze's rule; 45 voters, where the two differ."""
    capital = table_of(TENNESSEE)
    assert [winners(rule, capital) for rule in RULES] == [[3]] * 4
    P = table_of(SCHULZE_2011)
    np.testing.assert_allclose(45 * P[0], [22.5, 20, 26, 30, 22])
    assert [winners(rule, P) for rule in (Schulze(), RankedPairs())] == [[4], [0]]


@pytest.mark.parametrize(
    ("rule", "count"), [(Schulze(), schulze_winners), (RankedPairs(), ranked_pairs_winners)]
)
def test_the_winners_are_those_of_the_definition(rule: Voting, count: object) -> None:
    """By every path, and by every order of the answers; the two rules must not be the same."""
    assert callable(count)
    several = 0
    for seed in range(MANY):
        P = drawn(seed, 4 + seed % 2)
        expected = count(P)
        several += len(expected) > 1
        assert winners(rule, P) == expected, seed
    assert 0 < several < MANY / 2


def test_the_rules_are_four_and_not_one() -> None:
    answers = [[tuple(winners(rule, drawn(seed, 5))) for rule in RULES] for seed in range(60)]
    for i, j in itertools.combinations(range(4), 2):
        assert sum(answer[i] != answer[j] for answer in answers) >= 2


def test_tied_majorities_are_taken_together() -> None:
    """Some order of the tied majorities gives each answer of a balanced cycle."""
    cycle = np.array([[0.5, 0.7, 0.3], [0.3, 0.5, 0.7], [0.7, 0.3, 0.5]])
    assert winners(RankedPairs(), cycle) == [0, 1, 2]
    found = set()
    for bonus in itertools.permutations((0, 1e-3, 2e-3)):
        P = cycle.copy()
        for (i, j), more in zip(((0, 1), (1, 2), (2, 0)), bonus, strict=True):
            P[i, j], P[j, i] = P[i, j] + more, P[j, i] - more
        found |= set(winners(RankedPairs(), P))
    assert found == {0, 1, 2}


@LAW
@given(game=games(ANY, min_n=2), winner=st.integers(0, 4), margin=st.sampled_from([1e-6, 0.1, 0.5]))
def test_a_condorcet_winner_is_chosen(game: PreferenceGame, winner: int, margin: float) -> None:
    winner %= game.n
    P = game.P.copy()
    P[winner], P[:, winner] = 0.5 + margin, 0.5 - margin
    P[winner, winner] = 0.5
    for rule in (*CONDORCET, MajorityRlhf(0.0, 0.1)):
        policy = rule.solve(PreferenceGame(P, game.ref)).policy
        np.testing.assert_allclose(policy, np.eye(game.n)[winner], rtol=0, atol=1e-12)


@LAW
@given(game=games(ANY))
def test_nothing_outside_the_smith_set_is_chosen(game: PreferenceGame) -> None:
    outside = ~measures.smith_set(game)
    for rule in CONDORCET:
        assert rule.solve(game).policy[outside].sum() == 0


@pytest.mark.parametrize("rule", [Schulze(), RankedPairs()])
@LAW
@given(game=games(ANY), at=st.integers(0, 4), copies=st.integers(2, 3))
def test_clones_change_nothing(rule: Voting, game: PreferenceGame, at: int, copies: int) -> None:
    at %= game.n
    more = rule.solve(cloned(game, at, copies)).policy
    expected = rule.solve(game).policy
    np.testing.assert_allclose(merged(more, at, copies), expected, rtol=0, atol=1e-9)


def test_clones_move_borda_and_copeland() -> None:
    """0 > 1 > 2 > 0; copies of 2, which 1 beats, help 1."""
    game = PreferenceGame([[0.5, 0.8, 0.4], [0.2, 0.5, 0.7], [0.6, 0.3, 0.5]])
    assert [winners(rule, game.P) for rule in (Borda(), Copeland())] == [[0], [0, 1, 2]]
    more = cloned(game, 2, 3)
    assert [winners(rule, more.P) for rule in (Borda(), Copeland())] == [[1], [1]]


def test_borda_misses_a_condorcet_winner() -> None:
    P = np.array([[0.5, 0.51, 0.51], [0.49, 0.5, 0.99], [0.49, 0.01, 0.5]])
    assert [winners(rule, P) for rule in RULES] == [[1], [0], [0], [0]]


@LAW
@given(game=games(st.floats(0.02, 0.98), min_n=2))
def test_borda_is_rlhf_where_all_pairs_were_compared_equally_often(game: PreferenceGame) -> None:
    even = PreferenceGame(game.P, game.ref)
    expected = np.argsort(RlhfExact().rewards(even))
    scores = measures.borda(even)
    assert (np.diff(scores[expected]) >= -1e-9).all()
    np.testing.assert_allclose(
        Borda().solve(even).policy, RlhfExact(0.0).solve(even).policy, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("ridge", [1e-4, 0.01, 1.0])
@LAW
@given(game=games(ANY, min_n=2))
def test_majority_rewards_are_in_the_order_of_copeland(ridge: float, game: PreferenceGame) -> None:
    """Where all pairs were compared equally often; in closed form, and by a fit of the rewards."""
    even = PreferenceGame(game.P, game.ref)
    scores, uniform = measures.copeland(even), PreferenceGame(game.P)
    solution = MajorityRlhf(1.0, ridge).solve(uniform)
    rewards = solution.log_policy
    higher = scores[:, None] > scores[None, :]
    assert (rewards[:, None] > rewards[None, :])[higher].all()
    same = scores[:, None] == scores[None, :]
    assert (abs(rewards[:, None] - rewards[None, :])[same] < 1e-9).all()
    np.testing.assert_allclose(
        MajorityRlhf(0.0, ridge).solve(even).policy, Copeland().solve(even).policy, atol=1e-9
    )


def test_without_a_ridge_only_majorities_that_reach_everything_have_finite_rewards() -> None:
    cycle = np.array([[0.5, 0.8, 0.4], [0.2, 0.5, 0.7], [0.6, 0.3, 0.5]])
    solution = MajorityRlhf(0.5, 0.0).solve(PreferenceGame([cycle, np.full((3, 3), 0.5)]))
    np.testing.assert_allclose(solution.policy, np.full((2, 3), 1 / 3), atol=1e-12)
    # four answers, 0 > 1 > 2 > 3 > 0, 0 > 2, 1 > 3: Copeland 2, 2, 1, 1
    four = table(np.array([[0] * 4, [0.3, 0, 0, 0], [0.2, 0.4, 0, 0], [0.9, 0.1, 0.2, 0]]))
    limit = MajorityRlhf(0.5, 0.0).solve(PreferenceGame(four))
    assert limit.status == "ok"
    near = [MajorityRlhf(0.5, ridge).solve(PreferenceGame(four)).policy for ridge in (1e-5, 1e-9)]
    assert abs(near[1] - limit.policy).max() < 1e-7 < abs(near[0] - limit.policy).max()
    assert limit.policy[0] == pytest.approx(limit.policy[1], abs=1e-12)
    # and under weights the order is another
    pairs = np.ones((4, 4)) - 0.9 * np.eye(4)[[3, 1, 2, 0]]
    weighted = PreferenceGame(four, pairs=(pairs + pairs.T) / 2)
    policy = MajorityRlhf(0.5, 0.0).solve(weighted).policy
    assert abs(policy[0] - policy[1]) > 0.01


def test_nobody_gains_by_misreporting_to_a_random_dictator() -> None:
    """Every type with strict preferences, every report of all 24."""
    rng = np.random.default_rng(2)
    orders = [np.argsort(order) for order in itertools.permutations(range(4))]
    shares, utilities = np.array([0.5, 0.3, 0.2]), np.array([rng.permutation(4) for _ in range(3)])
    for k in range(3):
        gains = []
        for report in orders:
            reported = utilities.copy()
            reported[k] = report
            people = Population(shares, reported)
            game = PreferenceGame(majority(people), population=people)
            gains.append(utilities[k] @ RandomDictator().solve(game).policy)
        truth = PreferenceGame(
            majority(Population(shares, utilities)), population=Population(shares, utilities)
        )
        honest = utilities[k] @ RandomDictator().solve(truth).policy
        assert max(gains) == honest
        assert min(gains) < honest - 0.1
