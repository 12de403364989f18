"""An answer that does not exist: status, NaN and a reason for each context, from every solver."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from games import PreferenceGame
from solvers import SOLVERS, Certificate, Solution, Solver
from solvers.iterative import IterativeSolver
from solvers.solver import solve_defined
from tests.paper_games import random_games

SURE = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]])
"""Nothing ever beats the first answer."""

REASONS = {
    "rlhf_exact": "the Bradley-Terry maximum is infinite",
    "preference_matching": "the Bradley-Terry maximum is infinite",
    "best_of_n": "the Bradley-Terry maximum is infinite",
    "sgpo": "the Bradley-Terry maximum is infinite",
    "natural_pg": "the Bradley-Terry maximum is infinite",
    "softmax_pg": "the Bradley-Terry maximum is infinite",
    "bond": "the Bradley-Terry maximum is infinite",
    "rebel": "the Bradley-Terry maximum is infinite",
    "gpo": "log-odds are infinite",
}
NEEDS_PEOPLE = {"random_dictator"}
"""Undefined in every context of the games here: tested beside its golden answer."""
ON_PREFERENCES = sorted(set(SOLVERS) - NEEDS_PEOPLE)


def brief(name: str, **params: Any) -> Solver:
    solver = SOLVERS[name](**params)
    return replace(solver, max_steps=40) if isinstance(solver, IterativeSolver) else solver


def mixed() -> PreferenceGame:
    """Contexts without an answer between others that have one."""
    games = random_games(3, 2, 3)
    return PreferenceGame.stack([SURE, games.at(0), SURE, games.at(1)])


def require_same(part: Solution, whole: Solution, at: Any) -> None:
    """The contexts ``at`` of the whole are those of the part, to the last bit."""
    np.testing.assert_array_equal(whole.log_policy[at], part.log_policy)
    np.testing.assert_array_equal(whole.certificate.residual[at], part.certificate.residual)
    np.testing.assert_array_equal(whole.status[at], part.status)
    assert (whole.follower is None) == (part.follower is None)
    if whole.trace is not None and part.trace is not None:
        np.testing.assert_array_equal(whole.trace.steps, part.trace.steps)
        np.testing.assert_array_equal(whole.trace.oracle_calls, part.trace.oracle_calls)
        np.testing.assert_array_equal(whole.trace.policies[:, at], part.trace.policies)
        np.testing.assert_array_equal(whole.trace.averages[:, at], part.trace.averages)


@pytest.mark.parametrize("name", ON_PREFERENCES)
def test_a_context_without_an_answer_says_why_and_does_not_disturb_the_others(name: str) -> None:
    game, solver = mixed(), brief(name)
    defined = np.array([False, True, False, True])
    rng = np.random.default_rng
    together = solver.solve(game, rng(0) if solver.draws else None)
    alone = solver.solve(game.at(defined), rng(0) if solver.draws else None)
    assert (alone.message == "").all()
    if name not in REASONS:
        assert (together.message == "").all()
        assert not (together.status == "undefined").any()
        return
    require_same(alone, together, defined)
    assert (together.status[~defined] == "undefined").all()
    assert np.isnan(together.log_policy[~defined]).all()
    assert np.isnan(together.certificate.residual[~defined]).all()
    assert not together.certificate.holds[~defined].any()
    assert [REASONS[name] in text for text in together.message.tolist()] == (~defined).tolist()
    assert (together.message[defined] == "").all()


@pytest.mark.parametrize("name", sorted(REASONS))
def test_a_game_without_any_answer_is_undefined(name: str) -> None:
    for game in (SURE, PreferenceGame.stack([SURE, SURE])):
        solution = brief(name).solve(game)
        assert solution.log_policy.shape == (*game.batch, 3)
        assert solution.status.shape == solution.message.shape == game.batch
        assert solution.certificate.residual.shape == game.batch
        assert (solution.status == "undefined").all()
        assert all(REASONS[name] in str(text) for text in np.ravel(solution.message))
        assert np.isnan(solution.policy).all()


@pytest.mark.parametrize(("name", "samples"), [("softmax_pg", 4), ("rebel", 3)])
def test_undefined_contexts_draw_nothing(name: str, samples: int) -> None:
    game, solver = mixed(), brief(name, samples=samples)
    together = solver.solve(game, np.random.default_rng(5))
    alone = solver.solve(game.at([1, 3]), np.random.default_rng(5))
    require_same(alone, together, [1, 3])


@pytest.mark.parametrize("name", ON_PREFERENCES)
def test_a_target_that_does_not_exist_is_undefined(name: str) -> None:
    target = brief(name).target(mixed())
    if target is None:
        return
    undefined = target.status == "undefined"
    assert set(undefined.tolist()) == ({False} if not undefined.any() else {True, False})
    np.testing.assert_array_equal(np.isnan(target.policy).all(-1), undefined)
    np.testing.assert_array_equal(target.message != "", undefined)
    if name in REASONS or name == "dpo":
        assert undefined.tolist() == [True, False, True, False]


def test_everything_that_a_solution_holds_finds_its_place() -> None:
    game = random_games(1, 4, 3)
    shaped = PreferenceGame(game.P.reshape(2, 2, 3, 3), game.ref.reshape(2, 2, 3))

    def solve(part: PreferenceGame) -> Solution:
        assert part.batch == (2,)
        return Solution(
            part.log_ref,
            Certificate("made up", np.array([0.1, 0.2]), np.array([0.15, 0.25])),
            np.array([np.full((3, 3), k) for k in (1.0, 2.0)]),
            np.array(["ok", "error"]),
            None,
            np.array([7, 8]),
            np.array(["", "a longer reason than the other"]),
            np.array([0.3, 0.4]),
        )

    message = np.array([["no", ""], ["", "nothing"]])
    solution = solve_defined(solve, shaped, message)
    assert solution.status.tolist() == [["undefined", "ok"], ["error", "undefined"]]
    assert solution.message.tolist() == [["no", ""], ["a longer reason than the other", "nothing"]]
    np.testing.assert_array_equal(solution.log_policy[0, 1], shaped.log_ref[0, 1])
    np.testing.assert_array_equal(solution.log_policy[1, 0], shaped.log_ref[1, 0])
    np.testing.assert_array_equal(solution.certificate.residual, [[np.nan, 0.1], [0.2, np.nan]])
    assert solution.certificate.holds.tolist() == [[False, True], [True, False]]
    assert solution.follower is not None
    np.testing.assert_array_equal(solution.follower[..., 0, 0], [[np.nan, 1], [2, np.nan]])
    assert solution.newton_steps is not None
    assert solution.newton_steps.tolist() == [[0, 7], [8, 0]]
    np.testing.assert_array_equal(solution.tau, [[np.nan, 0.3], [0.4, np.nan]])
