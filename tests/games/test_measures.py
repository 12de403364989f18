"""Measures against brute force, hand counts and the identities that they must satisfy."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special

from games import GameError, PreferenceGame, measures, numerics
from games.game import TIE_TOL, Float
from solvers import SOLVERS
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tests.paper_games import random_games, three_annotators
from tests.strategies import ANY, INTERIOR, LAW, SHORT, games, permuted, table, weights

TIED = st.sampled_from([0.0, 0.3, 0.5, 0.5, 1.0])
CYCLE = three_annotators()
"""p(A > B) = .65, p(A > C) = .40, p(B > C) = .75."""


def strictly_beats(game: PreferenceGame, i: int, j: int) -> bool:
    return bool(game.P[i, j] > 0.5 + TIE_TOL)


def smith_by_search(game: PreferenceGame) -> set[int]:
    """The smallest non-empty set whose members beat all outsiders, by trying all sets."""
    everyone = set(range(game.n))
    for size in range(1, game.n + 1):
        for some in itertools.combinations(range(game.n), size):
            if all(strictly_beats(game, i, j) for i in some for j in everyone - set(some)):
                return set(some)
    raise AssertionError("the set of all answers qualifies")


@LAW
@given(games(TIED, max_n=5))
def test_smith_set_by_search(game: PreferenceGame) -> None:
    assert set(np.flatnonzero(measures.smith_set(game))) == smith_by_search(game)


@LAW
@given(games(TIED, max_n=5))
def test_smith_set_holds_winners_and_lotteries(game: PreferenceGame) -> None:
    smith = measures.smith_set(game)
    copeland = measures.copeland(game)
    assert smith[copeland == copeland.max()].all()
    winner = measures.condorcet_winner(game)
    if winner.any():
        np.testing.assert_array_equal(smith, winner)
    lottery = SOLVERS["nlhf_exact"](tau=0).solve(game).policy
    assert lottery[~smith].sum() <= 1e-12


def test_a_cycle_above_a_tie_above_a_loser() -> None:
    P = np.full((6, 6), 0.5)
    for i, j in [(0, 1), (1, 2), (2, 0)]:
        P[i, j], P[j, i] = 0.6, 0.4
    for i in range(3):
        P[i, 3:], P[3:, i] = 0.9, 0.1
    P[3:5, 5], P[5, 3:5] = 1.0, 0.0
    game = PreferenceGame(P)
    np.testing.assert_array_equal(measures.smith_set(game), [1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(measures.copeland(game), [4, 4, 4, 1.5, 1.5, 0])
    np.testing.assert_array_equal(measures.three_cycles(game), 1)
    np.testing.assert_array_equal(measures.condorcet_winner(game), np.zeros(6))
    np.testing.assert_array_equal(measures.dominated(game), [0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(measures.borda(game)[[0, 3, 5]], [0.74, 0.36, 0.06])


def test_a_tie_with_an_outsider_lets_it_in() -> None:
    P = table(np.array([[0, 0, 0], [0.2, 0, 0], [0.5, 0.9, 0]]))
    np.testing.assert_array_equal(measures.smith_set(PreferenceGame(P)), [1, 0, 1])
    P = table(np.array([[0, 0, 0], [0.2, 0, 0], [0.5, 0.1, 0]]))
    np.testing.assert_array_equal(measures.smith_set(PreferenceGame(P)), [1, 1, 1])


@LAW
@given(games(TIED, max_n=6))
def test_counts_by_hand(game: PreferenceGame) -> None:
    n = game.n
    wins = [[strictly_beats(game, i, j) for j in range(n)] for i in range(n)]
    winner = [all(wins[i][j] for j in range(n) if j != i) for i in range(n)]
    np.testing.assert_array_equal(measures.condorcet_winner(game), winner)
    cycles = sum(
        (wins[i][j] and wins[j][k] and wins[k][i]) or (wins[j][i] and wins[k][j] and wins[i][k])
        for i, j, k in itertools.combinations(range(n), 3)
    )
    assert measures.three_cycles(game) == cycles
    scores = [
        sum(1.0 if wins[i][j] else 0.0 if wins[j][i] else 0.5 for j in range(n) if j != i)
        for i in range(n)
    ]
    np.testing.assert_array_equal(measures.copeland(game), scores)
    dominated = [
        any(wins[j][i] and all(game.P[j, k] >= game.P[i, k] for k in range(n)) for j in range(n))
        for i in range(n)
    ]
    np.testing.assert_array_equal(measures.dominated(game), dominated)
    others = [[game.P[i, j] for j in range(n) if j != i] or [0.0] for i in range(n)]
    np.testing.assert_allclose(measures.borda(game), np.mean(others, axis=1), atol=1e-15)


@LAW
@given(games(ANY, max_n=5, batch=(2,)), st.randoms())
def test_measures_follow_the_names_and_the_contexts(game: PreferenceGame, random: object) -> None:
    order = list(range(game.n))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = permuted(game, order)
    for measure in (
        measures.smith_set,
        measures.condorcet_winner,
        measures.copeland,
        measures.borda,
        measures.dominated,
        measures.follower_values,
    ):
        np.testing.assert_allclose(measure(moved), measure(game)[..., order], atol=1e-12)
        np.testing.assert_allclose(measure(game)[1], measure(game.at(1)), atol=1e-12)


def test_ties_and_majorities_meet_at_the_tolerance() -> None:
    for margin, copeland in ((0.9 * TIE_TOL, [0.5, 0.5]), (1.1 * TIE_TOL, [1, 0])):
        game = PreferenceGame([[0.5, 0.5 + margin], [0.5 - margin, 0.5]])
        np.testing.assert_array_equal(measures.copeland(game), copeland)
    at = PreferenceGame([[0.5, 0.5 + TIE_TOL], [0.5 - TIE_TOL, 0.5]])
    assert measures.copeland(at).sum() == 1


@LAW
@given(games(min_n=2), st.sampled_from([0.003, 0.1, 1.0, 30.0]), st.data())
def test_regularised_gap_is_what_best_responses_gain(
    game: PreferenceGame, tau: float, data: st.DataObject
) -> None:
    pi = data.draw(weights(game.n))
    kl = float(special.rel_entr(pi, game.ref).sum())
    z = np.log(game.ref) + game.P @ pi / tau
    by_formula = 2 * (tau * special.logsumexp(z) + tau * kl) - 1
    gap = measures.duality_gap(game, pi, tau)
    assert gap == pytest.approx(by_formula, abs=1e-12 * max(1, tau))
    reply = measures.best_response(game, pi, tau)
    gained = reply @ game.P @ pi - tau * special.rel_entr(reply, game.ref).sum() + tau * kl
    assert gap == pytest.approx(2 * (gained - 0.5), abs=1e-12 * max(1, tau))


@SHORT
@given(games(), st.sampled_from([0.01, 1.0, 1e3, 1e6, 1e12]))
def test_gap_is_never_negative_and_zero_at_the_equilibrium(
    game: PreferenceGame, tau: float
) -> None:
    answer = SOLVERS["nlhf_exact"](tau=tau).solve(game).policy
    assert 0 <= measures.duality_gap(game, answer, tau) <= 1e-12


@LAW
@given(games(min_n=2), st.sampled_from([0.02, 0.1, 1.0]), st.data())
def test_gap_bounds_the_distance_to_the_equilibrium(
    game: PreferenceGame, tau: float, data: st.DataObject
) -> None:
    """gap(p) >= 2 tau KL(p | equilibrium): the game is tau-strongly monotone in KL."""
    p = data.draw(weights(game.n))
    answer = SOLVERS["nlhf_exact"](tau=tau).solve(game).policy
    far = special.rel_entr(p, answer).sum()
    assert measures.duality_gap(game, p, tau) >= 2 * tau * far * (1 - 1e-9) - 1e-12


@LAW
@given(games(), st.data())
def test_plain_gap_by_enumeration(game: PreferenceGame, data: st.DataObject) -> None:
    p = data.draw(weights(game.n))
    rates = [sum(game.P[i, j] * p[j] for j in range(game.n)) for i in range(game.n)]
    assert measures.duality_gap(game, p) == pytest.approx(2 * max(rates) - 1, abs=1e-14)
    assert measures.worst_win_rate(game, p) == pytest.approx(1 - max(rates), abs=1e-14)
    assert 2 * measures.worst_win_rate(game, p) == pytest.approx(1 - measures.duality_gap(game, p))
    reply = measures.best_response(game, p)
    best = np.array(rates) >= max(rates) - TIE_TOL
    np.testing.assert_allclose(reply, np.where(best, game.ref, 0) / game.ref[best].sum())
    assert measures.win_rate(game, reply, p) == pytest.approx(max(rates), abs=1e-8)


@LAW
@given(games(), st.sampled_from([1e-3, 0.1, 0.999, 1.0, 2.0, 1e4, 1e9]))
def test_value_against_a_soft_follower_lies_between_its_bounds(
    game: PreferenceGame, tau: float
) -> None:
    reference = np.exp(game.log_ref_follower(slice(None)) + np.zeros_like(game.P))
    values = measures.follower_values(game, tau)
    low, high = measures.follower_values(game), (reference * game.P).sum(-1)
    np.testing.assert_array_equal(low, game.P.min(-1))
    assert (low - 1e-15 <= values).all()
    assert (values <= high + 1e-15).all()
    assert (values <= measures.follower_values(game, 1.3 * tau) + 1e-15).all()
    if tau < 100:
        direct = -tau * np.log((reference * np.exp(-game.P / tau)).sum(-1) + 1e-300)
        np.testing.assert_allclose(values, direct, atol=1e-12)
    if tau >= 1e4:
        np.testing.assert_allclose(values, high, atol=1 / tau)


def test_values_of_the_worked_example() -> None:
    expected = {0.0: [0.40, 0.35, 0.25], 0.1: [0.4727, 0.4382, 0.3492], 1: [0.5114, 0.5200, 0.4389]}
    for tau, values in expected.items():
        np.testing.assert_allclose(measures.follower_values(CYCLE, tau), values, atol=5e-5)
    assert measures.leader_value(CYCLE, [0.5, 0.25, 0.25]) == pytest.approx(0.35)


@LAW
@given(games(ANY, max_n=6))
def test_hodge_split_of_margins(game: PreferenceGame) -> None:
    margins = game.P - 0.5
    split = measures.hodge_margins(game)
    transitive = split.scores[:, None] - split.scores[None, :]
    np.testing.assert_allclose(transitive + split.cyclic, margins, atol=1e-15)
    np.testing.assert_allclose(split.cyclic, -split.cyclic.T, atol=1e-15)
    np.testing.assert_allclose(split.cyclic.sum(-1), 0, atol=1e-14)
    assert (transitive * split.cyclic).sum() == pytest.approx(0, abs=1e-14)
    total = (margins**2).sum()
    assert 0 <= split.cyclic_share <= 1
    assert split.cyclic_share * total == pytest.approx((split.cyclic**2).sum())
    assert (transitive**2).sum() + (split.cyclic**2).sum() == pytest.approx(total)


@LAW
@given(st.lists(st.floats(-3, 3), min_size=2, max_size=6))
def test_a_bradley_terry_game_has_no_cyclic_part_in_log_odds(rewards: list[float]) -> None:
    r = np.array(rewards)
    assume(np.ptp(r) > 1e-3)
    split = measures.hodge_log_odds(PreferenceGame(special.expit(r[:, None] - r[None, :])))
    np.testing.assert_allclose(split.scores, r - r.mean(), atol=1e-12)
    assert split.cyclic_share < 1e-20


@LAW
@given(games(INTERIOR, min_n=3, max_n=6))
def test_hodge_scores_are_the_least_squares_fit(game: PreferenceGame) -> None:
    odds = special.logit(game.P)
    split = measures.hodge_log_odds(game)
    pairs = list(itertools.combinations(range(game.n), 2))
    design = np.zeros((len(pairs), game.n))
    for k, (i, j) in enumerate(pairs):
        design[k, i], design[k, j] = 1, -1
    fitted = np.linalg.lstsq(design, np.array([odds[i, j] for i, j in pairs]), rcond=None)[0]
    np.testing.assert_allclose(split.scores, fitted - fitted.mean(), atol=1e-9)


def test_a_pure_cycle_is_all_cyclic_and_a_certainty_has_no_log_odds() -> None:
    cycle = PreferenceGame([[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]])
    assert measures.hodge_margins(cycle).cyclic_share == pytest.approx(1)
    assert measures.hodge_log_odds(cycle).cyclic_share == pytest.approx(1)
    flat = PreferenceGame(np.full((3, 3), 0.5))
    assert measures.hodge_margins(flat).cyclic_share == 0
    mixed = PreferenceGame.stack([cycle, PreferenceGame(table(np.zeros((3, 3))))])
    share = measures.hodge_log_odds(mixed).cyclic_share
    assert share[0] == pytest.approx(1)
    assert np.isnan(share[1])


def test_win_rate_is_bilinear_and_complementary() -> None:
    game = random_games(3, 4, 5)
    rng = np.random.default_rng(0)
    p: Float = rng.dirichlet(np.ones(5), 4)
    q: Float = rng.dirichlet(np.ones(5), 4)
    expected = [sum(p[c, i] * game.P[c, i, j] * q[c, j] for i in range(5) for j in range(5))
                for c in range(4)]  # fmt: skip
    np.testing.assert_allclose(measures.win_rate(game, p, q), expected)
    np.testing.assert_allclose(measures.win_rate(game, p, q) + measures.win_rate(game, q, p), 1)
    np.testing.assert_allclose(measures.win_rate(game, p, p), 0.5)
    np.testing.assert_allclose(measures.kl_to_ref(game, game.ref), 0, atol=1e-30)


@pytest.mark.parametrize("tau", [-0.1, [0.1, -0.1], [0.0, 0.1], [0.0, np.nan]])
def test_a_negative_tau_or_some_that_are_0_are_refused(tau: float | list[float]) -> None:
    game, pi = PreferenceGame.stack([CYCLE, CYCLE]), np.full(3, 1 / 3)
    weight: Float = np.array(tau)
    for measure in (
        lambda: measures.duality_gap(game, pi, weight),
        lambda: measures.follower_values(game, weight),
        lambda: SlhfExact().at_weights(game)({"tau_leader": weight, "tau_follower": 0.1}),
        lambda: RlhfExact().compute_at(game, {"tau": weight}),
        lambda: NlhfExact().compute_at(game, {"tau": weight}),
    ):
        with pytest.raises(GameError, match="all 0 or all > 0"):
            measure()


def test_a_context_without_tau_has_no_value_and_leaves_the_others_theirs() -> None:
    game, pi = PreferenceGame.stack([CYCLE, CYCLE]), np.full(3, 1 / 3)
    weight = np.array([np.nan, 0.1])
    gap = measures.duality_gap(game, pi, weight)
    values = measures.follower_values(game, weight)
    assert np.isnan(gap[0])
    assert np.isnan(values[0]).all()
    np.testing.assert_array_equal(gap[1], measures.duality_gap(CYCLE, pi, 0.1))
    np.testing.assert_array_equal(values[1], measures.follower_values(CYCLE, 0.1))
    assert not numerics.is_soft(np.zeros(2))
