"""What an answer rests on and what to ask next, against brute force."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from games import numerics
from games.game import Float
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular.audit.next_pairs import next_pairs
from tabular.audit.pair_tests import pair_tests
from tabular.audit.rests_on import rests_on
from tabular.audit.votes import Votes, game_of
from tabular.matching import MatchedKl
from tests.tabular.audit.votes_drawn import bradley_terry, drawn

REWARDS = np.array([0.9, 0.2, -0.3, -0.8])
SMOOTH = MatchedKl(NlhfExact, 0.1)


def some_votes(seed: int = 0) -> Votes:
    """Votes of ten raters, a pair compared unequally often."""
    rng = np.random.default_rng(seed)
    votes = drawn(bradley_terry(REWARDS), 20, rng)
    raters = {"rater": rng.integers(0, 10, len(votes.first))}
    names = {"rater": (*map(str, range(9)), "Zoe")}
    return replace(votes, clusters=raters, cluster_names=names).take(
        rng.random(len(votes.first)) < 0.8
    )


def without(votes: Votes, mask: NDArray[np.bool_]) -> Float:
    return SMOOTH.solve(game_of(votes.take(~mask).points)).policy


def test_what_is_left_out_is_solved_again() -> None:
    votes = some_votes()
    found = rests_on("NLHF", SMOOTH, NlhfExact(0.0), votes)
    before = SMOOTH.solve(game_of(votes.points)).policy
    raters = {i.key: i for i in found.left_out if i.what == "rater"}
    assert set(raters) == {*map(str, range(9)), "Zoe"}
    for rater, influence in raters.items():
        mask = votes.clusters["rater"] == (9 if rater == "Zoe" else int(str(rater)))
        shift = numerics.total_variation(without(votes, mask), before)
        assert influence.shift == pytest.approx(float(shift), abs=1e-9)
        assert influence.votes == mask.sum()
    pairs = {i.key: i for i in found.left_out if i.what == "pair"}
    assert len(pairs) == 6
    for key, influence in pairs.items():
        assert isinstance(key, tuple)
        a, b = key
        mask = (votes.first == a) & (votes.second == b)
        shift = numerics.total_variation(without(votes, mask), before)
        assert influence.shift == pytest.approx(float(shift), abs=1e-9)
    shifts = [i.shift for i in found.left_out if i.what == "pair"]
    assert shifts == sorted(shifts, reverse=True)
    assert shifts[0] > 2 * shifts[-1]


@pytest.mark.parametrize(
    ("concept", "smooth", "sharp"),
    [
        ("RLHF", MatchedKl(RlhfExact, 0.1), RlhfExact(0.0)),
        ("NLHF", SMOOTH, NlhfExact(0.0)),
        ("SLHF", MatchedKl(SlhfExact, 0.1), SlhfExact(0.0, 0.0)),
    ],
)
def test_the_flips_turn_the_answer(concept: str, smooth: MatchedKl, sharp: object) -> None:
    votes = some_votes(3)
    found = rests_on(concept, smooth, sharp, votes)  # type: ignore[arg-type]
    assert found.fewest_flips == sum(count for *_, count in found.flips)
    assert 1 <= found.at_least <= found.fewest_flips
    points = votes.points.copy()
    before = sharp.solve(game_of(points)).policy.argmax()  # type: ignore[attr-defined]
    for i, j, count in found.flips:
        points[i, j] -= count
        points[j, i] += count
    assert (points >= 0).all()
    after = sharp.solve(game_of(points)).policy  # type: ignore[attr-defined]
    others = np.delete(after, before)
    assert others.max() >= after[before] - 1e-9


def test_many_answers_are_not_searched() -> None:
    n = 21
    i, j = np.triu_indices(n, 1)
    ones = np.ones(len(i))
    votes = Votes(i, j, ones * 0.5, ones * 4, tuple(map(str, range(n))), {})
    found = rests_on("NLHF", SMOOTH, NlhfExact(0.0), votes)
    assert np.isnan(found.fewest_flips)
    assert "20 answers" in found.message


def information(points: Float) -> Float:
    """Of the Bradley-Terry rewards, at the fitted ones."""
    game = game_of(points)
    r = RlhfExact(0.0).rewards(game)
    rate = 1 / (1 + np.exp(r[None, :] - r[:, None]))
    weight = (points + points.T) * rate * (1 - rate)
    return np.asarray(np.diag(weight.sum(-1)) - weight)


def test_optimal_designs_are_those_of_the_information() -> None:
    votes = some_votes(1)
    found = next_pairs(votes, pair_tests(votes), SMOOTH, 25.0)
    before = information(votes.points)
    r = RlhfExact(0.0).rewards(game_of(votes.points))

    def log_det(table: Float) -> float:
        return float(np.linalg.slogdet(table + np.ones((4, 4)))[1])

    for i, j in ((0, 1), (0, 3), (2, 3)):
        x = np.zeros(4)
        x[i], x[j] = 1, -1
        rate = 1 / (1 + np.exp(r[j] - r[i]))
        after = before + 25 * rate * (1 - rate) * np.outer(x, x)
        assert found.d_optimal[i, j] == pytest.approx(log_det(after) - log_det(before), rel=1e-6)
        spread = [np.trace(np.linalg.pinv(t, hermitian=True)) for t in (before, after)]
        assert found.a_optimal[i, j] == pytest.approx(1 - spread[1] / spread[0], rel=1e-6)
        assert found.a_optimal[i, j] == pytest.approx(found.a_optimal[j, i])


def test_the_variance_of_the_answer_is_what_samples_show() -> None:
    rng = np.random.default_rng(2)
    votes = drawn(bradley_terry(REWARDS), 200, rng)
    found = next_pairs(votes, pair_tests(votes), SMOOTH, 1e9)
    assert np.triu(found.answer).sum() == pytest.approx(1, abs=1e-6)  # all known: nothing left
    game = game_of(votes.points)
    best = np.unravel_index(int(np.triu(found.answer).argmax()), (4, 4))

    def spread(fixed: tuple[int, int] | None) -> float:
        """Summed variance of the policy when the rate of one pair is known."""
        i, j = np.triu_indices(4, 1)
        P = np.tile(game.P, (3_000, 1, 1))
        rate = np.random.default_rng(3).binomial(200, game.P[i, j], (3_000, 6)) / 200
        for k, (a, b) in enumerate(zip(i, j, strict=True)):
            if (int(a), int(b)) != fixed:
                P[:, a, b], P[:, b, a] = rate[:, k], 1 - rate[:, k]
        points = P * 200 * (1 - np.eye(4))
        return float(SMOOTH.solve(game_of(points)).policy.var(0).sum())

    removed = 1 - spread((int(best[0]), int(best[1]))) / spread(None)
    assert found.answer[best] == pytest.approx(removed, abs=0.04)
    assert removed > 0.2


def test_a_pair_that_was_never_compared_is_worth_asking() -> None:
    votes = some_votes(4)
    mask = ~((votes.first == 0) & (votes.second == 1))
    fewer = votes.take(mask)
    found = next_pairs(fewer, pair_tests(fewer), SMOOTH, 20.0)
    assert found.answer[0, 1] == found.answer.max()
