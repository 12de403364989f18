"""Comparison counts: the game they make, and what sampling them from a game gives."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from games import Comparisons, GameError, PreferenceGame
from games.game import Float
from tests.strategies import INTERIOR, LAW, games, table

WINS = [[0.0, 3.0, 0.0], [1.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
TIES = [[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_win_rates_by_hand() -> None:
    data = Comparisons(WINS, TIES, names=["a", "b", "c"])
    np.testing.assert_array_equal(data.pairs, [[0, 6, 0], [6, 0, 2], [0, 2, 0]])
    np.testing.assert_array_equal(data.unseen, [[0, 0, 1], [0, 0, 0], [1, 0, 0]])
    game = data.game(ref=[0.2, 0.3, 0.5])
    np.testing.assert_allclose(game.P[0], [0.5, 4 / 6, 0.5])
    np.testing.assert_allclose(game.P[1], [2 / 6, 0.5, 1.0])
    np.testing.assert_array_equal(game.pair_weights, data.pairs)
    np.testing.assert_array_equal(game.ref, [0.2, 0.3, 0.5])
    assert game.names == ("a", "b", "c")


@LAW
@given(arrays(np.float64, (2, 4, 4), elements=st.integers(0, 4).map(float)))
def test_counts_become_win_rates(wins: Float) -> None:
    wins = wins * (1 - np.eye(4))
    wins[..., 0, 1] += 1
    game = Comparisons(wins).game()
    for c, i, j in np.ndindex(2, 4, 4):
        total = wins[c, i, j] + wins[c, j, i]
        expected = wins[c, i, j] / total if total else 0.5
        assert game.P[c, i, j] == pytest.approx(expected, abs=1e-15)
        assert game.pair_weights[c, i, j] == total


Counts: Any = Comparisons
SEEDED = np.random.default_rng(0)
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: Counts([1, 2]), r"wins \(2,\) and ties \(2,\) must both be \(\.\.\., n, n\)"),
    (lambda: Counts([[0, 1]]), r"wins \(1, 2\) and ties"),
    (lambda: Counts(WINS, [[0, 1], [1, 0]]), r"wins \(3, 3\) and ties \(2, 2\)"),
    (lambda: Counts([[0, -1], [1, 0]]), "wins must be finite and >= 0"),
    (lambda: Counts([[0, np.nan], [1, 0]]), "wins must be finite and >= 0"),
    (lambda: Counts(WINS, np.full((3, 3), np.inf)), "ties must be finite and >= 0"),
    (lambda: Counts([[1, 2], [3, 0]]), "wins compares an answer with itself; drop those"),
    (lambda: Counts([[0, 2], [3, 0]], np.eye(2)), "ties compares an answer with itself"),
    (lambda: Counts([[0, 2], [3, 0]], [[0, 1], [0, 0]]), "enter each tie in both triangles"),
    (lambda: Counts(np.zeros((2, 2))).game(), "nothing is compared; give at least one"),
    (lambda: Counts([WINS, np.zeros((3, 3))]).game(), "a context has no comparison"),
    (lambda: Counts(WINS, names=["a"]), "1 names, expected 3: one for each answer"),
    (lambda: Counts([[0, 1], [1]]), "Comparisons: wins is ragged"),
    (lambda: Counts([["a", "b"], ["c", "d"]]), "Comparisons: wins has entries of type <U1"),
    (lambda: Counts(WINS, raters=WINS), r"raters \(3, 3\) must be \(m, 3, 3\)"),
    (lambda: Counts(np.zeros((3, 3)), raters=np.zeros((0, 3, 3))), r"raters \(0, 3, 3\) must be"),
    (lambda: Counts(WINS, raters=[WINS, WINS]), "do not sum to wins; use Comparisons.by_rater"),
    (lambda: Counts([[0, 0], [0, 0]], raters=[[[0, 1], [0, 0]], [[0, -1], [0, 0]]]), "raters must"),
    (lambda: Counts.by_rater(WINS), r"raters \(3, 3\) must be \(m, ..., n, n\)"),
    (lambda: Counts.by_rater(np.zeros((0, 3, 3))), "with at least one rater"),
    (lambda: Counts.by_rater([WINS, np.full((3, 3), np.nan)]), "must be finite and >= 0"),
    (
        lambda: Counts.sample_raters(PreferenceGame(np.full((2, 2), 0.5)), 1, SEEDED),
        "its first axis is the rater",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_bad_counts_say_what_is_wrong(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(GameError, match=message):
        build()


def test_counts_are_copied_and_read_only() -> None:
    wins = np.array(WINS)
    data = Comparisons(wins)
    wins[0, 1] = 7
    assert data.wins[0, 1] == 3
    with pytest.raises(ValueError, match="read-only"):
        data.wins[0, 1] = 7


@pytest.mark.parametrize(("number", "n"), [(0, 3), (-1, 3), (5, 1)])
def test_nothing_to_draw_is_refused(number: int, n: int) -> None:
    game = PreferenceGame(np.full((n, n), 0.5))
    with pytest.raises(GameError, match=f"cannot draw {number} comparisons of {n} answers"):
        Comparisons.sample(game, number, np.random.default_rng(0))


@LAW
@given(games(min_n=2, batch=(3,)), st.integers(1, 50), st.integers(0, 9))
def test_a_sample_has_the_given_number_of_comparisons(
    game: PreferenceGame, number: int, seed: int
) -> None:
    first = Comparisons.sample(game, number, np.random.default_rng(seed))
    again = Comparisons.sample(game, number, np.random.default_rng(seed))
    np.testing.assert_array_equal(first.wins, again.wins)
    np.testing.assert_array_equal(first.wins.sum((-1, -2)), number)
    assert (first.wins == np.rint(first.wins)).all()
    assert not first.wins[game.P == 0].any(), "what never wins, won"
    estimate = first.game()
    assert (estimate.P[first.unseen] == 0.5).all()
    assert estimate.batch == game.batch


def test_pairs_without_weight_are_never_drawn() -> None:
    w = [[0, 5, 0], [5, 0, 1], [0, 1, 0]]
    game = PreferenceGame(np.full((3, 3), 0.5), pairs=w)
    data = Comparisons.sample(game, 10_000, np.random.default_rng(3))
    assert data.pairs[0, 2] == 0
    assert data.pairs[0, 1] / data.pairs[1, 2] == pytest.approx(5, rel=0.1)


def test_drawn_frequencies_are_those_of_the_game() -> None:
    rng = np.random.default_rng(11)
    n, number, contexts = 5, 4_000, 40
    P = table(rng.uniform(0.1, 0.9, (contexts, n, n)))
    w = rng.uniform(0.2, 2, (contexts, n, n))
    game = PreferenceGame(P, pairs=w + np.swapaxes(w, -1, -2))
    data = Comparisons.sample(game, number, rng)
    upper = (..., *np.triu_indices(n, 1))

    share = game.pair_weights[upper] / game.pair_weights[upper].sum(-1, keepdims=True)
    counts = data.pairs[upper]
    chi2 = ((counts - number * share) ** 2 / (number * share)).sum()
    freedom = contexts * (share.shape[-1] - 1)
    assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)

    p = game.P[upper]
    chi2 = ((data.wins[upper] - counts * p) ** 2 / (counts * p * (1 - p))).sum()
    freedom = p.size
    assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)


@LAW
@given(games(INTERIOR, min_n=2, max_n=4))
def test_the_estimate_approaches_the_game(game: PreferenceGame) -> None:
    estimate = Comparisons.sample(game, 1_000_000, np.random.default_rng(0)).game()
    assert abs(estimate.P - game.P).max() < 0.02
    assert estimate.pairs is not None
    share = estimate.pairs / estimate.pairs.sum()
    np.testing.assert_allclose(share, game.pair_weights / game.pair_weights.sum(), atol=3e-3)


def test_the_wins_of_raters_add_up_and_are_kept() -> None:
    first, second = np.array(WINS), np.array([[0, 0, 2.5], [1, 0, 0], [0.5, 0, 0]])
    data = Comparisons.by_rater([first, second], names=["a", "b", "c"])
    np.testing.assert_array_equal(data.wins, [[0, 3, 2.5], [2, 0, 2], [0.5, 0, 0]])
    np.testing.assert_array_equal(data.raters, [first, second])
    assert data.game().P[0, 2] == pytest.approx(2.5 / 3)
    assert not data.ties.any()
    assert data.names == ("a", "b", "c")
    assert Comparisons(WINS).raters is None
    again = replace(data, ties=np.array(TIES))
    np.testing.assert_array_equal(again.raters, [first, second])
    assert again.raters is not None
    with pytest.raises(ValueError, match="read-only"):
        again.raters[0, 0, 1] = 7


def test_raters_are_drawn_each_from_what_it_prefers() -> None:
    true = PreferenceGame([[[0.5, 0.9], [0.1, 0.5]], [[0.5, 0.2], [0.8, 0.5]]], names=["a", "b"])
    opposed = replace(true, P=1 - true.P)
    data = Comparisons.sample_raters(
        PreferenceGame.stack([true, true, opposed]), 20_000, np.random.default_rng(2)
    )
    assert data.raters is not None
    assert data.raters.shape == (3, 2, 2, 2)
    np.testing.assert_array_equal(data.raters.sum((-1, -2)), np.full((3, 2), 20_000))
    won = data.raters[..., 0, 1] / 20_000
    np.testing.assert_allclose(won, [[0.9, 0.2], [0.9, 0.2], [0.1, 0.8]], atol=0.015)
    assert (data.raters[0] != data.raters[1]).any(), "each rater has draws of its own"
    np.testing.assert_array_equal(data.wins, data.raters.sum(0))
    assert data.game().batch == (2,)
    assert data.names == ("a", "b")


def test_one_rater_draws_what_a_sample_draws() -> None:
    game = PreferenceGame([[0.5, 0.7, 0.2], [0.3, 0.5, 0.6], [0.8, 0.4, 0.5]])
    plain = Comparisons.sample(game, 50, np.random.default_rng(4))
    one = Comparisons.sample_raters(PreferenceGame.stack([game]), 50, np.random.default_rng(4))
    np.testing.assert_array_equal(plain.wins, one.wins)
    assert plain.raters is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"names": ["a"]}, "1 names, expected 3: one for each answer"),
        ({"names": "abcd"}, "4 names, expected 3: one for each answer"),
        ({"prompts": ["a", "b", "c"]}, "3 prompts, expected 2: one for each context"),
        ({"raters": np.ones((2, 2))}, r"must be \(m, 2, 3, 3\)"),
    ],
)
def test_names_prompts_and_raters_fit_the_counts(params: dict[str, Any], message: str) -> None:
    with pytest.raises(GameError, match=message):
        Comparisons([WINS, WINS], **params)
    assert Comparisons([WINS, WINS], names="abc", prompts="xy").prompts == ("x", "y")
    assert Comparisons(WINS, prompts=["x"]).prompts == ("x",)
