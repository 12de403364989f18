"""Labels of finite data: the same comparisons at every t, raters who err together, flips."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from games import Comparisons, GameError, PreferenceGame
from games.game import Float
from solvers import SOLVERS
from tabular import robustness_data
from tabular.robustness_data import (
    Drawn,
    adversarial_flips,
    by_raters,
    estimated,
    label_by_label,
    random_flips,
)
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import random_games, three_annotators
from tests.strategies import LAW, games

T = np.linspace(0, 1, 5)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pairs(wins: Float) -> Float:
    return np.asarray(wins + np.swapaxes(wins, -1, -2))


def sure(contexts: int = 1) -> PreferenceGame:
    """Two answers of which the first always wins."""
    P = np.broadcast_to([[0.5, 1.0], [0.0, 0.5]], (contexts, 2, 2))
    return PreferenceGame(P)


# --- drawing ---


def test_drawn_comparisons_are_distributed_as_comparisons_sampled_in_one_go() -> None:
    n, P = 4, random_games(1, 1, 4).at(0).P
    weights = np.ones((n, n))
    weights[0, 1] = weights[1, 0] = 4
    game = PreferenceGame(np.broadcast_to(P, (4_000, n, n)), pairs=weights)
    drawn = Drawn.of(game, 12, rng())
    ours = drawn.wins(drawn.labels(game.P))
    theirs = Comparisons.sample(game, 12, rng(1)).wins
    assert set(pairs(ours).sum((-1, -2))) == {24.0}
    assert ours.mean(0) == pytest.approx(theirs.mean(0), abs=0.12)
    expected = 12 * P * weights * (1 - np.eye(n)) / 9  # six pairs, one of them with weight 4
    assert ours.mean(0) == pytest.approx(expected, abs=0.12)
    assert ours.var(0) == pytest.approx(theirs.var(0), abs=0.25)
    assert abs(ours.mean(0) - ours.mean(0).T).max() > 1


@LAW
@given(games(min_n=2, batch=(2,)), st.integers(1, 30))
def test_the_same_pairs_are_compared_at_every_t(game: PreferenceGame, n: int) -> None:
    drawn = Drawn.of(game, n, rng())
    clean = drawn.wins(drawn.labels(game.P))
    P = np.stack([0.5 + (1 - t) * (game.P - 0.5) for t in T])
    flips = np.array([0, n // 2, n])
    for wins in (
        label_by_label(drawn, P),
        by_raters(drawn, T, 3, False, rng()),
        by_raters(drawn, T, 3, True, rng()),
        random_flips(drawn, flips),
    ):
        assert (wins[0] == clean).all()
        assert (pairs(wins) == pairs(clean)).all()
        assert (wins >= 0).all()
    (everything,) = random_flips(drawn, np.array([n]))
    assert (everything == np.swapaxes(clean, -1, -2)).all()


def test_a_rising_table_never_takes_a_win_back() -> None:
    game = random_games(2, 3, 4)
    drawn = Drawn.of(game, 200, rng())
    up = np.triu(np.ones((4, 4)), 1)
    P = np.stack([game.P + t * (up * (1 - game.P) - up.T * game.P) for t in T])
    wins = label_by_label(drawn, P)
    assert (np.diff(wins * up, axis=0) >= 0).all()
    assert np.diff((wins * up).sum((-1, -2)), axis=0).min() > 0


# --- raters ---


def test_a_rater_is_bad_in_all_comparisons_and_stays_bad() -> None:
    game = sure(3_000)
    drawn = Drawn.of(game, 40, rng())
    lost = by_raters(drawn, T, 8, True, rng(1))[..., 1, 0]
    assert set(lost.ravel() % 5) == {0.0}  # 40 comparisons of 8 raters are 5 each
    assert (np.diff(lost, axis=0) >= 0).all()
    bad = lost / 5
    assert bad.mean(1) == pytest.approx(8 * T, abs=0.1)
    assert bad.var(1) == pytest.approx(8 * T * (1 - T), abs=0.15)
    assert (bad[0] == 0).all()
    assert (bad[-1] == 8).all()


def test_labels_of_a_rater_go_wrong_together() -> None:
    """Against labels that go wrong separately, the variance grows by the size of the cluster."""
    game = sure(4_000)
    drawn = Drawn.of(game, 40, rng())
    table = 0.5 + (1 - T[:, None, None, None]) * (game.P - 0.5)
    separate = label_by_label(drawn, table)[2, :, 1, 0]
    together = by_raters(drawn, T, 4, False, rng(1))[2, :, 1, 0]
    assert separate.mean() == pytest.approx(10, abs=0.2)
    assert together.mean() == pytest.approx(10, abs=0.3)
    assert separate.var() == pytest.approx(40 * 0.25 * 0.75, rel=0.1)
    # bad raters ~ Binomial(4, 1/2), each with Binomial(10, 1/2) losses: 20/4 + 4/4 * 25
    assert together.var() == pytest.approx(5 + 25, rel=0.1)


def test_without_end_raters_shrink_the_margins() -> None:
    game = random_games(5, 1, 3).at(0)
    drawn = Drawn.of(game, 300_000, rng())
    for reverse, factor in ((False, 0.5), (True, 0.0)):
        wins = by_raters(drawn, T, 30_000, reverse, rng(2))[2]
        margins = estimated(game, wins[None]).P[0] - 0.5
        assert margins == pytest.approx(factor * (game.P - 0.5), abs=0.01)


# --- flips ---


def test_random_flips_flip_so_many_labels_and_keep_them_flipped() -> None:
    drawn = Drawn.of(sure(50), 30, rng())
    lost = random_flips(drawn, np.array([0, 4, 9, 30]))[..., 1, 0]
    assert (lost == np.array([0, 4, 9, 30])[:, None]).all()
    game = random_games(7, 1, 5).at(0)
    wins = random_flips(Drawn.of(game, 500, rng(3)), np.array([0, 50, 100]))
    changed = [abs(wins[k] - wins[k - 1]).sum() / 2 for k in (1, 2)]
    assert 30 < min(changed) <= max(changed) <= 50


def answers(game: PreferenceGame, name: str, tau: float = 0.1) -> Callable[[Float], Float]:
    solver = SOLVERS[name]().at_tau(tau)
    return lambda wins: solver.solve(estimated(game, wins)).policy


def moved(p: Float, q: Float) -> Any:
    return abs(p - q).sum(-1) / 2


@pytest.mark.parametrize("name", ["rlhf_exact", "nlhf_exact", "slhf_exact"])
def test_one_round_of_the_adversary_is_the_best_of_all_pairs(name: str) -> None:
    game = random_games(9, 2, 4)
    drawn = Drawn.of(game, 120, rng())
    clean = drawn.wins(drawn.labels(game.P))
    answer = answers(game, name)
    wins = adversarial_flips(clean, np.array([0, 5]), answer)
    assert (wins[0] == clean).all()
    shift = moved(answer(wins[1][None])[0], answer(clean[None])[0])
    for context in range(2):
        alone = answers(game.at((context,)), name)
        start = alone(clean[context][None])[0]
        best = 0.0
        for i in range(4):
            for j in range(4):
                k = min(5, clean[context, i, j]) if i != j else 0
                other = clean[context].copy()
                other[i, j] -= k
                other[j, i] += k
                best = max(best, moved(alone(other[None])[0], start))
        assert shift[context] == pytest.approx(best, abs=1e-9)
        assert best > 0.005


@pytest.mark.parametrize("name", ["rlhf_exact", "nlhf_exact", "slhf_exact"])
@pytest.mark.parametrize("tau", [0.0, 0.1])
def test_the_adversary_never_gives_ground_and_keeps_its_budget(name: str, tau: float) -> None:
    game = random_games(11, 3, 4)
    drawn = Drawn.of(game, 200, rng())
    clean = drawn.wins(drawn.labels(game.P))
    budget = np.array([0, 5, 10, 20, 40])
    answer = answers(game, name, tau)
    wins = adversarial_flips(clean, budget, answer)
    assert (pairs(wins) == pairs(clean)).all()
    assert (wins >= 0).all()
    assert (abs(wins - clean).sum((-1, -2)) / 2 <= budget[:, None]).all()
    policy = answer(wins)
    shift = moved(policy, policy[:1])
    assert (np.diff(shift, axis=0) >= -1e-9).all()
    by_chance = answer(random_flips(drawn, budget))
    assert shift[-1].mean() > moved(by_chance, policy[:1])[-1].mean() + 0.05


def test_where_no_flip_moves_the_answer_its_closest_win_goes_first() -> None:
    """A beats B 30 : 10 and C 25 : 15; eleven flips of A : C are needed, five at a time."""
    clean = np.array([[0.0, 30, 25], [10, 0, 20], [15, 20, 0]])
    game = three_annotators()
    for name in ("nlhf_exact", "slhf_exact"):
        answer = answers(game, name, 0.0)
        assert answer(clean[None])[0] == pytest.approx([1, 0, 0])
        wins = adversarial_flips(clean, np.array([0, 3, 6]), answer)
        assert wins[:, 0, 2].tolist() == [25, 22, 19]
        assert wins[:, 0, 1].tolist() == [30, 30, 30]
        policy = answer(wins)
        assert policy[1] == pytest.approx([1, 0, 0])
        assert policy[2, 0] < 0.99


def test_answers_that_do_not_exist_are_avoided() -> None:
    """Six flips would make Bradley-Terry infinite; five leave it finite."""
    clean = np.array([[0.0, 6], [3, 0]])
    game = PreferenceGame([[0.5, 0.6], [0.4, 0.5]])
    answer = answers(game, "rlhf_exact")
    wins = adversarial_flips(clean, np.array([0, 3]), answer)
    assert np.isfinite(answer(wins)).all()
    assert wins[1].tolist() == [[0, 3], [6, 0]]
    wins = adversarial_flips(clean, np.array([0, 6]), answer)
    assert np.isfinite(answer(wins)).all()


# --- planted bugs ---


def check(module: Any) -> None:
    """What each function does to a small data set, count by count."""
    P = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.6], [0.7, 0.4, 0.5]])
    game = PreferenceGame(P)
    cell = np.array([[2, 0, 0, 1, 2, 0]])
    level = np.array([[0.1, 0.5, 0.95, 0.2, 0.7, 0.1]])
    drawn = module.Drawn(game, cell, level)
    # 0 beats 1 twice and loses once; 0 beats 2; 1 beats 2 and loses once
    clean = np.array([[0, 2, 1], [1, 0, 1], [0, 1, 0]])
    assert (drawn.wins(drawn.labels(P)) == clean).all()
    assert (module.label_by_label(drawn, np.stack([P, 1 - P]))[1] != clean).any()
    flipped = module.random_flips(drawn, np.array([0, 3]))
    assert (flipped[0] == clean).all()
    assert (flipped[1] == [[0, 2, 1], [1, 0, 0], [0, 2, 0]]).all()
    source = np.random.default_rng(5)
    source.random((1, 6))
    bad = source.random((1, 2))[0]  # of two raters, who compare in turn
    t = np.array([0.0, bad.mean(), 1.0])
    wins = module.by_raters(drawn, t, 2, True, np.random.default_rng(5))
    assert (wins[0] == clean).all()
    assert (wins[2] == clean.T).all()
    labels = level < np.array([0.9, 0.3, 0.6])[cell]
    labels[0, int(bad.argmin()) :: 2] ^= True
    assert (wins[1] == drawn.wins(labels)).all()
    big = module.Drawn.of(PreferenceGame(P, pairs=[[0, 1, 0], [1, 0, 2], [0, 2, 0]]), 900, rng())
    compared = pairs(big.wins(big.labels(P)))
    assert compared[0, 2] == 0
    assert abs(compared[0, 1] - 300) < 60
    assert (np.diff(big.cell[0]) < 0).any()
    coin = module.by_raters(big, np.array([1.0]), 900, False, rng(1))[0]
    assert abs(coin[0, 1] - compared[0, 1] / 2) < 40
    votes = np.array([[0.0, 30, 25], [10, 0, 20], [15, 20, 0]])
    answer = answers(game, "slhf_exact", 0.0)
    moves = module.adversarial_flips(votes, np.array([0, 3, 20]), answer)
    assert moves[:, 0, 2].tolist() == [25, 22, 5]
    assert moves[2, 2, 0] == 35
    soft = answers(game, "nlhf_exact")
    gentle = module.adversarial_flips(votes, np.array([0, 4]), soft)
    others = []
    for i, j in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)):
        other = votes.copy()
        other[i, j] -= 4
        other[j, i] += 4
        others.append(moved(soft(other[None])[0], soft(votes[None])[0]))
    assert np.isclose(moved(soft(gentle)[1], soft(gentle)[0]), max(others))
    made = module.estimated(game, votes[None])
    assert np.isclose(made.P[0, 0, 1], 0.75)
    assert made.pairs is not None
    assert made.pairs[0, 0, 1] == 40


MUTANTS = mutants({
    robustness_data: [
        ("self.level < upper", "self.level > upper"),
        ("(j, i, ~labels)", "(j, i, labels)"),
        ("rng.permuted(cell, axis=1)", "cell"),
        ("weights / weights.sum(-1, keepdims=True)", "np.ones(weights.shape) / weights.shape[-1]"),
        ("np.arange(n_comparisons) % raters", "np.arange(n_comparisons) * raters // n_comparisons"),
        ("bad_from < at, wrong, clean", "bad_from < at, clean, wrong"),
        ("wrong = ~clean if reverse else coin", "wrong = coin if reverse else ~clean"),
        ("rng.random(drawn.cell.shape) < 0.5", "rng.random(drawn.cell.shape) < 1"),
        ("clean ^ (order < k)", "clean ^ (order < 1)"),
        ("clean ^ (order < k)", "clean & (order >= k)"),
        ("moves[number, ..., j, i] = -1, 1", "moves[number, ..., j, i] = 1, -1"),
        ("start = answer(wins[None])", "start = answer(wins[None])[..., ::-1]"),
        ("likeliest = start[0].argmax(-1)", "likeliest = start[0].argmin(-1)"),
        ("(2 - rate[..., i, j])", "(1 + rate[..., i, j])"),
        ("np.minimum(k, np", "np.minimum(1, np"),
        ("taken, -1).argmax(0)", "taken, -1).argmin(0)"),
        ("data.game().P, game.ref", "np.swapaxes(data.game().P, -1, -2), game.ref"),
        ("data.pairs, game.names", "game.pairs, game.names"),
    ]
})  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_planted_bug_shows(mutant: Mutant) -> None:
    assert_noticed(mutant, check, (AssertionError, GameError))
