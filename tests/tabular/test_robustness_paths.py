"""The tables along each path: closed forms, raters asked one by one, and what is arithmetic."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from games import PreferenceGame, measures
from games.game import Float
from solvers import SOLVERS
from solvers.rlhf_exact import RlhfExact
from tabular import robustness_paths
from tabular.robustness_paths import PATHS
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import random_games, three_annotators
from tests.strategies import ANY, LAW, SHORT, games

T = np.linspace(0, 1, 5)
LABELS = [name for name, path in PATHS.items() if path.judged_by == "truth"]
BONUS = 1.5


def tables(
    path: str, game: PreferenceGame, t: Float = T, module: ModuleType = robustness_paths
) -> list[Float]:
    """The tables of every path of that name, shape (points, ..., n, n)."""
    at_t = t.reshape(-1, *[1] * game.P.ndim)
    return [P for _, P in module.PATHS[path].tables(game, at_t, BONUS)]


# --- laws ---


@LAW
@given(games(ANY, min_n=2, batch=(2,)), st.sampled_from(LABELS))
def test_labels_go_wrong_from_the_clean_game_on(game: PreferenceGame, path: str) -> None:
    for P in tables(path, game):
        assert P.shape == (5, *game.P.shape)
        assert P[0] == pytest.approx(game.P, abs=1e-12)
        assert P + np.swapaxes(P, -1, -2) == pytest.approx(1, abs=1e-12)
        assert (P >= 0).all()


@LAW
@given(games(ANY, min_n=3, batch=(2,)))
def test_t_is_the_cyclic_share_and_the_path_leads_through_the_game(game: PreferenceGame) -> None:
    assume(not PATHS["cyclic"].missing(game))
    share = measures.hodge_margins(game).cyclic_share
    assume(((share > 1e-6) & (share < 1 - 1e-6)).all())
    t = np.concatenate([T, share])
    (P,) = tables("cyclic", game, t)
    assert P + np.swapaxes(P, -1, -2) == pytest.approx(1, abs=1e-12)
    shares = measures.hodge_margins(PreferenceGame(P)).cyclic_share
    assert shares == pytest.approx(np.broadcast_to(t[:, None], shares.shape), abs=1e-12)
    T_part, C_part = P[0] - 0.5, P[4] - 0.5
    norms = [(part**2).sum((-1, -2)) for part in (T_part, C_part, P[2] - 0.5)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-9)
    assert norms[0] == pytest.approx(norms[2], rel=1e-9)
    assert (T_part * C_part).sum((-1, -2)) == pytest.approx(0, abs=1e-12)
    assert np.sqrt(T_part**2 + C_part**2).max() <= 0.49 + 1e-12
    for k in range(2):  # the game itself, unless its path had to be shrunk
        size = np.sqrt(((game.P[k] - 0.5) ** 2).sum())
        scale = np.sqrt(norms[0][k]) / size
        assert scale <= 1 + 1e-12
        assert P[5 + k, k] - 0.5 == pytest.approx(scale * (game.P[k] - 0.5), abs=1e-9)


def test_the_cyclic_path_is_shrunk_only_where_it_must_be() -> None:
    wide = PreferenceGame([[0.5, 0.97, 0.1], [0.03, 0.5, 0.95], [0.9, 0.05, 0.5]])
    narrow = three_annotators((0.35, 0.33, 0.32))
    for game, shrinks in ((wide, True), (narrow, False)):
        (P,) = tables("cyclic", game)
        largest = np.sqrt(((P[0] - 0.5) ** 2 + (P[4] - 0.5) ** 2).max())
        size = [np.sqrt(((table - 0.5) ** 2).sum()) for table in (P[0], game.P)]
        assert (size[0] < size[1] - 1e-6) == shrinks
        assert (largest == pytest.approx(0.49)) == shrinks


@SHORT
@given(games(ANY, min_n=2))
def test_a_bad_answer_never_gains_and_a_favoured_one_never_loses(game: PreferenceGame) -> None:
    paths = (("one_sided", -1), ("bias", 1))
    for path, direction in paths:
        for k, P in enumerate(tables(path, game)):
            assert (direction * np.diff(P[:, k, :], axis=0) >= -1e-12).all()
            others = np.delete(np.delete(P, k, 1), k, 2)
            clean = np.delete(np.delete(game.P, k, 0), k, 1)
            assert others == pytest.approx(np.broadcast_to(clean, others.shape), abs=1e-12)


def test_many_answers_are_thinned_and_counted() -> None:
    game = random_games(0, 1, 13).at(0)
    at_t = T.reshape(-1, 1, 1)
    labels = [labels for labels, _ in PATHS["bias"].tables(game, at_t, BONUS)]
    assert [entry["action"] for entry in labels] == ["0", "3", "6", "9", "12"]
    assert {entry["answers_in_all"] for entry in labels} == {13}


# --- raters asked one by one ---


def asked(path: str, p: float, first: bool, t: float, rng: np.random.Generator) -> Any:
    """Whether answer 0 (if ``first``) or 1 of a pair is said to win, by 400,000 raters in turn.

    ``p`` is how often it is really preferred; it is listed first if ``first``.
    """
    size = 400_000
    says = rng.random(size) < p
    coin = rng.random(size) < 0.5
    bad = rng.random(size) < t
    if path in ("temperature", "random_raters"):
        return np.where(bad, coin, says)
    if path == "reversed_raters":
        return np.where(bad, ~says, says)
    if path == "hard":  # an erring rater gives the answer of a tie to the minority
        return says ^ (rng.random(size) < t * min(p, 1 - p))
    if path == "one_sided":  # against answer 0
        wins_of_0 = says if first else ~says
        lost = wins_of_0 & (rng.random(size) < t / 2)
        return says ^ lost
    logit = np.log(p / (1 - p))
    if path == "bias":  # for answer 0
        shift = np.full(size, t * BONUS if first else -t * BONUS)
    else:
        shown_first = np.full(size, first) if path == "position" else coin
        shift = np.where(shown_first, t * BONUS, -t * BONUS)
    return rng.logistic(size=size) < logit + shift


@pytest.mark.parametrize("path", [name for name in LABELS if not name.endswith("flips")])
def test_closed_forms_are_what_raters_answer_one_by_one(path: str) -> None:
    rng = np.random.default_rng(7)
    game = PreferenceGame([[0.5, 0.83, 0.4], [0.17, 0.5, 0.7], [0.6, 0.3, 0.5]])
    P = tables(path, game)[0]
    for k in (2, 4):
        for i, j in ((0, 1), (2, 0)):
            share = asked(path, game.P[i, j], i < j, T[k], rng).mean()
            assert share == pytest.approx(P[k, i, j], abs=4e-3)
            assert abs(share - game.P[i, j]) > 0.01


# --- what is arithmetic on infinite data ---


@pytest.mark.parametrize(
    ("path", "t", "factor"),
    [("temperature", 0.6, 2.5), ("random_raters", 0.6, 2.5), ("reversed_raters", 0.3, 2.5)],
)
def test_random_and_reversed_raters_are_another_temperature(
    path: str, t: float, factor: float
) -> None:
    game = random_games(3, 4, 5)
    (P,) = tables(path, game, np.array([t]))
    noisy = PreferenceGame(P[0], game.ref)
    for name in ("nlhf_exact", "slhf_exact"):
        solver = SOLVERS[name]().at_tau(0.05)
        answer = solver.solve(noisy).policy
        assert answer == pytest.approx(solver.at_tau(0.05 * factor).solve(game).policy, abs=1e-12)
        assert abs(answer - solver.solve(game).policy).max() > 0.1
        at_zero = solver.at_tau(0.0)
        assert at_zero.solve(noisy).policy == pytest.approx(at_zero.solve(game).policy, abs=1e-9)


def test_for_rlhf_random_raters_keep_the_order_of_rewards_and_are_no_temperature() -> None:
    game = random_games(3, 4, 5)
    t = np.array([0.5])
    noisy = PreferenceGame(tables("random_raters", game, t)[0][0], game.ref)
    clean, shrunk = RlhfExact().rewards(game), RlhfExact().rewards(noisy)
    assert (clean.argsort(-1) == shrunk.argsort(-1)).all()
    at_zero = RlhfExact(tau=0.0)
    assert at_zero.solve(noisy).policy == pytest.approx(at_zero.solve(game).policy)
    ratio = (shrunk * clean).sum(-1, keepdims=True) / (clean**2).sum(-1, keepdims=True)
    assert abs(shrunk - ratio * clean).max() > 0.01  # not proportional to the clean rewards
    assert ratio.max() < 0.4985  # and the nearest multiple is not 1 - t
    assert ratio.min() < 0.42
    # margins near 0: r = 4 M, so that 1 - t comes back
    near = PreferenceGame(0.5 + 1e-3 * (game.P - 0.5))
    half = PreferenceGame(0.5 + 5e-4 * (game.P - 0.5))
    assert RlhfExact().rewards(half) == pytest.approx(RlhfExact().rewards(near) / 2, rel=1e-5)


def test_rlhf_hardly_sees_the_cyclic_share_but_as_a_temperature() -> None:
    game = random_games(6, 3, 5)
    (P,) = tables("cyclic", game, np.array([0.0, 0.5, 0.9]))
    rewards = RlhfExact().rewards(PreferenceGame(P))
    order = rewards.argsort(-1)
    assert (order == order[0]).all()
    mixed = P[1] - 0.5
    scores = mixed - measures.hodge_margins(PreferenceGame(P[1])).cyclic
    assert RlhfExact().rewards(PreferenceGame(0.5 + scores)) == pytest.approx(rewards[1])


@pytest.mark.parametrize("path", ["hard", "balanced_position", "temperature"])
def test_a_monotone_change_leaves_the_stackelberg_leader_at_tau_0(path: str) -> None:
    game = random_games(8, 20, 4)
    leader = SOLVERS["slhf_exact"](tau_leader=0.0, tau_follower=0.0)
    nash = SOLVERS["nlhf_exact"](tau=0.0)
    (P,) = tables(path, game, np.array([0.7]))
    noisy = PreferenceGame(P[0], game.ref)
    assert leader.solve(noisy).policy == pytest.approx(leader.solve(game).policy)
    moved = abs(nash.solve(noisy).policy - nash.solve(game).policy).max()
    assert (moved > 0.02) == (path != "temperature")


def test_a_balanced_bonus_is_a_temperature_for_small_margins_only() -> None:
    """Its margins are M / (1 + s (1 - 4 M^2)): 1 + s is the temperature of ties, not of others."""
    game = random_games(4, 3, 5)
    s = np.sinh(BONUS / 2) ** 2
    solver = SOLVERS["nlhf_exact"]
    distance = {}
    for size in (0.05, 1.0):
        scaled = PreferenceGame(0.5 + size * (game.P - 0.5), game.ref)
        M = scaled.P - 0.5
        (P,) = tables("balanced_position", scaled, np.array([1.0]))
        assert P[0] - 0.5 == pytest.approx(M / (1 + s * (1 - 4 * M**2)), abs=1e-12)
        answer = solver(tau=0.1 * size).solve(PreferenceGame(P[0], game.ref)).policy
        factors = np.linspace(1, 1 + s, 40)
        clean = [solver(tau=0.1 * size * factor).solve(scaled).policy for factor in factors]
        distance[size] = np.array([abs(answer - other).sum(-1) / 2 for other in clean])
    assert distance[0.05][-1].max() < 2e-3
    assert distance[0.05][0].min() > 0.02
    assert distance[1.0].min(0).max() > 0.015  # no temperature gives the answer
    assert distance[1.0].min(0).min() > 0.003


# --- planted bugs ---


def check(module: Any) -> None:
    """The closed forms on a game by hand, at t = 1/4."""
    P = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.6], [0.7, 0.4, 0.5]])
    game, t = PreferenceGame(P, names=["a", "b", "c"]), np.array([0.25])
    M = P - 0.5
    up = np.triu(np.ones((3, 3)), 1)
    odds = np.log(P / (1 - P))
    b = 0.25 * BONUS

    def sigmoid(x: Float) -> Float:
        return np.asarray(1 / (1 + np.exp(-x)))

    first = np.array([[0, 1, 1], [-1, 0, 0], [-1, 0, 0]])
    lost = 0.125 * np.array([[0, 0.9, 0.3], [0, 0, 0], [0, 0, 0]])
    sign = up - up.T
    expected = {
        "temperature": 0.5 + 0.75 * M,
        "random_raters": 0.5 + 0.75 * M,
        "reversed_raters": 0.5 + 0.5 * M,
        "hard": 0.5 + M * (1 - 0.25 * (1 - 2 * abs(M))),
        "one_sided": P - lost + lost.T,
        "bias": sigmoid(odds + b * first),
        "position": sigmoid(odds + b * sign),
        "balanced_position": (sigmoid(odds + b) + sigmoid(odds - b)) / 2,
    }
    for path, table in expected.items():
        got = tables(path, game, t, module)[0][0]
        assert np.allclose(got + np.eye(3), np.where(np.eye(3), 1.5, table), atol=1e-12), path
    T_part = np.subtract.outer(M.mean(1), M.mean(1))
    C_part = M - T_part
    sizes = [np.sqrt((part**2).sum()) for part in (M, T_part, C_part)]
    mixed = np.sqrt(0.75) * T_part / sizes[1] + np.sqrt(0.25) * C_part / sizes[2]
    T_part, C_part = T_part / sizes[1], C_part / sizes[2]
    scale = min(sizes[0], 0.49 / np.sqrt(T_part**2 + C_part**2).max())
    assert np.allclose(tables("cyclic", game, t, module)[0][0], 0.5 + scale * mixed, atol=1e-12)
    people = three_annotators((0.5, 0.2, 0.3))
    grown = tables("annotators", people, t, module)
    shares = [(0.25, 0.3, 0.45), (0.75 * 5 / 8, 0.25, 0.75 * 3 / 8), (0.75 * 5 / 7, 1.5 / 7, 0.25)]
    for table, share in zip(grown, shares, strict=True):
        assert np.allclose(table[0], three_annotators(share).P, atol=1e-12)
    at = {name: path.judged_by for name, path in module.PATHS.items()}
    assert [name for name, by in at.items() if by == "t"] == ["cyclic", "annotators"]


MUTANTS = mutants({
    robustness_paths: [
        ("np.sqrt(1 - t) * T + np.sqrt(t) * C", "(1 - t) * T + t * C"),
        ("np.sqrt(1 - t) * T + np.sqrt(t) * C", "np.sqrt(t) * T + np.sqrt(1 - t) * C"),
        ("np.sqrt(1 - t) * T + np.sqrt(t) * C", "np.sqrt(1 - t) * T - np.sqrt(t) * C"),
        ("size / _norm(C)", "size / _norm(T)"),
        ("np.sqrt(T**2 + C**2).max", "(abs(T) + abs(C)).max"),
        ("np.sqrt((margins**2).sum", "np.sqrt(abs(margins).sum"),
        ("t * alone + (1 - t) * rest", "(1 - t) * alone + t * rest"),
        ("others / others.sum(-1, keepdims=True)", "np.full_like(others, 1 / others.shape[-1])"),
        ("0.5 + (1 - t) * (game.P - 0.5)", "0.5 + (1 - t / 2) * (game.P - 0.5)"),
        ("0.5 + (1 - 2 * t)", "0.5 + (1 - t)"),
        ("1 - t * (1 - 2 * abs(margins))", "1 - t * (1 - 2 * margins)"),
        ("1 - t * (1 - 2 * abs(margins))", "1 - t * 2 * abs(margins)"),
        ("row * game.P * t / 2", "row * game.P * t"),
        ("row * game.P * t / 2", "row * (1 - game.P) * t / 2"),
        ("game.P - lost + np.swapaxes(lost, -1, -2)", "game.P - lost"),
        ("bonus * t * (row - row.T)", "bonus * t * row"),
        ("bonus * t * (row - row.T)", "bonus * t * (row.T - row)"),
        ("bonus * t * _first(game.n)", "bonus * _first(game.n)"),
        ("_tilted(game.P, -bonus * t * sign)", "game.P"),
        ("(1 - P) * np.exp(-bonus)", "(1 - P) * np.exp(bonus)"),
    ]
})  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_planted_bug_shows(mutant: Mutant) -> None:
    assert_noticed(mutant, check)
