"""Which pairs and cycles are established, and what a transitive truth would show."""

import numpy as np
import pytest
from scipy import stats

from games import Comparisons
from games.catalogue import make
from tabular.audit.cycles import cycles, shape, three_cycles
from tabular.audit.pair_tests import PairTests, pair_tests
from tabular.audit.votes import Votes
from tests.tabular.audit.votes_drawn import bradley_terry, cycle, drawn


def counts(wins: list[list[float]]) -> Votes:
    return Votes.of(Comparisons(np.array(wins, dtype=float)))


def test_single_comparisons_are_tested_by_signs() -> None:
    wins = np.array([[0, 14.0], [5, 0]])
    votes = Votes.of(Comparisons(wins, [[0, 6], [6, 0]]))
    tests = pair_tests(votes)
    expected = stats.binomtest(14, 19, alternative="greater").pvalue
    assert tests.p_value[0, 1] == pytest.approx(expected)
    assert tests.p_value[1, 0] == pytest.approx(
        stats.binomtest(5, 19, alternative="greater").pvalue
    )
    assert tests.share[0, 1] == pytest.approx((14 + 3) / 25)
    each = np.concatenate([np.ones(14), np.zeros(5), np.full(6, 0.5)])
    assert tests.error[0, 1] == pytest.approx(each.std() / 5)


def test_clusters_are_tested_by_t() -> None:
    rng = np.random.default_rng(0)
    lead = rng.normal(0.1, 0.3, 25).clip(-0.5, 0.5)
    votes = Votes(
        np.zeros(25, int), np.ones(25, int), 0.5 + lead, np.ones(25), ("A", "B"),
        {"rater": np.arange(25)},
    )  # fmt: skip
    tests = pair_tests(votes, "rater")
    expected = stats.ttest_1samp(lead, 0, alternative="greater")
    assert tests.p_value[0, 1] == pytest.approx(expected.pvalue)
    assert tests.p_value[1, 0] == pytest.approx(1 - expected.pvalue)
    assert tests.error[0, 1] == tests.error[1, 0] == pytest.approx(lead.std(ddof=1) / 5)
    assert tests.units[0, 1] == 25


def test_pairs_that_were_never_compared_say_nothing() -> None:
    votes = drawn(cycle(0.3), 20, np.random.default_rng(1), copies=2)
    two = Votes(
        votes.first[:40], votes.second[:40], votes.share[:40], votes.weight[:40], votes.names,
        {"rater": votes.clusters["rater"][:40]},
    )  # fmt: skip
    for by in (None, "rater"):
        tests = pair_tests(two, by)
        assert tests.p_value[0, 2] == tests.p_value[2, 0] == 1
        assert np.isinf(tests.error[0, 2])


def test_the_cycle_of_the_election_is_a_fact_of_the_count_and_not_established() -> None:
    game = make({"name": "glasgow_govan_2007"})
    wins = np.where(np.eye(game.n), 0, np.rint(game.P * game.pair_weights))
    votes = Votes.of(Comparisons(wins, names=game.names))
    found = cycles(votes, pair_tests(votes), 99, np.random.default_rng(0))
    (only,) = found.found
    names = {game.names[k] for k in only.answers}
    assert names == {"Stephen Dornan", "John Flanagan", "Allison Hunter"}
    assert only.p_value == pytest.approx(0.406, abs=0.001)
    assert not found.cyclic
    assert found.bootstrap.no_winner > 0.4


def test_a_clear_cycle_is_established_in_its_direction() -> None:
    votes = counts([[0, 80, 25], [20, 0, 85], [75, 15, 0]])
    (only,) = three_cycles(pair_tests(votes))
    assert only.answers == (0, 1, 2)
    assert only.p_value == pytest.approx(stats.binom.sf(74, 100, 0.5))
    assert only.adjusted == only.p_value  # one triple
    (back,) = three_cycles(pair_tests(counts([[0, 20, 75], [80, 0, 15], [25, 85, 0]])))
    assert back.answers == (0, 2, 1)
    assert back.established


def test_every_triple_counts_as_a_test() -> None:
    p = np.ones((5, 5))
    share = np.full((5, 5), 0.5)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        p[i, j], share[i, j], share[j, i] = 0.01, 0.6, 0.4
    tests = PairTests(share, np.ones((5, 5)), p, np.ones((5, 5)), False)
    (only,) = three_cycles(tests)
    assert only.adjusted == pytest.approx(0.1)  # ten triples
    assert not only.established


def test_no_cycle_is_established_where_answers_are_nearly_tied() -> None:
    rng = np.random.default_rng(2)
    P = bradley_terry(np.array([0.02, 0.0, 0.01, -0.01]))
    sets = [drawn(P, 30, rng) for _ in range(60)]
    assert not any(c.established for s in sets for c in three_cycles(pair_tests(s)))
    no_winner = [shape(s.points[None]).no_winner for s in sets]
    assert np.mean(no_winner) > 0.2  # and yet many have no winner


def test_shapes_and_their_null() -> None:
    rng = np.random.default_rng(3)
    cyclic = drawn(cycle(0.2), 100, rng)
    found = cycles(cyclic, pair_tests(cyclic), 199, rng)
    assert found.observed.cyclic_share[0] > 0.8
    assert found.gap_p_value == 1 / 200
    assert found.share_p_value < 0.05  # of pure noise the share is often as large
    assert found.bootstrap.no_winner > 0.95
    assert found.null.no_winner < 0.5
    transitive = drawn(bradley_terry(np.array([1.0, 0.0, -1.0])), 100, rng)
    plain = cycles(transitive, pair_tests(transitive), 199, rng)
    assert not plain.cyclic
    assert plain.share_p_value > 0.01
    assert plain.observed.single_gap[0] == 0
    np.testing.assert_array_equal(plain.observed.smith, [1, 0, 0])


def test_the_gap_of_single_answers() -> None:
    points = np.array([[[0, 7.0, 2.0], [3.0, 0, 6.0], [8.0, 4.0, 0]]])
    assert shape(points).single_gap[0] == pytest.approx(1 - 2 * 0.4)
