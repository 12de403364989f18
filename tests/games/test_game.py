"""The preference game: what it accepts, what it refuses and why, and what it keeps."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from games import GameError, Known, Population, PreferenceGame, ScoreGame
from games.game import TIE_TOL, Float
from tests.strategies import LAW, games

P2 = [[0.5, 0.7], [0.3, 0.5]]
P3 = [[0.5, 0.7, 0.2], [0.3, 0.5, 0.9], [0.8, 0.1, 0.5]]
SKEW = [[0, 1], [-1, 0]]
PEOPLE = Population([0.5, 0.5], [[0, 1, 2], [2, 1, 0]])


@LAW
@given(games(max_n=6, batch=(2,)))
def test_opposite_entries_sum_to_one_to_the_last_bit(game: PreferenceGame) -> None:
    assert np.array_equal(game.P + np.swapaxes(game.P, -1, -2), np.ones_like(game.P))
    assert (np.diagonal(game.P, axis1=-2, axis2=-1) == 0.5).all()
    assert ((game.P >= 0) & (game.P <= 1)).all()


@pytest.mark.parametrize("tiny", [5e-324, 1e-300, 1e-20, 1e-17, 0.1 + 0.2, 1 / 3, 0.5 - 1e-16])
def test_the_loser_keeps_every_digit(tiny: float) -> None:
    for P in ([[0.5, tiny], [1 - tiny, 0.5]], [[0.5, 1 - tiny], [tiny, 0.5]]):
        game = PreferenceGame(P)
        assert game.P.min() == tiny
        assert game.P[0, 1] + game.P[1, 0] == 1.0


@pytest.mark.parametrize(
    ("dtype", "off"),
    [(np.float64, 0.9e-9), (np.longdouble, 0.9e-9), (np.float32, 8e-7), (np.float16, 7e-3)],
)
def test_rounding_is_symmetrised_away(dtype: Any, off: float) -> None:
    game = PreferenceGame(np.array([[0.5, 0.25 + off], [0.75, 0.5]], dtype=dtype))
    assert game.P.dtype == np.float64
    assert game.P.sum() == 2
    assert game.P[0, 1] == pytest.approx(0.25 + off / 2, abs=off / 2)
    edge = PreferenceGame([[0.5, -1e-10], [1 + 1e-10, 0.5]])
    assert (edge.P == [[0.5, 0], [1, 0.5]]).all()


@pytest.mark.parametrize(
    ("dtype", "off"), [(np.float64, 1.2e-9), (np.float32, 3e-6), (np.float16, 2e-2)]
)
def test_more_than_rounding_is_refused(dtype: Any, off: float) -> None:
    with pytest.raises(GameError, match=r"P\[0, 1\] \+ P\[1, 0\] is 1\.\d+, expected 1; symm"):
        PreferenceGame(np.array([[0.5, 0.25 + off], [0.75, 0.5]], dtype=dtype))


def test_noise_is_removed_by_the_repair_that_the_message_gives() -> None:
    P = np.array(P3) + np.random.default_rng(0).normal(size=(3, 3)) * 1e-4
    with pytest.raises(GameError, match="symmetrise"):
        PreferenceGame(P)
    PreferenceGame((P + 1 - P.T) / 2)


def test_everything_but_P_may_be_left_out() -> None:
    game = PreferenceGame(P3)
    np.testing.assert_array_equal(game.ref, np.full(3, 1 / 3))
    assert (game.ref_follower, game.pairs, game.population, game.known) == (None, None, None, ())
    assert game.names == ("0", "1", "2")
    np.testing.assert_array_equal(game.pair_weights, 1 - np.eye(3))
    for i in (1, slice(None), slice(1, 3), np.array([2, 0])):
        rows = game.log_ref_follower(i) + np.zeros_like(game.rows(i))
        np.testing.assert_allclose(np.exp(rows), 1 / 3)


def test_references_and_pairs_are_shared_by_all_contexts() -> None:
    game = PreferenceGame([P2, P2], [0.2, 0.8], [[0.1, 0.9], [0.6, 0.4]], [[9, 3], [3, 9]])
    assert game.ref.shape == (2, 2)
    np.testing.assert_array_equal(game.ref_follower, [[[0.1, 0.9], [0.6, 0.4]]] * 2)
    np.testing.assert_array_equal(game.pairs, [[[0, 3], [3, 0]]] * 2)
    np.testing.assert_allclose(game.log_ref_follower(1), np.log([[0.6, 0.4]] * 2))
    nan = PreferenceGame(P2, pairs=[[np.nan, 3], [3, np.inf]])
    np.testing.assert_array_equal(nan.pair_weights, [[0, 3], [3, 0]])


def test_arrays_are_copies_and_read_only() -> None:
    P, ref, w = np.array(P3), np.array([0.2, 0.3, 0.5]), np.ones((3, 3))
    people = Population([0.5, 0.5], np.ones((2, 3)))
    game = PreferenceGame(P, ref, np.tile(ref, (3, 1)), w, population=people)
    before = game.digest
    P[0, 1] = ref[0] = w[0, 1] = 0.9
    assert game.digest == before
    score = ScoreGame([[1.0, 2.0]], SKEW, "logistic")
    for array in [*game.arrays().values(), game.rows(0), score.X, score.R, people.shares]:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (PreferenceGame(P2), "P"),
        (PreferenceGame(P2), "ref"),
        (ScoreGame([[1, 2]], SKEW, "logistic"), "X"),
        (ScoreGame([[1, 2]], SKEW, "logistic"), "link"),
        (PEOPLE, "shares"),
        (Known("nlhf_exact", {}, [1.0], "by hand"), "policy"),
    ],
)
def test_fields_cannot_be_replaced(item: Any, field: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(item, field, None)


def test_names_of_any_sequence_type() -> None:
    for names in (["a", "b"], np.array(["a", "b"]), pd.Index(["a", "b"])):
        game = PreferenceGame(pd.DataFrame(P2), names=names)  # type: ignore[arg-type]
        assert game.names == ("a", "b")
        assert game == PreferenceGame(P2, names=["a", "b"])


def test_equal_games_have_equal_digests_and_others_do_not() -> None:
    first = PreferenceGame(P3, [0.2, 0.3, 0.5], names=["a", "b", "c"])
    same = PreferenceGame(np.array(P3), [0.2, 0.3, 0.5], names=("a", "b", "c"))
    assert first == same
    assert len({first, same}) == 1
    others = [
        PreferenceGame(np.array(P3).T, [0.2, 0.3, 0.5], names=first.names),
        PreferenceGame(P3, [0.3, 0.2, 0.5], names=first.names),
        PreferenceGame(P3, [0.2, 0.3, 0.5], names=["a", "b", "d"]),
        PreferenceGame(P3, [0.2, 0.3, 0.5], np.full((3, 3), 1 / 3), names=first.names),
        PreferenceGame(P3, [0.2, 0.3, 0.5], pairs=np.ones((3, 3)), names=first.names),
        PreferenceGame(P3, [0.2, 0.3, 0.5], names=first.names, population=PEOPLE),
        PreferenceGame([P3], [0.2, 0.3, 0.5], names=first.names),
    ]
    assert len({first, *others}) == 1 + len(others)
    assert first != "first"
    assert PreferenceGame(P2, names=["a\x1f", "b"]) != PreferenceGame(P2, names=["a", "\x1fb"])
    assert PreferenceGame([[0.5, -0.0], [1, 0.5]]) == PreferenceGame([[0.5, 0.0], [1, 0.5]])


@LAW
@given(st.lists(games(min_n=3, max_n=3), min_size=1, max_size=4))
def test_at_undoes_stack(parts: list[PreferenceGame]) -> None:
    whole = PreferenceGame.stack(parts)
    assert whole.batch == (len(parts),)
    for k, part in enumerate(parts):
        back = whole.at(k)
        assert back.batch == ()
        np.testing.assert_array_equal(back.P, part.P)
        np.testing.assert_array_equal(back.ref, part.ref)
        np.testing.assert_allclose(back.pair_weights, part.pair_weights, rtol=1e-15)
        rows = slice(None)
        expected = part.log_ref_follower(rows) + np.zeros((3, 3))
        np.testing.assert_allclose(back.log_ref_follower(rows) + np.zeros((3, 3)), expected)
    again = PreferenceGame.stack([whole.at(k) for k in range(len(parts))])
    assert again == whole
    backwards = whole.at(slice(None, None, -1))
    np.testing.assert_array_equal(backwards.P[0], parts[-1].P)
    odd = np.arange(len(parts)) % 2 == 0
    np.testing.assert_array_equal(whole.at(odd).ref, [part.ref for part in parts[::2]])


def test_stacking_keeps_what_all_agree_on() -> None:
    one = PreferenceGame(P3, names=["a", "b", "c"], population=PEOPLE)
    more = Population([0.1, 0.9], [[5, 6, 7], [7, 6, 5]])
    two = PreferenceGame(P3, names=["a", "b", "c"], population=more)
    both = PreferenceGame.stack([one, two])
    assert both.names == ("a", "b", "c")
    assert both.population is not None
    np.testing.assert_array_equal(both.population.shares, [[0.5, 0.5], [0.1, 0.9]])
    assert both.at(1) == two
    bare = PreferenceGame(P3, names=["x", "b", "c"])
    mixed = PreferenceGame.stack([one, bare])
    assert (mixed.names, mixed.population) == (("0", "1", "2"), None)


def test_favourites_of_a_type_are_all_its_best_answers() -> None:
    people = Population([0.3, 0.7], [[0.0, 2.0, 2 - TIE_TOL / 2], [5.0, 2.0, 2.0]])
    np.testing.assert_array_equal(people.favourites, [[0, 1, 1], [1, 0, 0]])


@LAW
@given(games(max_n=5, batch=(2,)), st.integers(0, 4))
def test_win_rates_and_rows_read_the_table(game: PreferenceGame, i: int) -> None:
    i %= game.n
    np.testing.assert_array_equal(game.rows(i), game.P[:, i])
    by_hand = [[sum(p * q for p, q in zip(row, pi, strict=True)) for row in table]
               for table, pi in zip(game.P, game.ref, strict=True)]  # fmt: skip
    np.testing.assert_allclose(game.win_rates(game.ref), by_hand, rtol=1e-14)


@pytest.mark.parametrize("link", ["linear", "logistic"])
def test_a_score_game_is_its_table(link: Any) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(7, 4)) / 4
    R = rng.normal(size=(4, 4))
    R = (R - R.T) / 8
    ref = rng.dirichlet(np.ones(7))
    game = ScoreGame(X, R, link, ref)
    scores = np.einsum("ia,ab,jb->ij", X, R, X)
    P = 0.5 + scores if link == "linear" else 1 / (1 + np.exp(-scores))
    np.testing.assert_allclose(game.P, P, rtol=0, atol=1e-15)
    dense = PreferenceGame(game.P, ref)
    policy: Float = rng.dirichlet(np.ones(7))
    np.testing.assert_allclose(game.win_rates(policy), dense.win_rates(policy), rtol=1e-14)
    np.testing.assert_array_equal(game.rows(3), game.P[3])
    assert game != dense
    assert game == ScoreGame(X, R, link, ref)
    assert (game.n, game.batch) == (7, ())


def test_a_table_too_large_to_hold_is_refused_but_can_be_read() -> None:
    x = np.linspace(-1, 1, 5001)
    game = ScoreGame(np.stack([x, np.ones_like(x)], -1), SKEW, "logistic")
    with pytest.raises(GameError, match=r"5001 x 5001 answers is too large .* read game.rows"):
        _ = game.P
    rates = game.win_rates(game.ref)
    assert rates[2500] == pytest.approx(0.5)
    assert rates[17] == pytest.approx(float((game.rows(17) * game.ref).sum()))


def test_a_game_in_single_precision_is_the_same_game() -> None:
    P, rows = [[0.5, 0.7], [0.3, 0.5]], [[0.2, 0.8], [0.6, 0.4]]
    game = PreferenceGame(P, [0.9, 0.1], rows, [[0, 3], [3, 0]], names=["a", "b"])
    single = game.astype(np.float32)
    assert (single.names, single.n, single.batch) == (game.names, game.n, game.batch)
    uniform = PreferenceGame(P).astype(np.float32)
    arrays = [single.P, single.ref, single.ref_follower, single.pairs, uniform.pair_weights]
    arrays += [single.log_ref, single.rows(0), single.log_ref_follower(slice(None))]
    arrays += [single.win_rates(single.ref)]
    assert {np.asarray(array).dtype for array in arrays} == {np.dtype(np.float32)}
    for name, array in game.arrays().items():
        np.testing.assert_allclose(single.arrays()[name], array, rtol=1e-7)
        assert array.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            single.arrays()[name][...] = 0
    with pytest.raises(GameError, match=r"sums to 0\.99999"):
        single.at(())


def test_a_type_whose_utilities_tie_has_every_answer_as_its_favourite_at_full_scale() -> None:
    people = Population([0.5, 0.5], [[1.0, 1.0 + 1e-12, 1.0], [0.0, 2.0, 1.0]])
    assert people.favourites.tolist() == [[True, True, True], [False, True, False]]
    np.testing.assert_array_equal(people.scaled, [[1, 1, 1], [0, 1, 0.5]])
