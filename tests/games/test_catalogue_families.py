"""Random families, populations of rankings, and games made from games."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from games import GAMES, GameError, Population, PreferenceGame, ScoreGame, measures
from games.catalogue.clones import clones
from games.catalogue.condorcet import condorcet
from games.catalogue.laddered import laddered
from games.population import majority
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact

# populations of rankings


def test_majority_counts_indifference_half_in_every_context() -> None:
    one = Population([0.7, 0.3], [[1.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    both = Population([[0.7, 0.3], [0.2, 0.8]], np.stack([one.utilities, -one.utilities]))
    P = [[0.5, 0.35, 0.7], [0.65, 0.5, 1.0], [0.3, 0.0, 0.5]]
    np.testing.assert_allclose(majority(one), P, atol=1e-15)
    np.testing.assert_allclose(majority(both)[0], P, atol=1e-15)
    np.testing.assert_allclose(majority(both)[1, 0], [0.5, 0.9, 0.8], atol=1e-15)


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.999, 1.0])
def test_mallows_is_what_its_definition_says(phi: float) -> None:
    centres, shares = [[3, 0, 2, 1], [0, 1, 2, 3]], [0.7, 0.3]
    game = GAMES["mallows"](centres, shares, phi)
    P = np.zeros((4, 4))
    for centre, share in zip(centres, shares, strict=True):
        weights = {}
        for ranking in itertools.permutations(range(4)):
            swaps = sum(
                ranking.index(a) > ranking.index(b) for a, b in itertools.combinations(centre, 2)
            )
            weights[ranking] = phi**swaps
        total = sum(weights.values())
        for ranking, weight in weights.items():
            for a, b in itertools.combinations(ranking, 2):
                P[a, b] += share * weight / total
    np.testing.assert_allclose(game.P, P + np.eye(4) / 2, atol=1e-13)


def test_mallows_formula_for_more_answers_than_are_listed() -> None:
    phi, order = 0.8, [4, 2, 7, 0, 1, 3, 5, 6]
    game = GAMES["mallows"]([order], [1.0], phi)
    assert game.population is None
    for d in range(1, 8):
        published = (d + 1) / (1 - phi ** (d + 1)) - d / (1 - phi**d)
        assert game.P[order[0], order[d]] == pytest.approx(published, abs=1e-12)


def test_plackett_luce_rankings_have_the_odds_of_sequential_choice() -> None:
    game = GAMES["plackett_luce"]([[0.5, 0.0, -1.0], [-2.0, 1.0, 0.3]], [0.6, 0.4])
    people = game.population
    assert people is not None
    w = np.exp([[0.5, 0.0, -1.0], [-2.0, 1.0, 0.3]])
    first_2_then_0 = w[:, 2] / w.sum(1) * w[:, 0] / (w[:, 0] + w[:, 1])
    at = np.flatnonzero((people.utilities == [1, 0, 2]).all(1))
    np.testing.assert_allclose(people.shares[at], [0.6, 0.4] @ first_2_then_0, atol=1e-14)


# games made from games


def test_hodge_mix_goes_from_ranking_to_cycle_and_rlhf_does_not_see_it() -> None:
    mixes = [GAMES["hodge_mix"](weight=w) for w in (0, 0.25, 0.5, 0.75, 1)]
    shares = [float(measures.hodge_margins(game).cyclic_share) for game in mixes]
    np.testing.assert_allclose(shares[:: len(shares) - 1], (0, 1), atol=1e-12)
    assert (np.diff(shares) > 0.03).all()
    np.testing.assert_allclose([mixes[0].P.max(), mixes[-1].P.max()], 0.9)
    T, C = mixes[0].P - 0.5, mixes[-1].P - 0.5
    np.testing.assert_allclose(mixes[1].P, 0.5 + 0.75 * T + 0.25 * C, atol=1e-15)
    for game in mixes[:-1]:
        np.testing.assert_array_equal(RlhfExact(tau=0).solve(game).policy, (1, 0, 0, 0, 0))
    np.testing.assert_allclose(RlhfExact(tau=0.1).solve(mixes[-1]).policy, 0.2, atol=1e-9)


def odd_game(with_pairs: bool) -> PreferenceGame:
    rng = np.random.default_rng(5)
    M = np.tril(rng.random((2, 4, 4)) - 0.5, -1)
    w = rng.random((2, 4, 4)) + 0.1
    return PreferenceGame(
        0.5 + M - np.swapaxes(M, -1, -2),
        rng.dirichlet(np.ones(4), size=2),
        rng.dirichlet(np.ones(4), size=(2, 4)),
        w + np.swapaxes(w, -1, -2) if with_pairs else None,
        names=("w", "x", "y", "z"),
        population=Population([[0.5, 0.5]] * 2, rng.random((2, 2, 4))),
    )


def test_clones_divide_everything_among_the_copies() -> None:
    game = odd_game(with_pairs=True)
    cloned = clones(game, "y", 3)
    assert cloned.names == ("w", "x", "y (1)", "y (2)", "y (3)", "z")
    assert game.ref_follower is not None
    assert cloned.ref_follower is not None
    assert game.population is not None
    assert cloned.population is not None
    np.testing.assert_array_equal(cloned.P[:, 2:5, 2:5], 0.5)
    np.testing.assert_array_equal(cloned.P[:, 3, [0, 1, 5]], game.P[:, 2, [0, 1, 3]])
    np.testing.assert_allclose(cloned.ref[:, 2:5], game.ref[:, [2]] / 3 * np.ones(3))
    np.testing.assert_allclose(cloned.ref_follower[:, 5, 3], game.ref_follower[:, 3, 2] / 3)
    np.testing.assert_allclose(cloned.ref_follower[:, 3, 5], game.ref_follower[:, 2, 3])
    np.testing.assert_allclose(cloned.pair_weights[:, 4, 0], game.pair_weights[:, 2, 0] / 3)
    np.testing.assert_array_equal(cloned.pair_weights[:, 2:5, 2:5], 0)
    np.testing.assert_array_equal(
        cloned.population.utilities[..., 4], game.population.utilities[..., 2]
    )


@pytest.mark.parametrize(
    ("solver", "with_pairs", "proof"),
    [
        (NlhfExact(tau=0.1), False, True),
        (NlhfExact(tau=0), False, True),
        (SlhfExact(tau_leader=0.2, tau_follower=0.05), False, True),
        (SlhfExact(tau_leader=0, tau_follower=0), False, True),
        (RlhfExact(tau=0.1), True, True),
        (RlhfExact(tau=0.1), False, False),
    ],
)
def test_clones_leave_nlhf_and_slhf_alone(solver: Any, with_pairs: bool, proof: bool) -> None:
    game = odd_game(with_pairs)
    before, after = solver.solve(game).policy, solver.solve(clones(game, 2, 3)).policy
    merged = np.stack([after[:, 0], after[:, 1], after[:, 2:5].sum(1), after[:, 5]], axis=1)
    moved = np.abs(merged - before).max()
    assert moved < 1e-9 if proof else moved > 1e-2


@pytest.mark.parametrize(
    ("action", "copies", "message"),
    [("q", 2, "no action 'q'"), (3, 2, r"\[0, 2\]"), (None, 2, "no action"), (0, 0, "copies is 0")],
)
def test_clones_of_nothing(action: Any, copies: int, message: str) -> None:
    with pytest.raises(GameError, match=message):
        clones(condorcet(), action, copies)


# random families


def test_random_is_uniform_below_the_diagonal() -> None:
    game = GAMES["random"](400, rng=np.random.default_rng(0))
    below = np.sort(game.P[np.tril_indices(400, -1)])
    assert np.abs(below - np.linspace(0, 1, len(below))).max() < 1.63 / np.sqrt(len(below))
    logits = game.log_ref - game.log_ref.mean()
    assert logits.std() == pytest.approx(1, abs=0.12)


def test_tournament_decides_every_pair() -> None:
    game = GAMES["tournament"](101, rng=np.random.default_rng(0))
    off = game.P[np.triu_indices(101, 1)]
    assert set(off) == {0.0, 1.0}
    assert off.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(off)))


def test_disc_has_a_winner_where_a_line_has_all_points_on_one_side() -> None:
    outcomes = set()
    for seed in range(30):
        game = GAMES["disc"](4, rng=np.random.default_rng(seed))
        x, y = np.random.default_rng(seed).standard_normal((4, 2)).T
        angles = np.sort(np.arctan2(y, x))
        widest = np.diff(np.append(angles, angles[0] + 2 * np.pi)).max()
        winner = bool(measures.condorcet_winner(game).any())
        assert winner == (widest > np.pi)
        outcomes.add(winner)
    assert outcomes == {True, False}


def test_ranks_are_what_they_should_be() -> None:
    rng = np.random.default_rng(0)
    odds = GAMES["disc"](30, 2, rng=rng).P
    assert np.linalg.matrix_rank(np.log(odds / odds.T), tol=1e-9) == 4
    margins = GAMES["low_rank"](30, 6, rng=rng).P - 0.5
    assert np.linalg.matrix_rank(margins, tol=1e-9) == 6
    assert 0.2 < np.abs(margins).max() <= 0.5


@pytest.mark.parametrize(("correlation", "cyclic", "no_winner"), [(0.8, 0.93, 0.06), (1, 0, 0)])
def test_cycles_of_many_attributes_saturate(
    correlation: float, cyclic: float, no_winner: float
) -> None:
    rng = np.random.default_rng(0)
    drawn = [GAMES["multi_attribute"](20, 5, correlation, rng=rng) for _ in range(600)]
    game = PreferenceGame.stack(drawn)
    share = (measures.three_cycles(game) > 0).mean()
    without = (~measures.condorcet_winner(game).any(-1)).mean()
    assert share == pytest.approx(cyclic, abs=0.035)
    assert without == pytest.approx(no_winner, abs=0.03)
    np.testing.assert_allclose(5 * game.P[0, 0, 1:], np.rint(5 * game.P[0, 0, 1:]), atol=1e-12)


SCORED: dict[str, Callable[..., PreferenceGame]] = {
    "disc": lambda n: GAMES["disc"](n, 3, rng=np.random.default_rng(1)),
    "low_rank": lambda n: GAMES["low_rank"](n, rng=np.random.default_rng(1)),
    "bradley_terry": lambda n: GAMES["bradley_terry"](np.linspace(-1, 3, n) ** 2),
}


@pytest.mark.parametrize("name", SCORED)
def test_games_of_many_answers_are_stored_as_scores(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = SCORED[name](12)
    assert not isinstance(small, ScoreGame)
    monkeypatch.setattr(f"games.catalogue.{name}.DENSE_LIMIT", 11)
    scored = SCORED[name](12)
    assert isinstance(scored, ScoreGame)
    np.testing.assert_allclose(scored.P, small.P, atol=1e-14)
    monkeypatch.undo()
    large = SCORED[name](5001)
    assert isinstance(large, ScoreGame)
    row = large.rows(7)
    assert row[7] == 0.5
    assert np.ptp(row) > 0.1


def test_a_low_rank_game_has_a_short_maximal_lottery() -> None:
    game = GAMES["low_rank"](40, 4, rng=np.random.default_rng(2))
    basis = np.linalg.svd(game.P - 0.5)[2][:4]
    equal, values = np.vstack([basis, np.ones(40)]), np.array([0, 0, 0, 0, 1])
    programme = linprog(np.arange(40), A_eq=equal, b_eq=values, method="highs-ds")
    lottery = np.asarray(programme.x)
    assert (lottery > 1e-9).sum() <= 5
    assert measures.duality_gap(game, lottery) < 1e-9
    assert (NlhfExact(tau=0).solve(game).policy > 1e-3).all()


def test_a_ladder_falls_by_its_ratio_and_the_followers_goes_around() -> None:
    game = laddered(condorcet(), 4.0)
    np.testing.assert_allclose(game.ref, np.array([4, 2, 1]) / 7)
    assert game.ref_follower is not None
    np.testing.assert_allclose(game.ref_follower, np.array([[4, 2, 1], [1, 4, 2], [2, 1, 4]]) / 7)
    assert np.array_equal(game.P, condorcet().P)
    assert game.population is not None
    assert laddered(condorcet(), 0.25).ref.argmax() == 2
    many = laddered(PreferenceGame.stack([condorcet(), condorcet((0.2, 0.3, 0.5))]), 4.0)
    np.testing.assert_allclose(many.ref, [game.ref] * 2)


@pytest.mark.parametrize("ratio", [0.0, -1.0, np.inf, np.nan])
def test_a_ladder_that_leads_nowhere(ratio: float) -> None:
    with pytest.raises(GameError, match=r"ratio is .* expected (a number > 0|finite)"):
        laddered(condorcet(), ratio)
