"""Votes one by one: counts, samples of clusters, parts."""

from dataclasses import replace

import numpy as np
import pytest

from games import Comparisons
from games.io.records import from_counts
from tabular.audit.votes import Votes, game_of
from tests.tabular.audit.votes_drawn import cycle, drawn

VOTES = Votes(
    np.array([0, 1, 2, 0]),
    np.array([1, 0, 1, 2]),
    np.array([1.0, 0.5, 0.0, 0.25]),
    np.array([3.0, 2.0, 1.0, 4.0]),
    ("A", "B", "C"),
    {"rater": np.array([7, 7, 3, 3])},
)


def test_points_are_wins_and_half_the_ties() -> None:
    expected = np.array([[0, 4.0, 1.0], [1.0, 0, 1.0], [3.0, 0, 0]])
    np.testing.assert_array_equal(VOTES.points, expected)
    data = VOTES.comparisons()
    np.testing.assert_array_equal(data.points, expected)
    np.testing.assert_array_equal(data.ties, [[0, 2, 0], [2, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(game_of(VOTES.points).P, data.game().P)


def test_counts_come_back_from_the_votes_of_counts() -> None:
    wins = np.array([[0, 5, 0], [2, 0, 1.0], [4, 0, 0]])
    ties = np.array([[0, 3, 0], [3, 0, 0], [0, 0, 0.0]])
    data = Votes.of(Comparisons(wins, ties, ["x", "y", "z"])).comparisons()
    np.testing.assert_array_equal(data.wins, wins)
    np.testing.assert_array_equal(data.ties, ties)
    assert data.names == ("x", "y", "z")


def test_raters_and_prompts_of_counts_become_clusters() -> None:
    by = np.array([[[0, 2], [1, 0]], [[0, 0], [3, 0]]])
    votes = Votes.of(Comparisons.by_rater(by))
    np.testing.assert_array_equal(votes.points, [[0, 2], [4, 0]])
    assert sorted(zip(votes.clusters["rater"], votes.weight, strict=True)) == [
        (0, 1.0), (0, 2.0), (1, 3.0),
    ]  # fmt: skip
    prompts = Votes.of(Comparisons(by, names=["a", "b"], prompts=["p", "q"]))
    np.testing.assert_array_equal(prompts.points, [[0, 2], [4, 0]])
    assert set(prompts.clusters) == {"prompt"}


def test_votes_of_unknown_raters_are_clusters_of_their_own() -> None:
    records = from_counts(Comparisons(np.array([[0, 3, 1], [2, 0, 1], [0, 4, 0]])))
    rater = np.array([0, 1, -1, -1, 0], dtype=np.int32)
    votes = Votes.of(replace(records, rater=rater, raters=("a", "b")))
    first, second, third, fourth, fifth = votes.clusters["rater"].tolist()
    assert (first, second, fifth) == (0, 1, 0)
    assert len({first, second, third, fourth}) == 4
    assert votes.cluster_name("rater", 1) == "b"


def test_samples_have_the_mean_and_the_variance_of_clusters() -> None:
    rng = np.random.default_rng(0)
    votes = drawn(cycle(0.2), 40, rng, copies=3)
    samples = votes.resampled(4_000, rng, "rater")
    np.testing.assert_allclose(samples.mean(0), votes.points, rtol=0.02)
    alone = votes.resampled(4_000, rng)
    np.testing.assert_allclose(alone.mean(0), votes.points, rtol=0.02)
    ratio = samples[:, 0, 1].var() / alone[:, 0, 1].var()
    assert 2.7 < ratio < 3.3  # three votes of a rater are one vote three times
    assert (alone.sum((-1, -2)) == votes.weight.sum()).all()


@pytest.mark.parametrize("by", [None, "rater"])
def test_parts_add_up_and_keep_clusters_together(by: str | None) -> None:
    rng = np.random.default_rng(1)
    votes = drawn(cycle(0.1), 30, rng, copies=2)
    parts = votes.split(3, rng, by)
    np.testing.assert_array_equal(sum(p.weight for p in parts), votes.weight)
    np.testing.assert_array_equal(parts[0].joined(parts[1]).points + parts[2].points, votes.points)
    torn = sum(
        len(set(np.array([p.weight[votes.clusters["rater"] == c].sum() for p in parts]))) > 2
        or max(p.weight[votes.clusters["rater"] == c].sum() for p in parts) < 2
        for c in range(30)
    )
    assert (torn == 0) == (by == "rater")
