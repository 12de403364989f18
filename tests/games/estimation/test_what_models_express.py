"""What each preference model can express: the fits to tables known without error."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from games import Comparisons, GameError
from games.catalogue import make
from games.estimation import ESTIMATORS, log_loss
from games.estimation.general import General
from games.estimation.hybrid import Hybrid
from games.game import Float
from tests.games.estimation.infinite_data import (
    accuracy,
    beside_a_cycle,
    cycle,
    entropy,
    exact,
    sigmoid,
)

WEIGHTS = np.array([[0, 3, 1, 7], [3, 0, 2, 1], [1, 2, 0, 5], [7, 1, 5, 0.0]])
REWARDS = np.array([1.3, -0.4, 0.2, -1.1])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def plain(name: str, **params: Any) -> Any:
    """The estimator without a prior."""
    free = "prior" if name == "table" else "ridge"
    return ESTIMATORS[name](**{free: 0.0, **params})


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_bradley_terry_table_is_fitted_by_every_estimator(
    name: str, weights: Float | None
) -> None:
    P = sigmoid(REWARDS)
    data = exact(P, weights)
    if name == "mixture":
        data = Comparisons.by_rater([0.2 * data.wins, 0.5 * data.wins, 0.3 * data.wins])
    fit = plain(name).fitted(data, rng())
    np.testing.assert_allclose(fit.game.P, P, atol=1e-6)
    assert fit.certificate.holds
    assert abs(P - 0.5).max() > 0.4, "a guess is far"
    np.testing.assert_allclose(fit.losses.min(), log_loss(fit.game, data), atol=1e-12)
    np.testing.assert_allclose(fit.game.pairs, data.pairs)


@pytest.mark.parametrize("n", [3, 5, 7])
@pytest.mark.parametrize("margin", [0.1, 0.4])
def test_on_an_even_cycle_bradley_terry_knows_nothing(n: int, margin: float) -> None:
    P = cycle(n, margin)
    np.testing.assert_allclose((P - 0.5).sum(-1), 0, atol=1e-15)
    fit = plain("bradley_terry").fitted(exact(P))
    np.testing.assert_allclose(fit.game.P, 0.5, atol=1e-12)
    np.testing.assert_allclose(fit.losses, np.log(2), rtol=1e-14)
    assert entropy(P) < np.log(2) - 0.01


def test_on_a_three_cycle_a_score_is_right_on_two_pairs_of_three_at_most() -> None:
    P = cycle(3, 0.4)
    assert accuracy(P, plain("bradley_terry").fit(exact(P)).P) == pytest.approx(1 / 2)
    levels = itertools.product(range(3), repeat=3)  # every order of three scores, with ties
    best = max(accuracy(P, sigmoid(np.array(scores))) for scores in levels)
    assert best == pytest.approx(2 / 3)
    fit = plain("general").fitted(exact(P), rng())
    assert accuracy(P, fit.game.P) == 1
    np.testing.assert_allclose(fit.game.P, P, atol=1e-6)


# Two numbers for each answer do not suffice


def signs_in_the_plane(angles: Float) -> Float:
    """P in {0, 1/2, 1} of embeddings at these angles: log-odds are sines of differences."""
    return np.asarray((1 + np.sign(np.round(np.sin(np.subtract.outer(angles, angles)), 9))) / 2)


@pytest.mark.parametrize("loser", [False, True])
def test_no_plane_has_a_condorcet_winner_or_loser_beside_a_three_cycle(loser: bool) -> None:
    P = beside_a_cycle(0.1, loser)
    grid = np.linspace(0, 2 * np.pi, 24, endpoint=False)  # all orders around the circle
    each = [(0.0, *rest) for rest in itertools.product(grid + 0.01, repeat=3)]
    right = [accuracy(P, signs_in_the_plane(np.array(angles))) for angles in each]
    assert max(right) == pytest.approx(5 / 6)
    # a score is right as often: it puts the outsider in its place and breaks the cycle once
    ranks = itertools.permutations(range(4))
    scores = [accuracy(P, sigmoid(np.array(r, dtype=float))) for r in ranks]
    assert max(scores) == pytest.approx(5 / 6)


@pytest.mark.parametrize("loser", [False, True])
def test_the_likeliest_plane_leaves_an_outsider_tied_with_the_cycle(loser: bool) -> None:
    P = beside_a_cycle(0.1, loser)
    fit = plain("general", starts=8).fitted(exact(P), rng())
    np.testing.assert_allclose(fit.game.P[:3, :3], P[:3, :3], atol=1e-6)
    np.testing.assert_allclose(fit.game.P[3], 0.5, atol=1e-6)
    assert accuracy(P, fit.game.P) == pytest.approx(3 / 4)
    # three of six pairs at 1/2 instead of .6
    lost = (np.log(2) - entropy(np.array([[0.5, 0.6], [0.4, 0.5]]))) / 2
    assert fit.losses.min() - entropy(P) == pytest.approx(lost, abs=1e-9)
    assert lost == pytest.approx(0.01007, abs=1e-5)


@pytest.mark.parametrize("loser", [False, True])
def test_a_strong_outsider_makes_the_likeliest_plane_break_the_cycle(loser: bool) -> None:
    P = beside_a_cycle(0.3, loser)
    fit = plain("general", starts=12).fitted(exact(P), rng())
    assert accuracy(P, fit.game.P) == pytest.approx(5 / 6)
    assert fit.losses.min() - entropy(P) > 0.09
    assert fit.spread > 1e-3, "several local minima"


def test_an_even_five_cycle_has_all_its_signs_in_the_plane_and_not_its_margins() -> None:
    P = cycle(5, 0.4)
    fit = plain("general", starts=8).fitted(exact(P), rng())
    assert accuracy(P, fit.game.P) == 1
    assert fit.losses.min() - entropy(P) == pytest.approx(0.0122, abs=5e-5)
    # by symmetry the best plane is regular: log-odds c sin(72), c sin(144) for one c
    sines = np.sin(2 * np.pi * np.array([1, 2]) / 5)

    def regular(c: Float) -> float:
        p = 1 / (1 + np.exp(-c * sines))
        return float(-(0.9 * np.log(p) + 0.1 * np.log(1 - p)).mean())

    assert fit.losses.min() == pytest.approx(minimize(regular, np.array([2.0])).fun, abs=1e-9)


@pytest.mark.parametrize(
    "P", [beside_a_cycle(0.1, False), beside_a_cycle(0.3, True), cycle(5, 0.4)]
)
def test_four_numbers_suffice_for_them(P: Float) -> None:
    fit = General(4, ridge=0.0).fitted(exact(P), rng())
    np.testing.assert_allclose(fit.game.P, P, atol=1e-6)
    np.testing.assert_allclose(fit.losses.min(), entropy(P), atol=1e-12)


def test_a_reward_beside_the_plane_fits_the_outsider_and_not_the_five_cycle() -> None:
    for P in (beside_a_cycle(0.1, False), beside_a_cycle(0.3, True)):
        fit = Hybrid(2, ridge=0.0).fitted(exact(P), rng())
        np.testing.assert_allclose(fit.game.P, P, atol=1e-6)
    fit = Hybrid(2, ridge=0.0, starts=8).fitted(exact(cycle(5, 0.4)), rng())
    assert fit.losses.min() - entropy(cycle(5, 0.4)) > 0.01


def test_models_contain_each_other_so_their_losses_are_ordered() -> None:
    for seed in range(4):
        P = make("random", rng(seed)).P
        fits = [
            plain(name, **params).fitted(exact(P), rng()).losses.min()
            for name, params in (
                ("bradley_terry", {}),
                ("hybrid", {"dim": 0}),
                ("hybrid", {"dim": 2, "starts": 6}),
                ("general", {"dim": 4, "starts": 6}),
            )
        ]
        assert fits[0] == pytest.approx(fits[1], abs=1e-12)
        assert fits[1] > fits[2] + 1e-4 > fits[3] + 1e-4 >= entropy(P)


def test_what_is_not_known_to_be_finite_has_a_reason() -> None:
    sure = Comparisons([[0, 3, 2], [0, 0, 1], [1, 2, 0]])
    for name, why in (
        ("bradley_terry", ""),
        ("general", "1 never won against 0"),
        ("hybrid", "1 never won against 0"),
        ("mixture", "who compared"),
    ):
        assert why in str(plain(name).undefined(sure))
    order = Comparisons([[0, 3], [0, 0]])
    assert "the Bradley-Terry maximum is infinite" in str(plain("bradley_terry").undefined(order))
    with pytest.raises(GameError, match=r"1 of 1 contexts have no fit; context 0: the Bradley"):
        plain("bradley_terry").fit(order)
    raters = Comparisons.by_rater([[[0, 1], [1, 0]], [[0, 1], [0, 0]]])
    assert "rater 1: the Bradley-Terry maximum" in str(plain("mixture").undefined(raters))
    tied = Comparisons([[0, 1], [1, 0]], [[0, 1], [1, 0]], raters=[[[0, 1], [1, 0]]])
    assert "whose the ties are" in str(ESTIMATORS["mixture"]().undefined(tied))
    for name in ESTIMATORS:
        ridge = ESTIMATORS[name]()
        assert "nothing is compared" in str(
            ridge.undefined(Comparisons.by_rater(np.zeros((1, 2, 2))))
        )
