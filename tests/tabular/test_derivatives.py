"""Derivatives of exact answers: against finite differences, by hand, and where there are none."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from games import PreferenceGame
from games.catalogue import make
from solvers import SOLVERS, Solver
from tabular import MatchedKl, derivatives
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import random_games

RLHF, NLHF, SLHF = (SOLVERS[f"{name}_exact"] for name in ("rlhf", "nlhf", "slhf"))
SOLVED: list[Solver] = [
    RLHF(tau=0.3),
    RLHF(tau=0.3, ridge=0.1),
    NLHF(tau=0.1),
    NLHF(tau=0.0),
    SLHF(0.1, 0.2),
    SLHF(0.1, 0.0),
    MatchedKl(RLHF, 0.2),
    MatchedKl(NLHF, 0.05),
    MatchedKl(SLHF, 0.05),
]
_STEP = 1e-6


def generic() -> PreferenceGame:
    """Three games of four answers with unequal references and pair weights."""
    rng = np.random.default_rng(0)
    game = random_games(3, 3, 4)
    weights = rng.uniform(0.2, 2, (4, 4))
    pairs = np.broadcast_to(np.triu(weights, 1) + np.triu(weights, 1).T, (3, 4, 4))
    follower = rng.dirichlet(np.full(4, 3.0), (3, 4))
    return PreferenceGame(0.8 * game.P + 0.1, game.ref, follower, pairs)


def central(solver: Solver, game: PreferenceGame, **change: Any) -> Any:
    """Central difference of the answer along a change of fields of the game."""
    plus, minus = (
        solver.solve(
            replace(game, **{key: getattr(game, key) + sign * d for key, d in change.items()})
        ).policy
        for sign in (_STEP, -_STEP)
    )
    return (plus - minus) / (2 * _STEP)


def normalised(game: PreferenceGame) -> PreferenceGame:
    pairs = game.pair_weights
    return replace(game, pairs=pairs / (pairs.sum((-1, -2), keepdims=True) / 2))


def check_differences(module: Any, solvers: list[Solver] = SOLVED) -> None:
    game = normalised(generic())
    weights = game.pair_weights
    for solver in solvers:
        response = module.derivative(solver, game)
        assert (response.message == "").all()
        assert abs(response.by_P).max() > 0.1
        for i, j in ((0, 1), (1, 3), (2, 0), (3, 2)):
            dP = np.zeros((4, 4))
            dP[i, j], dP[j, i] = 1, -1
            expected = central(solver, game, P=dP)
            assert response.by_P[..., i, j] == pytest.approx(expected, abs=2e-7)
            assert response.change(dP) == pytest.approx(expected, abs=2e-7)
            dw = -np.array(weights)
            dw[..., i, j] += 1
            dw[..., j, i] += 1
            moved = central(solver, game, pairs=dw)
            assert response.change(0 * dP, dw) == pytest.approx(moved, abs=2e-7)
            assert abs(moved).max() > 1e-3 or not np.any(response.by_weight)


def test_every_derivative_equals_finite_differences_of_its_solver() -> None:
    check_differences(derivatives)


def test_only_rlhf_reads_the_pair_weights() -> None:
    for solver in SOLVED:
        read = bool(np.any(derivatives.derivative(solver, generic()).by_weight))
        assert read == (solver.concept == "rlhf")


@pytest.mark.parametrize("p", [0.3, 0.8])
def test_two_answers_by_hand(p: float) -> None:
    """pi_0 = sigmoid(x + log ref ratio), with x linear in p (NLHF) or its log-odds (RLHF)."""
    game = PreferenceGame([[0.5, p], [1 - p, 0.5]], [0.3, 0.7])
    for solver, slope in (
        (NLHF(tau=0.2), 1 / 0.2),
        (RLHF(tau=0.2), 1 / (0.2 * p * (1 - p))),
    ):
        pi = solver.solve(game).policy
        by_P = derivatives.derivative(solver, game).by_P
        assert by_P[0, 0, 1] == pytest.approx(pi[0] * pi[1] * slope)
        assert by_P[1, 0, 1] == pytest.approx(-pi[0] * pi[1] * slope)


def test_at_equal_kl_two_answers_cannot_move() -> None:
    game = PreferenceGame([[0.5, 0.8], [0.2, 0.5]], [0.3, 0.7])
    for kind in (RLHF, NLHF, SLHF):
        assert derivatives.derivative(MatchedKl(kind, 0.1), game).by_P == pytest.approx(
            0, abs=1e-12
        )


def test_the_lottery_of_a_cycle_by_hand() -> None:
    """p = (c, b, a) / (a + b + c) for margins a of 0 over 1, b of 2 over 0, c of 1 over 2."""
    a, b, c = 0.1, 0.2, 0.3
    P = [[0.5, 0.5 + a, 0.5 - b], [0.5 - a, 0.5, 0.5 + c], [0.5 + b, 0.5 - c, 0.5]]
    by_P = derivatives.derivative(NLHF(tau=0.0), PreferenceGame(P)).by_P
    total = a + b + c
    by_a = np.array([-c, -b, total - a]) / total**2
    assert by_P[:, 0, 1] == pytest.approx(by_a)
    assert by_P[:, 1, 0] == pytest.approx(-by_a)


def test_without_a_penalty_rlhf_and_slhf_stand_still_between_ties() -> None:
    game = generic()
    for solver in (RLHF(tau=0.0), SLHF(0.0, 0.0), SLHF(0.0, 0.3)):
        response = derivatives.derivative(solver, game)
        assert not response.by_P.any()
        assert (response.message == "").all()
    tie = make({"name": "rock_paper_scissors"})
    for solver in (RLHF(tau=0.0), SLHF(0.0, 0.0)):
        response = derivatives.derivative(solver, tie)
        assert np.isnan(response.by_P).all()
        assert "tie at tau = 0" in str(response.message)


def test_contexts_without_a_derivative_give_nan_and_a_reason() -> None:
    tied = np.full((3, 3), 0.5)
    game = PreferenceGame([tied, make({"name": "condorcet"}).P])
    response = derivatives.derivative(NLHF(tau=0.0), game)
    assert np.isnan(response.by_P[0]).all()
    assert np.isfinite(response.by_P[1]).all()
    assert "not unique" in response.message[0]
    assert response.message[1] == ""
    for kind in (NLHF, SLHF):
        far = derivatives.derivative(MatchedKl(kind, 5.0), game)
        assert np.isnan(far.by_P).all()
        assert (far.message != "").all()


def test_other_solvers_have_a_reason() -> None:
    response = derivatives.derivative(SOLVERS["egpo"](), make({"name": "condorcet"}))
    assert "no closed form" in str(response.message)


MUTANTS = mutants({
    derivatives: [
        ("- pi[..., :, None] * pi[..., None, :]", "+ pi[..., :, None] * pi[..., None, :]"),
        ("curvature = w * s * (1 - s)", "curvature = s * (1 - s)"),
        ("+ solver.ridge * np.eye(n)", ""),
        ("return _between(columns, w)", "return _between(columns, s)"),
        ("misfit = game.P - s", "misfit = s - game.P"),
        ("pushed + np.swapaxes(pushed, -1, -2)", "pushed - np.swapaxes(pushed, -1, -2)"),
        ("np.eye(game.n) - D @ game.P", "np.eye(game.n) + D @ game.P"),
        ("np.eye(game.n) - D @ game.P", "np.eye(game.n) - D @ np.swapaxes(game.P, -1, -2)"),
        ("(columns, answer.policy[..., None, :])", "(columns, game.ref[..., None, :])"),
        ("-np.linalg.pinv(inner)", "np.linalg.pinv(inner)"),
        ("return _between(D, follower)", "return _between(D, np.swapaxes(follower, -1, -2))"),
        ("tilt = tilt - numerics.kl", "tilt = tilt + numerics.kl"),
        ("answer.log_policy - game.log_ref, 0.0", "answer.log_policy, 0.0"),
        ("part - by_tau[..., :, None, None]", "part + by_tau[..., :, None, None]"),
        ("moved.sum((-1, -2)) / 2", "moved.sum((-1, -2))"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_are_caught(mutant: Mutant) -> None:
    assert_noticed(mutant, check_differences)
