"""What would be chosen and how sure that is; what it costs."""

import numpy as np
import pytest

from games import PreferenceGame, measures
from games.game import Float
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular.audit.answers import Answer, answers, bands, tau_zero_sets
from tabular.audit.cost import costs
from tabular.audit.pair_tests import pair_tests
from tabular.audit.votes import Votes, game_of
from tabular.matching import MatchedKl
from tests.tabular.audit.votes_drawn import bradley_terry, cycle, drawn

CLEAR = bradley_terry(np.array([1.5, 0.0, -0.5, -1.0]))
NEAR = bradley_terry(np.array([0.05, 0.0, -0.6, -0.8]))


def answered(votes: Votes, by: str | None = None) -> dict[tuple[str, str], Answer]:
    rng = np.random.default_rng(0)
    found = answers(votes, pair_tests(votes, by), 0.2, 0.1, 100, rng, by)
    return {(a.concept, a.strength): a for a in found}


def test_the_policies_are_those_of_the_solvers_on_the_observed_game() -> None:
    votes = drawn(NEAR, 40, np.random.default_rng(1), tie=0.2)
    game, found = votes.comparisons().game(), answered(votes)
    expected = {
        ("RLHF", "tau = 0"): RlhfExact(0.0),
        ("NLHF", "tau = 0.2"): NlhfExact(0.2),
        ("SLHF", "tau = 0.2"): SlhfExact(0.2, 0.2),
        ("RLHF", "KL = 0.1"): MatchedKl(RlhfExact, 0.1),
    }
    for key, solver in expected.items():
        np.testing.assert_allclose(found[key].policy, solver.solve(game).policy, atol=1e-12)
    assert len(found) == 9
    smooth = found["NLHF", "KL = 0.1"]
    assert (smooth.low <= smooth.policy).all()
    assert (smooth.policy <= smooth.high).all()
    assert (smooth.high - smooth.low).max() > 0.01
    assert np.isnan(found["NLHF", "tau = 0"].low).all()


def test_an_answer_that_does_not_exist_says_why() -> None:
    wins = np.array([[0, 5, 5.0], [0, 0, 3.0], [0, 2, 0]])
    i, j = np.nonzero(wins)
    votes = Votes(i, j, np.ones(len(i)), wins[i, j], ("A", "B", "C"), {})
    found = answered(votes)
    assert "infinite" in found["RLHF", "tau = 0"].message
    assert np.isnan(found["RLHF", "tau = 0"].policy).all()
    assert found["RLHF", "tau = 0.2"].defined < 0.5
    assert found["NLHF", "tau = 0"].policy[0] == 1


def test_a_clear_winner_is_alone_and_a_near_one_is_not() -> None:
    rng = np.random.default_rng(2)
    clear, near = answered(drawn(CLEAR, 200, rng)), answered(drawn(NEAR, 60, rng))
    for concept in ("RLHF", "NLHF", "SLHF"):
        np.testing.assert_array_equal(clear[concept, "tau = 0"].answers, [1, 0, 0, 0])
        np.testing.assert_array_equal(near[concept, "tau = 0"].answers[:2], [1, 1])


@pytest.mark.parametrize("P", [NEAR, cycle(0.1), CLEAR])
def test_the_sets_hold_the_true_answer(P: Float) -> None:
    rng = np.random.default_rng(3)
    game = PreferenceGame(P)
    true = {
        "RLHF": RlhfExact(0.0).solve(game).policy,
        "NLHF": NlhfExact(0.0).solve(game).policy,
        "SLHF": SlhfExact(0.0, 0.0).solve(game).policy,
    }
    missed = 0
    for _ in range(40):
        votes = drawn(P, 30, rng)
        observed, samples = votes.comparisons().game(), game_of(votes.resampled(100, rng))
        sets = tau_zero_sets(pair_tests(votes), observed, samples)
        missed += any((true[c][~sets[c]] > 0).any() for c in sets)
    assert missed <= 5


@pytest.mark.parametrize("copies", [1, 3])
def test_bands_hold_all_pairs_at_once(copies: int) -> None:
    rng = np.random.default_rng(4)
    by = "rater" if copies > 1 else None
    missed, widths = 0, []
    for _ in range(60):
        low, high = bands(pair_tests(drawn(NEAR, 25, rng, copies=copies), by))
        missed += bool(((low > NEAR) | (high < NEAR)).any())
        widths.append((high - low).max())
    assert missed <= 8
    assert np.mean(widths) < 0.8
    np.testing.assert_array_equal(np.diagonal(low), 0.5)


def test_costs_bracket_the_gap_that_a_new_population_would_see() -> None:
    rng, P = np.random.default_rng(5), cycle(0.2)
    found = {
        c.concept: c for c in costs(drawn(P, 300, rng), 0.2, 0.1, 200, rng) if c.strength[-1] == "0"
    }
    assert found["NLHF"].same_data == pytest.approx(0, abs=1e-12)
    assert found["NLHF"].upper > 0.01
    pure = found["RLHF"]
    assert pure.lower == pytest.approx(0.4, abs=0.12)
    assert pure.upper >= 0.3
    assert pure.same_data > 0.3


def test_the_upper_bound_holds_and_the_lower_is_below_in_the_mean() -> None:
    P = NEAR
    above, lower, true = 0, [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        votes = drawn(P, 60, rng)
        rng = np.random.default_rng(seed)
        found = costs(votes, 0.2, 0.1, 100, rng)
        first = votes.split(3, np.random.default_rng(seed))[0]
        policy = NlhfExact(0.2).solve(first.comparisons().game()).policy
        gap = float(measures.duality_gap(PreferenceGame(P), policy))
        cost = next(c for c in found if (c.concept, c.strength) == ("NLHF", "tau = 0.2"))
        above += cost.upper >= gap
        lower.append(cost.lower)
        true.append(gap)
    assert above >= 10
    assert np.mean(lower) <= np.mean(true) + 0.02
    assert np.mean(lower) > 0
