"""Ways to give N answers: laws, enumeration and simulation, and bugs that are noticed."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from games import Population
from games.game import Float
from tabular import answer_sets, answering
from tests.mutants import Mutant, assert_noticed, mutants
from tests.strategies import LAW, weights

PI = np.array([0.5, 0.2, 0.25, 0.05])
P = np.array(
    [[0.5, 0.9, 0.3, 0.6], [0.1, 0.5, 0.8, 0.7], [0.7, 0.2, 0.5, 0.4], [0.4, 0.3, 0.6, 0.5]]
)
PEOPLE = Population(
    [0.4, 0.35, 0.25], [[3, 1, 0, 0], [0, 2, 2, 1], [0, 0, 1, 5]]
)  # favourites: 0; 1 and 2; 3


def orders(policy: Float, N: int) -> dict[tuple[int, ...], float]:
    """Probability of each sequence of N different answers, one draw after the other."""
    out = {}
    for sequence in itertools.permutations(range(len(policy)), N):
        chance, left = 1.0, 1.0
        for answer in sequence:
            chance, left = chance * policy[answer] / left, left - policy[answer]
        out[sequence] = chance
    return out


def check_sets(module: Any) -> None:
    """Draws without replacement and best sets against enumeration by hand."""
    inside = np.array(
        [[True, True, False, True], [False, True, True, True], [True, True, True, False]]
    )
    for N in (1, 2, 3):
        listed = orders(PI, N)
        way = module.WithoutReplacement(np.log(PI), 4)
        expected = [
            sum(p for sequence, p in listed.items() if all(mask[i] for i in sequence))
            for mask in inside
        ]
        np.testing.assert_allclose(way.stays(inside, N), expected, atol=1e-12)
    np.testing.assert_allclose(way.stays(inside, 4), 0, atol=1e-12)
    # two of three answers are possible: the third draw brings nothing new
    with np.errstate(divide="ignore"):
        short = module.WithoutReplacement(np.log(np.array([0.7, 0.3, 0.0])), 3)
    alone = np.array([[True, False, False], [True, True, False], [False, True, True]])
    np.testing.assert_allclose(short.stays(alone, 1), [0.7, 1, 0.3])
    for N in (2, 3):
        np.testing.assert_allclose(short.stays(alone, N), [0, 1, 0])
    best = module.BestSets(PEOPLE, 3)
    satisfied = [1 - best.stays(~PEOPLE.favourites, N) for N in (1, 2, 3)]
    # {0}; {0, 1} or {0, 2}; {0, 1, 3} or {0, 2, 3}
    np.testing.assert_allclose(satisfied, [[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    both = np.array([[True, True, False, False]])
    np.testing.assert_allclose(best.stays(both, 2), 0.5)


def check_chains(module: Any) -> None:
    """The follower's and a policy's revision on one row by hand; a chain by hand."""
    tilted = PI * np.exp(P[:, 2] / 0.3)
    table = module.revised(np.log(PI), P, np.array(0.3))
    np.testing.assert_allclose(table[2], tilted / tilted.sum())
    with np.errstate(divide="ignore"):
        sharp = module.revised(np.log(np.array([0.6, 0.0, 0.3, 0.1])), P, np.array(0.0))
    # B, never given, would do best against C; D does best of those given
    np.testing.assert_allclose(sharp.argmax(-1), [2, 0, 3, 0])
    np.testing.assert_allclose(sharp.sum(-1), 1)
    tied = np.full((2, 2), 0.5)
    np.testing.assert_allclose(
        module.revised(np.log([0.3, 0.7]), tied, np.array(0.0)), [[0.3, 0.7]] * 2
    )
    chain = module.Chain(PI, table)
    inside = np.array([[True, False, True, False]])
    expected = sum(
        PI[a] * table[a, b] * table[b, c] for a, b, c in itertools.product((0, 2), repeat=3)
    )
    np.testing.assert_allclose(chain.stays(inside, 3), [expected])


NOTICED = (AssertionError, ValueError, IndexError, RuntimeWarning)
CHECKS: dict[Any, Callable[[Any], None]] = {answer_sets: check_sets, answering: check_chains}

MUTANTS = mutants({
    answer_sets: [
        ("policy @ ~members.T", "policy @ members.T"),
        ("chance / np.where(left > 0, left, np.inf)", "chance"),
        ("np.where(left > 0, 0.0, chance)", "np.zeros_like(chance)"),
        ("np.flatnonzero(~members[:, i])", "np.flatnonzero(members[:, i])"),
        ("(~inside).astype(np.float64) @", "inside.astype(np.float64) @"),
        ("self.people.favourites.astype", "(~self.people.favourites).astype"),
        ("(self.people.shares[..., None] * holds).sum(-2)", "holds.mean(-2)"),
        ("share.max(-1, keepdims=True)", "share.min(-1, keepdims=True)"),
        ("best / best.sum(-1, keepdims=True)", "best"),
    ],
    answering: [
        ("given - P / tau", "given + P / tau"),
        ("given - P / tau", "-P / tau"),
        ("np.where(np.isneginf(given), -np.inf, -P)", "-P"),
        ("-np.inf, -P)", "-np.inf, P)"),
        ("spread_over_best(worth, given", "spread_over_best(worth, np.zeros_like(given)"),
        ("range(N - 1):\n            now", "range(N):\n            now"),
        ("(now @ self.reply) * inside", "now @ self.reply"),
        ("now @ self.reply", "now @ self.reply.T"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("subject", CHECKS, ids=lambda subject: subject.__name__)
def test_answers_by_hand(subject: Any) -> None:
    CHECKS[subject](subject)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_check_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject], NOTICED)


@LAW
@given(weights(5), weights(5, 5), weights(3), st.data())
def test_no_way_beats_the_best_set_and_repeating_answers_is_never_better(
    policy: Float, reply: Float, shares: Float, data: st.DataObject
) -> None:
    ranks = [data.draw(st.permutations(range(5))) for _ in shares]
    people = Population(shares, np.array(ranks, dtype=float))
    different = answer_sets.WithoutReplacement(np.log(policy), 5)
    again = answering.Chain(policy, np.tile(policy, (5, 1)))
    chain, best = answering.Chain(policy, reply), answer_sets.BestSets(people, 5)

    def satisfied(way: Any, N: int) -> float:
        return float((people.shares * (1 - way.stays(~people.favourites, N))).sum())

    for N in range(1, 6):
        for way in (different, again, chain):
            assert satisfied(way, N) <= satisfied(best, N) + 1e-12
        assert satisfied(again, N) <= satisfied(different, N) + 1e-12
        if N > 1:
            assert satisfied(different, N - 1) <= satisfied(different, N) + 1e-12
    assert satisfied(best, 5) == pytest.approx(1)


def test_contexts_are_answered_as_if_alone_and_draws_have_the_probabilities() -> None:
    rng = np.random.default_rng(5)
    policy = rng.dirichlet(np.ones(4), 3)
    inside = rng.random((3, 2, 4)) < 0.7
    together = answer_sets.WithoutReplacement(np.log(policy), 3)
    users = 40_000
    draws = together.draws(rng, users, 3)
    assert [d.shape for d in draws] == [(3, users, N) for N in (1, 2, 3)]
    for c in range(3):
        alone = answer_sets.WithoutReplacement(np.log(policy[c]), 3)
        for N in (1, 2, 3):
            exact = together.stays(inside, N)[c]
            np.testing.assert_allclose(alone.stays(inside[c], N), exact, atol=1e-12)
            for mask, p in zip(inside[c], exact, strict=True):
                share = mask[draws[N - 1][c]].all(-1).mean()
                assert share == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / users) + 1e-12)
