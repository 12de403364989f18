"""Fits to a data set of comparisons: one step of each by hand, and bugs that it notices."""

import itertools
from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np
import pytest
from scipy import special

from games import SolverError
from games.game import Float
from solvers.dpo import Dpo
from solvers.ipo import Ipo
from solvers.sampling import NO_DRAWS
from solvers.sgpo import Sgpo
from solvers.srpo import Srpo
from tests.golden_games import close, normalised
from tests.mutants import Mutant, assert_noticed, mutants
from tests.solvers.compared_game import (
    ACTIONS,
    GAME,
    OMEGA,
    PI,
    REF,
    ROWS,
    SHARES,
    P,
    slopes,
    srpo_losses,
)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def dpo_loss(theta: Float, tau: float) -> float:
    h = theta - np.log(REF)
    return -sum(
        SHARES[i][j] * P[i][j] * log(sigmoid(tau * (h[i] - h[j])))
        for i, j in itertools.permutations(ACTIONS, 2)
    )


def ipo_loss(theta: Float, tau: float) -> float:
    h = theta - np.log(REF)
    total: float = sum(
        SHARES[i][j] * (h[i] - h[j] - (P[i][j] - 0.5) / tau) ** 2
        for i, j in itertools.combinations(ACTIONS, 2)
    )
    return total


def check_dpo(cls: Any) -> None:
    solver = cls(tau=0.5, eta=0.7)
    state = solver.init(GAME, NO_DRAWS)
    close(solver.policy(state), REF)
    after = solver.step(GAME, (np.log(PI), state[1]), NO_DRAWS)
    # answer 0 is in most pairs: 0.8 of them; the Hessian is at most tau^2 0.8 / 2
    slope = slopes(lambda theta: dpo_loss(theta, 0.5), np.log(PI))
    close(solver.policy(after), normalised(PI * np.exp(-0.7 / (0.25 * 0.4) * slope)), 1e-9)


def check_ipo(cls: Any) -> None:
    solver = cls(tau=0.5, eta=0.7)
    state = solver.init(GAME, NO_DRAWS)
    after = solver.step(GAME, (np.log(PI), state[1]), NO_DRAWS)
    # the Hessian is at most 4 times 0.8
    slope = slopes(lambda theta: ipo_loss(theta, 0.5), np.log(PI))
    close(solver.policy(after), normalised(PI * np.exp(-0.7 / 3.2 * slope)), 1e-9)


def check_srpo(cls: Any) -> None:
    b, alpha, eta = 0.4, 0.3, 0.7
    solver = cls(b, alpha, eta=eta)
    start = solver.init(GAME, NO_DRAWS)
    close(solver.policy(start), REF)
    close(solver.follower(start), ROWS)
    after = solver.step(GAME, (np.log(PI), np.log(OMEGA), start[2]), NO_DRAWS)

    def loss(x: Float) -> float:
        improve, generate = srpo_losses(x[:3], x[3:].reshape(3, 3), b)
        return (1 - alpha) * improve + alpha * generate

    at = np.concatenate([np.log(PI), np.log(OMEGA).ravel()])
    slope = np.array([(loss(at + e) - loss(at - e)) / 2e-5 for e in 1e-5 * np.eye(12)])
    # answer 0 is in 0.8 of the pairs
    moved = at - eta / (4 * b**2 * 0.8) * slope
    close(solver.policy(after), special.softmax(moved[:3]), 1e-9)
    close(solver.follower(after), special.softmax(moved[3:].reshape(3, 3), axis=-1), 1e-9)


def check_sgpo(cls: Any) -> None:
    for radius in (0.0, 0.3, 5.0):
        solution = cls(tau=0.4, radius=radius).solve(GAME)
        assert solution.certificate.holds
        close(solution.policy, Dpo(tau=0.4).solve(GAME).policy, 1e-9)


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    Dpo: check_dpo,
    Ipo: check_ipo,
    Srpo: check_srpo,
    Sgpo: check_sgpo,
}

MUTANTS = mutants({
    Dpo: [
        ("r = self.tau * (log_pi - game.log_ref)", "r = self.tau * log_pi"),
        ("- size * slope", "+ size * slope"),
        ("r[..., :, None] - r[..., None, :]", "r[..., None, :] - r[..., :, None]"),
        ("slope = shares * (", "slope = (shares > 0) * ("),
    ],
    Ipo: [
        ("h = log_pi - game.log_ref", "h = log_pi"),
        ("log_pi - self.eta", "log_pi + self.eta"),
        ("(wins - 0.5) / self.tau)\n", "(0.5 - wins) / self.tau)\n"),
        ("slope = shares * (", "slope = (shares > 0) * ("),
    ],
    Srpo: [
        ("goal = 0.5 - wins", "goal = wins - 0.5"),
        ("improve - diagonal + generate", "improve + generate"),
        ("rows = rows - np.exp(log_follower) * generate.sum(-1, keepdims=True)", ""),
        ("size * generate.sum(-2)", "size * generate.sum(-1)"),
        ("(1 - self.alpha) * shares", "self.alpha * shares"),
        ("ratio = players[0] - game.log_ref", "ratio = players[0]"),
        ("rows = players[1] - game.log_ref_follower(slice(None))",
         "rows = players[1] - game.log_ref[..., None, :]"),
    ],
    Sgpo: [
        ("numerics.sigmoid(-at)", "numerics.sigmoid(at)"),
        ("RlhfExact(self.tau)", "RlhfExact(2 * self.tau)"),
        ("worst - budget - least", "worst - least"),
        ("share * slope, -share * slope]", "0 * slope, 0 * slope]"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("cls", CHECKS)
def test_one_step_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject], (AssertionError, SolverError))
