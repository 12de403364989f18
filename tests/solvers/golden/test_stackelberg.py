"""Leaders and followers that move at once: one step of each by hand, and bugs that it notices."""

import itertools
from collections.abc import Callable
from math import exp, log
from typing import Any

import array_api_strict
import numpy as np
import pytest
from scipy import optimize, special

from games import numerics
from games.game import Float
from solvers.reward_follower import RewardFollower
from solvers.sampling import NO_DRAWS
from solvers.stackelberg_gda import StackelbergGda
from solvers.stackelberg_npg import StackelbergNpg
from tests.golden_games import close, normalised
from tests.mutants import Mutant, assert_noticed, mutants
from tests.solvers.compared_game import (
    ACTIONS,
    GAME,
    OMEGA,
    PI,
    REF,
    ROWS,
    P,
    reward_slope,
)


def projected(x: Any) -> Float:
    """The point of the simplex nearest to x: its threshold by bisection."""
    x = np.asarray(x)
    gap = lambda t: np.maximum(x - t, 0).sum() - 1  # noqa: E731
    threshold = optimize.brentq(gap, x.min() - 1, x.max(), xtol=1e-15)
    return np.asarray(np.maximum(x - threshold, 0))


def check_stackelberg_gda(cls: Any) -> None:
    tau, tau_f, eta, kappa = 0.4, 0.3, 1.5, 5.0
    solver = cls(tau, tau_f, eta, kappa)
    start = solver.init(GAME, NO_DRAWS)
    close(solver.policy(start), REF)
    close(solver.follower(start), ROWS)
    after = solver.step(GAME, (np.array(PI), np.array(OMEGA)), NO_DRAWS)
    up = [
        sum(OMEGA[i][j] * (P[i][j] + tau_f * log(OMEGA[i][j] / ROWS[i][j])) for j in ACTIONS)
        - tau * (log(PI[i] / REF[i]) + 1)
        for i in ACTIONS
    ]
    close(solver.policy(after), projected([PI[i] + eta * up[i] for i in ACTIONS]))
    for i in ACTIONS:
        down = [PI[i] * (P[i][j] + tau_f * (log(OMEGA[i][j] / ROWS[i][j]) + 1)) for j in ACTIONS]
        row = projected([OMEGA[i][j] - kappa * eta * down[j] for j in ACTIONS])
        close(solver.follower(after)[i], row)
    assert (solver.follower(after) == 0).any()


def check_stackelberg_npg(cls: Any) -> None:
    tau, tau_f, eta, kappa = 0.4, 0.3, 0.5, 2.0
    for gradient in ("natural", "softmax"):
        solver = cls(tau, tau_f, eta, kappa, gradient)
        start = solver.init(GAME, NO_DRAWS)
        close(solver.policy(start), REF)
        close(solver.follower(start), ROWS)
        after = solver.step(GAME, (np.log(PI), np.log(OMEGA)), NO_DRAWS)
        up = [
            sum(OMEGA[i][j] * (P[i][j] + tau_f * log(OMEGA[i][j] / ROWS[i][j])) for j in ACTIONS)
            - tau * log(PI[i] / REF[i])
            for i in ACTIONS
        ]
        if gradient == "softmax":
            mean = sum(PI[i] * up[i] for i in ACTIONS)
            up = [PI[i] * (up[i] - mean) for i in ACTIONS]
        close(solver.policy(after), normalised([PI[i] * exp(eta * up[i]) for i in ACTIONS]))
        for i in ACTIONS:
            # what the follower gains: P(y' > y), which is P[j][i]
            down = [P[j][i] - tau_f * log(OMEGA[i][j] / ROWS[i][j]) for j in ACTIONS]
            if gradient == "softmax":
                mean = sum(OMEGA[i][j] * down[j] for j in ACTIONS)
                down = [PI[i] * OMEGA[i][j] * (down[j] - mean) for j in ACTIONS]
            row = [OMEGA[i][j] * exp(kappa * eta * down[j]) for j in ACTIONS]
            close(solver.follower(after)[i], normalised(row))


def reward_loss(r: Float, pi: Any, ridge: float) -> float:
    fit = sum(
        -pi[i] * pi[j] * P[i][j] * special.log_expit(r[i] - r[j])
        for i, j in itertools.product(ACTIONS, repeat=2)
    )
    return float(fit + ridge / 2 * (r @ r))


def fitted_reward(pi: Any, ridge: float) -> Float:
    return np.asarray(optimize.root(reward_slope, np.zeros(3), (pi, ridge), tol=1e-14).x)


def check_reward_follower(cls: Any) -> None:
    tau, eta, ridge = 0.6, 0.5, 0.05
    r = fitted_reward(PI, ridge)
    errors = [
        (reward_loss(r + e, PI, ridge) - reward_loss(r - e, PI, ridge)) / 2e-5
        for e in 1e-5 * np.eye(3)
    ]
    close(errors, 0, 1e-9)
    # the nested gradient, with every weight free and the reward fitted anew
    nested = [
        ((PI + e) @ fitted_reward(PI + e, ridge) - (PI - e) @ fitted_reward(PI - e, ridge)) / 2e-5
        for e in 1e-5 * np.eye(3)
    ]
    for steering, share in ((1.0, 1.0), (0.25, 0.25), (0.0, 0.0)):
        solver = cls(tau, eta, ridge, steering)
        after = solver.step(GAME, (np.log(PI), r), NO_DRAWS)
        reward = [share * nested[i] + (1 - share) * r[i] for i in ACTIONS]
        # 1 - eta tau = 0.7
        expected = normalised(
            [PI[i] ** 0.7 * REF[i] ** 0.3 * exp(eta * reward[i]) for i in ACTIONS]
        )
        close(solver.policy(after), expected, 1e-8)
        close(after[1], fitted_reward(expected, ridge), 1e-7)
    close(solver.init(GAME, NO_DRAWS)[1], fitted_reward(REF, ridge), 1e-10)
    # shared features: the weights, and rewards X w, by the loss as a function of two numbers
    X = np.array([[1.0, 0.2], [-0.5, 0.8], [0.3, 0.3]])

    def fitted(pi: Any) -> Float:
        def slope(w: Float) -> Float:
            return np.asarray(X.T @ reward_slope(X @ w, pi, 0.0) + ridge * w)

        return np.asarray(optimize.root(slope, np.zeros(2), tol=1e-14).x)

    solver, w = cls(tau, eta, ridge, features=X.tolist()), fitted(PI)
    slopes = [((PI + e) @ X @ fitted(PI + e) - (PI - e) @ X @ fitted(PI - e)) / 2e-5
              for e in 1e-5 * np.eye(3)]  # fmt: skip
    after = solver.step(GAME, (np.log(PI), w), NO_DRAWS)
    expected = normalised([PI[i] ** 0.7 * REF[i] ** 0.3 * exp(eta * slopes[i]) for i in ACTIONS])
    close(solver.policy(after), expected, 1e-8)
    close(after[1], fitted(expected), 1e-7)
    # one gradient step on a comparison of i with y, and its effect on the reward of i
    for penalty in ("relaxed", "practical"):
        foreseen = X @ w
        for i, y in itertools.product(ACTIONS, repeat=2):
            gap = (X[i] - X[y]) @ w
            slope = (special.expit(gap) - P[i][y] if penalty == "relaxed" else 1) * (X[i] - X[y])
            foreseen[i] -= 1.7 * REF[y] * X[i] @ slope
        solver = cls(tau, eta, ridge, 1.7, penalty, X.tolist())
        close(solver.effective_reward(GAME.P, GAME.ref, np.array(PI), w), foreseen)


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    StackelbergGda: check_stackelberg_gda,
    StackelbergNpg: check_stackelberg_npg,
    RewardFollower: check_reward_follower,
}

MUTANTS = mutants({
    StackelbergGda: [
        ("pi + self.eta * up", "pi - self.eta * up"),
        ("omega - self.kappa * self.eta", "omega - self.eta"),
        ("down = pi[..., None] * (cost", "down = (cost"),
        ("(_log(pi) - game.log_ref)", "_log(pi)"),
        ("paid = (omega * (cost + ", "paid = (omega * (cost - "),
        ("_log(omega) - game.log_ref_follower(slice(None))", "_log(omega)"),
    ],
    StackelbergNpg: [
        ("self.tau_leader * (log_pi - game.log_ref)", "self.tau_leader * log_pi"),
        ("-charged", "charged"),
        ("self.kappa * self.eta * down", "self.eta * down"),
        ("down = pi[..., None] * omega *", "down = omega *"),
        ("up = pi * (up -", "up = (up -"),
        ("(log_omega - game.log_ref_follower(slice(None)))", "log_omega"),
    ],
    RewardFollower: [
        ("steer = numerics.win_rates(error, pi * u) -", "steer = -"),
        ("(error, pi * u) - u *", "(error, pi * u) + u *"),
        ("u = v @ X.T", "u = v @ X.T / 2"),
        ("np.diagonal(shared)[:, None] - shared", "np.diagonal(shared)[None, :] - shared"),
        ("influence = influence * error", "influence = influence * P"),
        ("numerics.win_rates(influence, ref)", "numerics.win_rates(influence, pi)"),
        ("r - self.steering *", "r + self.steering *"),
        ("pull = tau * game.log_ref + self", "pull = self"),
        ("np.exp(log_pi), w, _LATER_FITS", "game.ref, w, _LATER_FITS"),
    ],
})  # fmt: skip
MUTANTS += mutants({
    RewardFollower: [
        ("+ ridge * np.eye", "+ 2 * ridge * np.eye"),
        ("return fitted - P,", "return P - fitted,"),
        ("@ X + ridge * w", "@ X"),
        ("np.ptp(change @ X.T", "np.ptp(9 * change @ X.T"),
    ],
}, module="solvers.linear_reward")  # fmt: skip


@pytest.mark.parametrize("cls", CHECKS)
def test_one_step_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject])


# The projection


def test_projection_to_the_simplex() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) * np.geomspace(0.01, 10, 50)[:, None]
    projection = numerics.project_to_simplex(x)
    close(projection, [projected(row) for row in x], 1e-13)
    close(projection.sum(-1), 1, 1e-15)
    assert ((projection == 0).sum(-1) == 3).any()
    assert ((projection == 0).sum(-1) == 0).any()
    close(numerics.project_to_simplex(projection), projection, 1e-15)
    close(numerics.project_to_simplex(x + 1e8), projection, 1e-7)
    close(
        numerics.project_to_simplex(np.array([[0.3, 0.3], [5, 5], [7, -9]])),
        [[0.5, 0.5]] * 2 + [[1, 0]],
    )
    close(numerics.project_to_simplex(np.array([-3.0])), [1.0])
    assert numerics.project_to_simplex(x.astype(np.float32)).dtype == np.float32
    strict = numerics.project_to_simplex(array_api_strict.asarray(x))
    close(np.asarray(strict), projection, 1e-15)


def test_no_policy_is_nearer_than_the_projection() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=5)
    nearest = numerics.project_to_simplex(x)
    others = rng.dirichlet(np.ones(5), size=200)
    assert (((others - nearest) * (x - nearest)).sum(-1) <= 1e-12).all()
