"""Is a reward enough: sizes, power, and what the two tests allow for."""

import numpy as np
import pytest
from scipy.optimize import minimize

from games import Comparisons
from games.catalogue import make
from games.game import Float
from tabular.audit import davidson
from tabular.audit.cluster_test import cluster_test
from tabular.audit.reward_test import (
    degrees_of_freedom,
    likelihood_ratio,
    likelihood_ratio_test,
)
from tabular.audit.votes import Votes
from tests.tabular.audit.votes_drawn import bradley_terry, cycle, drawn

REWARDS = np.array([0.8, 0.3, 0.0, -0.2, -0.9])
UNEVEN = np.array([1.2, -0.4, 0.1, -0.9])


def clustered(votes: Votes, seed: int, draws: int = 199) -> float:
    rng = np.random.default_rng(seed)
    key = votes.clusters["rater"]
    columns = (votes.first, votes.second, votes.share, votes.weight, key)
    return cluster_test(*columns, votes.n, draws, rng).p_value


def test_davidson_is_the_maximum_of_its_likelihood() -> None:
    rng = np.random.default_rng(0)
    pairs = np.triu(rng.integers(5, 40, (4, 4)), 1).astype(float)
    drawn_sets = davidson.Davidson(UNEVEN, 0.7).sample(pairs + pairs.T, 1, rng)
    data = Comparisons(drawn_sets.wins[0], drawn_sets.ties[0])
    model = davidson.fit(data)

    def loss(theta: Float) -> float:
        r, nu = theta[:4], np.exp(theta[4])
        up = np.exp((r[:, None] - r[None, :]) / 2)
        total = up + 1 / up + nu
        return float(
            -(data.wins * np.log(up / total)).sum()
            - (np.triu(data.ties, 1) * np.log(nu / total)).sum()
            + 0.5 * theta[:4].sum() ** 2
        )

    best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    assert abs(best[:4]).max() > 0.5
    np.testing.assert_allclose(model.rewards, best[:4], atol=5e-5)
    assert model.nu == pytest.approx(np.exp(best[4]), rel=1e-4)


def test_davidson_draws_what_it_says() -> None:
    model, rng = davidson.Davidson(UNEVEN, 0.5), np.random.default_rng(1)
    pairs = np.full((4, 4), 20_000.0)
    sets = model.sample(pairs, 5, rng)
    win, tie = model.chances()
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(sets.wins.mean(0)[off] / 20_000, win[off], atol=0.005)
    np.testing.assert_allclose(sets.ties.mean(0)[off] / 20_000, tie[off], atol=0.005)
    assert win[0, 1] + win[1, 0] + tie[0, 1] == pytest.approx(1)
    assert tie[0, 3] < tie[1, 2]  # the nearer, the more ties


def test_without_ties_davidson_is_bradley_terry() -> None:
    data = drawn(bradley_terry(UNEVEN), 30, np.random.default_rng(2)).comparisons()
    win, tie = davidson.fit(data).chances()
    assert not tie.any()
    misfit = (data.wins - data.pairs * win).sum(-1)
    np.testing.assert_allclose(misfit, 0, atol=1e-3)


def test_the_ratio_of_the_election() -> None:
    game = make({"name": "glasgow_govan_2007"})
    data = Comparisons(np.where(np.eye(game.n), 0, np.rint(game.P * game.pair_weights)))
    assert float(likelihood_ratio(data)) == pytest.approx(448, abs=0.5)
    assert degrees_of_freedom(data) == 45


def test_the_ratio_is_that_of_two_likelihoods() -> None:
    data = drawn(cycle(0.2), 25, np.random.default_rng(3)).comparisons()
    wins = data.wins

    def loss(r: Float) -> float:
        return float((wins * np.logaddexp(0, r[None, :] - r[:, None])).sum())

    fitted = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-10}).fun
    free = -(wins * np.log(data.shares)).sum()
    assert float(likelihood_ratio(data)) == pytest.approx(2 * (fitted - free), rel=1e-6)
    assert 2 * (fitted - free) > 1


def test_a_fit_near_given_rewards_is_the_fit() -> None:
    rng = np.random.default_rng(4)
    sets = davidson.Davidson(REWARDS, 0.3).sample(np.full((5, 5), 12.0), 50, rng)
    near = likelihood_ratio(sets, REWARDS)
    np.testing.assert_allclose(near, likelihood_ratio(sets), rtol=1e-6)
    far = likelihood_ratio(sets, 8 * REWARDS[::-1])  # does not end there, and is fitted anew
    np.testing.assert_allclose(far, near, rtol=1e-6)


def test_a_tree_of_comparisons_cannot_be_tested() -> None:
    wins = np.array([[0, 5, 0], [3, 0, 6.0], [0, 1, 0]])
    test = likelihood_ratio_test(Comparisons(wins), 9, np.random.default_rng(0))
    assert test.df == 0
    assert test.statistic == pytest.approx(0, abs=1e-6)
    assert np.isnan(test.p_value)
    assert "circle" in test.message


@pytest.mark.parametrize("tie", [0.0, 0.5])
def test_the_size_with_and_without_ties(tie: float) -> None:
    rng = np.random.default_rng(5)
    P = bradley_terry(REWARDS)
    p = [
        likelihood_ratio_test(drawn(P, 15, rng, tie=tie).comparisons(), 99, rng).p_value
        for _ in range(60)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.15
    assert 0.3 < np.mean(p) < 0.7  # ties as coin tosses would put nearly all p at 1


def test_a_cycle_is_found_by_both() -> None:
    votes = drawn(cycle(0.25), 60, np.random.default_rng(6), copies=2)
    test = likelihood_ratio_test(votes.comparisons(), 199, np.random.default_rng(7))
    assert test.p_value == 1 / 200
    assert clustered(votes, 8) == 1 / 200


def test_repeated_votes_of_raters_deceive_only_the_test_that_ignores_them() -> None:
    P = bradley_terry(REWARDS)
    rng = np.random.default_rng(9)
    sets = [drawn(P, 12, rng, copies=5) for _ in range(60)]
    alone = [likelihood_ratio_test(s.comparisons(), 99, rng).p_value for s in sets]
    by_rater = [clustered(s, k, 99) for k, s in enumerate(sets)]
    assert np.mean(np.array(alone) <= 0.05) > 0.8
    assert np.mean(np.array(by_rater) <= 0.05) <= 0.15
    assert 0.3 < np.mean(by_rater) < 0.7


def test_few_clusters_warn_and_very_few_have_no_p_value() -> None:
    first, second = np.array([0, 1, 0]), np.array([1, 2, 2])
    for clusters, message in ((5, "too few"), (20, "20 clusters are few"), (40, "")):
        key = np.repeat(np.arange(clusters), 3)
        share = np.random.default_rng(1).integers(0, 2, 3 * clusters).astype(float)
        i, j = np.tile(first, clusters), np.tile(second, clusters)
        rng = np.random.default_rng(0)
        test = cluster_test(i, j, share, np.ones(len(i)), key, 3, 19, rng)
        assert message in test.message
        assert (test.message == "") == (message == "")
        assert np.isnan(test.p_value) == (clusters == 5)
        assert test.clusters == clusters


def test_which_answer_stands_first_does_not_matter() -> None:
    votes = drawn(cycle(0.1), 20, np.random.default_rng(3), copies=2)
    turn = np.random.default_rng(4).random(len(votes.first)) < 0.5
    turned = Votes(
        np.where(turn, votes.second, votes.first),
        np.where(turn, votes.first, votes.second),
        np.where(turn, 1 - votes.share, votes.share),
        votes.weight,
        votes.names,
        votes.clusters,
    )
    assert clustered(turned, 1) == clustered(votes, 1)
    np.testing.assert_array_equal(turned.points, votes.points)


def test_ties_alone_have_a_fit_and_a_tree_of_raters_no_p_value() -> None:
    ties = 20 * (1 - np.eye(3))
    model = davidson.fit(Comparisons(np.zeros((3, 3)), ties))
    np.testing.assert_allclose(model.rewards, 0, atol=1e-9)
    assert model.nu > 10
    key = np.arange(40)
    share = (key % 3 == 0).astype(float)
    columns = (np.zeros(40, int), np.ones(40, int), share, np.ones(40), key)
    test = cluster_test(*columns, 2, 19, np.random.default_rng(0))
    assert np.isnan(test.p_value)
    assert "circle" in test.message
