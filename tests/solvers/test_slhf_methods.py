"""Stackelberg methods: one step by hand, and mutants that it notices."""

import itertools
from collections.abc import Callable
from math import exp, log
from typing import Any

import array_api_strict
import numpy as np
import pytest
from scipy import optimize, special

from games import PreferenceGame, SolverError, numerics
from games.catalogue import make
from games.game import Float
from solvers.dpo import Dpo
from solvers.reward_follower import RewardFollower
from solvers.sampling import NO_DRAWS
from solvers.sgpo import Sgpo
from solvers.srpo import Srpo
from solvers.stackelberg_gda import StackelbergGda
from solvers.stackelberg_npg import StackelbergNpg
from tests.golden_games import (
    close,
    normalised,
)
from tests.mutants import Mutant, assert_noticed

REF = [0.2, 0.5, 0.3]
PI = [0.52, 0.17, 0.31]
P = [[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]]
SHARES = [[0, 0.5, 0.3], [0.5, 0, 0.2], [0.3, 0.2, 0]]
ROWS = [[0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.6, 0.1, 0.3]]
OMEGA = [[0.3, 0.1, 0.6], [0.55, 0.25, 0.2], [0.15, 0.8, 0.05]]
GAME = PreferenceGame(P, REF, ROWS, SHARES)
ACTIONS = range(3)


# The projection


def projected(x: Any) -> Float:
    """The point of the simplex nearest to x: its threshold by bisection."""
    x = np.asarray(x)
    gap = lambda t: np.maximum(x - t, 0).sum() - 1  # noqa: E731
    threshold = optimize.brentq(gap, x.min() - 1, x.max(), xtol=1e-15)
    return np.asarray(np.maximum(x - threshold, 0))


def test_projection_to_the_simplex() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) * np.geomspace(0.01, 10, 50)[:, None]
    found = numerics.project_to_simplex(x)
    close(found, [projected(row) for row in x], 1e-13)
    close(found.sum(-1), 1, 1e-15)
    assert ((found == 0).sum(-1) == 3).any()
    assert ((found == 0).sum(-1) == 0).any()
    close(numerics.project_to_simplex(found), found, 1e-15)
    close(numerics.project_to_simplex(x + 1e8), found, 1e-7)
    close(
        numerics.project_to_simplex(np.array([[0.3, 0.3], [5, 5], [7, -9]])),
        [[0.5, 0.5]] * 2 + [[1, 0]],
    )
    close(numerics.project_to_simplex(np.array([-3.0])), [1.0])
    assert numerics.project_to_simplex(x.astype(np.float32)).dtype == np.float32
    strict = numerics.project_to_simplex(array_api_strict.asarray(x))
    close(np.asarray(strict), found, 1e-15)


def test_no_policy_is_nearer_than_the_projection() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=5)
    nearest = numerics.project_to_simplex(x)
    others = rng.dirichlet(np.ones(5), size=200)
    assert (((others - nearest) * (x - nearest)).sum(-1) <= 1e-12).all()


# One step by hand


def stackelberg_gda_step(cls: Any) -> None:
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


def stackelberg_npg_step(cls: Any) -> None:
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


def srpo_losses(theta: Float, rows: Float, b: float) -> tuple[float, float]:
    """The losses of the paper: (y2 improves y1) and (y1, y2 as generated); over ordered pairs."""
    policy, follower = special.softmax(theta), special.softmax(rows, axis=-1)
    improve = generate = 0.0
    for y1, y2 in itertools.permutations(ACTIONS, 2):
        margin = P[y2][y1] - 0.5
        up = log(follower[y1, y2] / REF[y2])
        stay = log(follower[y1, y1] / REF[y1])
        back = log(follower[y2, y1] / REF[y1])
        first, second = log(policy[y1] / REF[y1]), log(policy[y2] / REF[y2])
        improve += SHARES[y1][y2] * (margin - b * (up - stay)) ** 2
        generate += SHARES[y1][y2] * (margin - b / 2 * (up - back + second - first)) ** 2
    return improve, generate


def srpo_step(cls: Any) -> None:
    b, alpha, eta = 0.4, 0.3, 0.7
    solver = cls(b, alpha, eta=eta)
    start = solver.init(GAME, NO_DRAWS)
    close(solver.policy(start), REF)
    close(solver.follower(start), [REF] * 3)
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


def reward_slope(r: Float, pi: Any, ridge: float) -> list[float]:
    """Derivative of -sum_ij pi_i pi_j P_ij log sigmoid(r_i - r_j) + ridge / 2 |r|^2."""
    return [
        sum(pi[k] * pi[j] * (special.expit(r[k] - r[j]) - P[k][j]) for j in ACTIONS) + ridge * r[k]
        for k in ACTIONS
    ]


def reward_loss(r: Float, pi: Any, ridge: float) -> float:
    fit = sum(
        -pi[i] * pi[j] * P[i][j] * special.log_expit(r[i] - r[j])
        for i, j in itertools.product(ACTIONS, repeat=2)
    )
    return float(fit + ridge / 2 * (r @ r))


def fitted_reward(pi: Any, ridge: float) -> Float:
    return np.asarray(optimize.root(reward_slope, np.zeros(3), (pi, ridge), tol=1e-14).x)


def reward_follower_step(cls: Any) -> None:
    tau, eta, ridge = 0.6, 0.5, 0.05
    r = fitted_reward(PI, ridge)
    seen = [
        (reward_loss(r + e, PI, ridge) - reward_loss(r - e, PI, ridge)) / 2e-5
        for e in 1e-5 * np.eye(3)
    ]
    close(seen, 0, 1e-9)
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


def sgpo_step(cls: Any) -> None:
    for radius in (0.0, 0.3, 5.0):
        found = cls(tau=0.4, radius=radius).solve(GAME)
        assert found.certificate.holds
        close(found.policy, Dpo(tau=0.4).solve(GAME).policy, 1e-9)


CHECKS: dict[str, Callable[[Any], None]] = {
    "stackelberg_gda": stackelberg_gda_step,
    "stackelberg_npg": stackelberg_npg_step,
    "srpo": srpo_step,
    "reward_follower": reward_follower_step,
    "sgpo": sgpo_step,
}
CLASSES: dict[str, type[Any]] = {
    "stackelberg_gda": StackelbergGda,
    "stackelberg_npg": StackelbergNpg,
    "srpo": Srpo,
    "reward_follower": RewardFollower,
    "sgpo": Sgpo,
}


@pytest.mark.parametrize("name", CHECKS)
def test_one_step_by_hand(name: str) -> None:
    CHECKS[name](CLASSES[name])


MUTANTS = [Mutant(CLASSES[name], old, new) for name, old, new in (
    ("stackelberg_gda", "pi + self.eta * up", "pi - self.eta * up"),
    ("stackelberg_gda", "omega - self.kappa * self.eta", "omega - self.eta"),
    ("stackelberg_gda", "down = pi[..., None] * (cost", "down = (cost"),
    ("stackelberg_gda", "(_log(pi) - game.log_ref)", "_log(pi)"),
    ("stackelberg_gda", "paid = (omega * (cost + ", "paid = (omega * (cost - "),
    ("stackelberg_gda", "_log(omega) - game.log_ref_follower(slice(None))", "_log(omega)"),
    ("stackelberg_npg", "self.tau_leader * (log_pi - game.log_ref)", "self.tau_leader * log_pi"),
    ("stackelberg_npg", "-charged", "charged"),
    ("stackelberg_npg", "self.kappa * self.eta * down", "self.eta * down"),
    ("stackelberg_npg", "down = pi[..., None] * omega *", "down = omega *"),
    ("stackelberg_npg", "up = pi * (up -", "up = (up -"),
    ("stackelberg_npg", "(log_omega - game.log_ref_follower(slice(None)))", "log_omega"),
    ("srpo", "goal = 0.5 - wins", "goal = wins - 0.5"),
    ("srpo", "improve - kept + generate", "improve + generate"),
    ("srpo", "rows = rows - np.exp(log_follower) * generate.sum(-1, keepdims=True)", ""),
    ("srpo", "size * generate.sum(-2)", "size * generate.sum(-1)"),
    ("srpo", "(1 - self.alpha) * shares", "self.alpha * shares"),
    ("srpo", "ratio = players[0] - game.log_ref", "ratio = players[0]"),
    ("reward_follower", "steer = numerics.win_rates(error, pi * v) -", "steer = -"),
    ("reward_follower", "(error, pi * v) - v *", "(error, pi * v) + v *"),
    ("reward_follower", "pull = tau * game.log_ref + self", "pull = self"),
    ("reward_follower", "+ self.ridge)[..., None]", "+ 2 * self.ridge)[..., None]"),
    ("reward_follower", "return fitted - P,", "return P - fitted,"),
    ("reward_follower", "np.exp(log_pi), r, _LATER_FITS", "game.ref, r, _LATER_FITS"),
    ("sgpo", "numerics.sigmoid(-at)", "numerics.sigmoid(at)"),
    ("sgpo", "RlhfExact(self.tau)", "RlhfExact(2 * self.tau)"),
    ("sgpo", "worst - budget - least", "worst - least"),
    ("sgpo", "share * slope, -share * slope]", "0 * slope, 0 * slope]"),
)]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    checks = {CLASSES[name]: check for name, check in CHECKS.items()}
    assert_noticed(mutant, checks[mutant.subject], (AssertionError, SolverError))


@pytest.mark.parametrize("name", ["condorcet", "skew_cycle", "transitive_misranked", "smith_cycle"])
def test_what_has_settled_is_the_answer_and_not_its_average(name: str) -> None:
    game = make(name)
    solver = StackelbergGda(0.0, 0.0, eta=0.05, max_steps=3_000)
    solution = solver.solve(game)
    exact = solver.target(game).policy
    assert solution.status == "ok"
    assert solution.trace is not None
    assert numerics.total_variation(game.ref, exact) > 0.1
    assert numerics.total_variation(solution.trace.averages[-1], exact) > 0.1
    close(solution.policy, exact)
    short = StackelbergGda(0.0, 0.0, eta=0.05, max_steps=20).solve(game)
    assert short.status == "max_steps"
    assert short.trace is not None
    close(short.policy, short.trace.averages[-1])
