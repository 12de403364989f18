"""Stackelberg methods: one step by hand, what they reach, which rows freeze, and what steers."""

import itertools
import json
from collections.abc import Callable
from functools import cache
from math import exp, log
from pathlib import Path
from types import ModuleType
from typing import Any

import array_api_strict
import numpy as np
import pytest
from scipy import optimize, special

import solvers
from games import Comparisons, PreferenceGame, SolverError, UndefinedError, numerics
from games.game import Float
from solvers.dpo import Dpo
from solvers.reward_follower import RewardFollower
from solvers.rlhf_exact import RlhfExact
from solvers.sgpo import Sgpo, least_loss, worst_case
from solvers.slhf_exact import SlhfExact
from solvers.srpo import Srpo
from solvers.stackelberg_gda import StackelbergGda
from solvers.stackelberg_npg import StackelbergNpg
from tests.paper_games import random_games, three_annotators

GOLDEN = json.loads((Path(__file__).parent / "golden" / "algorithms_golden.json").read_text())
REF = [0.2, 0.5, 0.3]
PI = [0.52, 0.17, 0.31]
P = [[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]]
SHARES = [[0, 0.5, 0.3], [0.5, 0, 0.2], [0.3, 0.2, 0]]
ROWS = [[0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.6, 0.1, 0.3]]
OMEGA = [[0.3, 0.1, 0.6], [0.55, 0.25, 0.2], [0.15, 0.8, 0.05]]
GAME = PreferenceGame(P, REF, ROWS, SHARES)
ACTIONS = range(3)


@cache
def golden_game(name: str) -> PreferenceGame:
    return PreferenceGame(GOLDEN[name]["P"], GOLDEN[name]["mu"])


def tv(a: Any, b: Any) -> float:
    return float(np.max(numerics.total_variation(np.asarray(a), np.asarray(b))))


def close(found: Any, expected: Any, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=atol)


def normalised(weights: Any) -> Float:
    return np.asarray(np.asarray(weights) / np.sum(weights))


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
    start = solver.init(GAME, None)
    close(solver.policy(start), REF)
    close(solver.follower(start), ROWS)
    after = solver.step(GAME, (np.array(PI), np.array(OMEGA)), None)
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
        start = solver.init(GAME, None)
        close(solver.policy(start), REF)
        close(solver.follower(start), ROWS)
        after = solver.step(GAME, (np.log(PI), np.log(OMEGA)), None)
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
    solver = cls(b, alpha, eta)
    start = solver.init(GAME, None)
    close(solver.policy(start), REF)
    close(solver.follower(start), [REF] * 3)
    after = solver.step(GAME, (np.log(PI), np.log(OMEGA), start[2]), None)

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
        after = solver.step(GAME, (np.log(PI), r), None)
        reward = [share * nested[i] + (1 - share) * r[i] for i in ACTIONS]
        # 1 - eta tau = 0.7
        expected = normalised(
            [PI[i] ** 0.7 * REF[i] ** 0.3 * exp(eta * reward[i]) for i in ACTIONS]
        )
        close(solver.policy(after), expected, 1e-8)
        close(after[1], fitted_reward(expected, ridge), 1e-7)
    close(solver.init(GAME, None)[1], fitted_reward(REF, ridge), 1e-10)


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


MUTANTS = [
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
]


@pytest.mark.parametrize(("name", "old", "new"), MUTANTS)
def test_the_golden_step_notices(name: str, old: str, new: str) -> None:
    source = (Path(solvers.__path__[0]) / f"{name}.py").read_text()
    assert source.count(old) == 1
    module = ModuleType("mutant")
    exec(compile(source.replace(old, new), name, "exec"), module.__dict__)
    with pytest.raises((AssertionError, SolverError)):
        CHECKS[name](getattr(module, "".join(map(str.capitalize, name.split("_")))))


# What is reached


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
@pytest.mark.parametrize("kappa", [0.2, 1.0, 5.0, 19.0])
def test_natural_gradients_converge_for_every_kappa(name: str, kappa: float) -> None:
    game, solver = golden_game(name), StackelbergNpg(kappa=kappa, max_steps=4000)
    target, found = solver.target(game), solver.solve(game)
    assert target.certificate.holds
    assert tv(game.ref, target.policy) > 0.05
    assert found.status == "ok"
    assert tv(found.policy, target.policy) < 1e-9
    assert tv(found.follower, target.follower) < 1e-9
    leader = GOLDEN[name]["tau=0.1"]["slhf_leader_tF=tL=tau (=SRPO)"]
    assert tv(found.policy, leader) < 1e-9


def test_natural_gradients_with_separate_references_and_taus() -> None:
    game = PreferenceGame(P, REF, ROWS)
    for taus in ((0.3, 0.05), (0.05, 0.7), (0.0, 0.2), (0.0, 0.0)):
        solver = StackelbergNpg(*taus, kappa=1.0)
        found, target = solver.solve(game), solver.target(game)
        assert tv(found.policy, target.policy) < 1e-8
        assert tv(found.follower, target.follower) < 1e-8


def test_natural_gradients_contract_by_the_stated_rate_and_diverge_beyond() -> None:
    game, solver = golden_game("mix6"), StackelbergNpg(0.1, 0.1, eta=2.0, kappa=1.5)
    state, target = solver.init(game, None), solver.target(game)
    spans = []
    for _ in range(10):
        spans.append(np.ptp(state[1] - np.log(np.asarray(target.follower)), axis=-1))
        state = solver.step(game, state, None)
    close(np.array(spans[1:]) / np.array(spans[:-1]), 1 - 1.5 * 2 * 0.1, 1e-9)
    assert StackelbergNpg(0.1, 0.1, eta=1.0, kappa=20.5, max_steps=500).solve(game).status != "ok"


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
def test_softmax_gradients_are_slower_and_kappa_helps(name: str) -> None:
    game = golden_game(name)
    off = []
    for kappa in (1.0, 20.0):
        solver = StackelbergNpg(kappa=kappa, gradient="softmax", max_steps=4000)
        off.append(tv(solver.solve(game).policy, solver.target(game).policy))
    assert 5e-4 < off[0] < 0.02
    assert off[1] < off[0] / 5
    assert off[1] < 5e-4


def test_follower_rows_of_softmax_gradients_learn_at_the_rate_of_the_leader() -> None:
    game = golden_game("mix6")
    solver = StackelbergNpg(gradient="softmax", kappa=1.0, eta=1e-3)
    state = solver.init(game, None)
    after = solver.step(game, state, None)
    moved = np.ptp(after[1] - state[1], axis=-1)
    wins = game.P.T  # of the follower; at its reference there is nothing else to gain
    gain = np.ptp(game.ref * (wins - (wins @ game.ref)[:, None]), axis=-1)
    close(moved / (1e-3 * game.ref * gain), 1, 1e-6)
    assert game.ref.max() > 50 * game.ref.min()


def test_too_large_a_kappa_unsettles_softmax_gradients() -> None:
    game = golden_game("mix6")
    solver = StackelbergNpg(gradient="softmax", kappa=100.0, eta=5.0, max_steps=1000)
    assert tv(solver.solve(game).policy, solver.target(game).policy) > 0.1


def test_rows_freeze_in_gda_at_kappa_1_and_not_at_5() -> None:
    game = three_annotators()
    exact = SlhfExact(0, 0).solve(game)
    close(exact.follower, np.eye(3)[[2, 0, 1]])
    for kappa in (1.0, 5.0, 10.0):
        solver = StackelbergGda(0.0, 0.0, 0.01, kappa, max_steps=20_000, tol=0)
        state = solver.init(game, None)
        for _ in range(4000):
            state = solver.step(game, state, None)
        close(solver.policy(state), [1, 0, 0])
        if kappa > 1:
            close(solver.follower(state), exact.follower)
            continue
        frozen = solver.follower(state)
        close(frozen[2], [0.137, 0.595, 0.268], 5e-4)
        for _ in range(1000):
            state = solver.step(game, state, None)
        close(solver.follower(state)[1:], frozen[1:])


def test_symmetric_types_leave_the_leader_uniform() -> None:
    game = three_annotators((1 / 3, 1 / 3, 1 / 3))
    solver = StackelbergGda(0.0, 0.0, 0.01, 1.0, max_steps=2000)
    found = solver.solve(game)
    close(found.policy, 1 / 3, 1e-12)
    close(found.follower, np.eye(3)[[2, 0, 1]])


GDA: list[tuple[PreferenceGame, float]] = [
    (three_annotators(), 0.1),
    (golden_game("rps"), 0.5),
    (golden_game("rand10"), 0.5),
]


@pytest.mark.parametrize(("game", "tau"), GDA)
def test_gda_settles_at_the_closed_form_and_its_average_follows(
    game: PreferenceGame, tau: float
) -> None:
    solver = StackelbergGda(tau, tau)
    target, found = solver.target(game), solver.solve(game)
    assert tv(game.ref, target.policy) > 0.05
    assert found.status == "ok"
    assert found.trace is not None
    assert tv(found.trace.policies[-1], target.policy) < 1e-8
    assert tv(found.follower, target.follower) < 1e-8
    steps, averages = found.trace.steps, found.trace.averages
    off = numerics.total_variation(averages, target.policy)
    half = int(np.searchsorted(steps, steps[-1] / 2))
    # the distance of the average falls like 1 / t
    assert off[-1] < 0.01
    assert off[-1] * steps[-1] == pytest.approx(off[half] * steps[half], rel=0.05)


def test_gda_oscillates_where_the_entropy_is_too_steep() -> None:
    game = golden_game("mix6")
    exact = SlhfExact(0.5, 0.5).solve(game)
    assert exact.follower is not None
    centre = np.eye(6) - 1 / 6
    steepest = np.linalg.eigvalsh(centre @ np.diag(1 / exact.policy) @ centre)[-1]
    assert 0.7 / exact.policy.min() < steepest < 1 / exact.policy.min()
    limit = 2 / (0.5 * steepest)
    near = normalised(exact.policy * np.exp(1e-3 * np.arange(6)))
    off = []
    for eta in (0.95 * limit, 1.05 * limit):
        solver = StackelbergGda(0.5, 0.5, eta, kappa=0.01)
        state = (near, exact.follower)
        for _ in range(2000):
            state = solver.step(game, state, None)
        off.append(tv(solver.policy(state), exact.policy))
    assert off[0] < 1e-5 < tv(near, exact.policy)
    assert off[1] > 1e-4


# SRPO


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
@pytest.mark.parametrize("alpha", [0.2, 0.7])
def test_srpo_reaches_slhf_at_equal_tau(name: str, alpha: float) -> None:
    game, solver = golden_game(name), Srpo(tau=0.1, alpha=alpha, eta=1.9)
    target, found = solver.target(game), solver.solve(game)
    assert tv(game.ref, target.policy) > 0.05
    assert found.status == "ok"
    assert tv(found.policy, target.policy) < 1e-8
    assert tv(found.follower, target.follower) < 1e-8
    assert tv(found.policy, GOLDEN[name]["tau=0.1"]["slhf_leader_tF=tL=tau (=SRPO)"]) < 1e-8


def test_both_losses_of_srpo_vanish_at_the_stackelberg_answer() -> None:
    b = 0.3
    follower = np.array([[REF[j] * exp(P[j][i] / b) for j in ACTIONS] for i in ACTIONS])
    z = follower.sum(-1)
    policy, follower = normalised(np.array(REF) / z), follower / z[:, None]
    close(srpo_losses(np.log(policy), np.log(follower), b), 0, 1e-28)
    solver = Srpo(tau=b)
    wins = solver.init(GAME, None)[2][1]
    for error in solver.errors(GAME, (np.log(policy), np.log(follower)), wins):
        close(error, 0, 1e-15)
    close(solver.target(GAME).policy, policy)
    close(solver.target(GAME).follower, follower)
    assert tv(SlhfExact(b, b).solve(GAME).policy, policy) > 0.05, "ref_follower is not used"


def test_srpo_does_not_depend_on_which_pairs_were_compared() -> None:
    one = Srpo(tau=0.2).solve(PreferenceGame(P, REF))
    other = Srpo(tau=0.2).solve(PreferenceGame(P, REF, pairs=SHARES))
    assert tv(one.policy, other.policy) < 1e-9
    assert (
        tv(Dpo(tau=0.2).solve(PreferenceGame(P, REF)).policy, Dpo(tau=0.2).solve(GAME).policy)
        > 0.01
    )


def test_srpo_fits_a_sampled_data_set_exactly() -> None:
    game = golden_game("mix6")
    solver = Srpo(tau=0.2, eta=1.9, n_comparisons=600)
    found = solver.solve(game, np.random.default_rng(2))
    data = Comparisons.sample(game, 600, np.random.default_rng(2))
    assert not data.unseen.any()
    seen = data.game(game.ref)
    assert tv(found.policy, SlhfExact(0.2, 0.2).solve(seen).policy) < 1e-8
    assert tv(found.policy, solver.target(game).policy) > 0.005


# The reward model as the follower


def nested_value(solver: RewardFollower, log_pi: Float, game: PreferenceGame) -> float:
    pi = np.exp(log_pi)
    r = solver.fit(game.P, pi, np.zeros(game.n), 100)
    return float(pi @ r - solver.tau * numerics.kl(log_pi, game.log_ref))


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
def test_steering_ends_where_the_nested_objective_is_stationary(name: str) -> None:
    game, solver = golden_game(name), RewardFollower(tau=0.5)
    found = solver.solve(game)
    assert found.status == "ok"
    assert tv(game.ref, found.policy) > 0.05

    def slope(log_policy: Float) -> Float:
        def value(theta: Float) -> float:
            return nested_value(solver, np.asarray(numerics.log_softmax(theta)), game)

        e = 1e-4 * np.eye(game.n)
        return np.array([(value(log_policy + d) - value(log_policy - d)) / 2e-4 for d in e])

    close(slope(found.log_policy), 0, 1e-7)
    myopic = RewardFollower(tau=0.5, steering=0.0).solve(game)
    assert myopic.status == "ok"
    assert abs(slope(myopic.log_policy)).max() > 0.01
    gain = nested_value(solver, found.log_policy, game)
    assert gain > nested_value(solver, myopic.log_policy, game) + 0.001
    assert gain > nested_value(solver, game.log_ref, game)


def test_large_steps_of_the_leader_cycle() -> None:
    game = golden_game("rps")
    for eta, status in ((0.2, "ok"), (4.0, "max_steps")):
        solver = RewardFollower(tau=0.5, eta=eta, steering=0.0, max_steps=1000)
        assert solver.solve(game).status == status


def test_a_settled_policy_is_a_fixed_point() -> None:
    game = golden_game("mix6")
    found = RewardFollower(tau=0.5).solve(game)
    r = RewardFollower(tau=0.5).fit(game.P, found.policy, np.zeros(6), 200)
    reward = RewardFollower(tau=0.5).effective_reward(game.P, found.policy, r)
    close(np.exp(numerics.log_softmax(game.log_ref + reward / 0.5)), found.policy, 1e-10)


def test_on_bradley_terry_preferences_there_is_nothing_to_foresee() -> None:
    r = np.array([0.5, -0.7, 0.2])
    game = PreferenceGame(special.expit(np.subtract.outer(r, r)), REF)
    target = RlhfExact(1.0).solve(game).policy
    assert tv(game.ref, target) > 0.05
    for steering in (0.0, 1.0):
        found = RewardFollower(tau=1.0, ridge=1e-6, steering=steering).solve(game)
        assert found.status == "ok"
        assert tv(found.policy, target) < 1e-4


def test_the_damped_fit_survives_rare_answers() -> None:
    solver = RewardFollower(ridge=1e-6)
    pi = np.array([1 - 2e-9, 1e-9, 1e-9])
    r = solver.fit(np.array(P), pi, np.array([5.0, -9.0, 4.0]), 200)
    close(reward_slope(r, pi, 1e-6), 0, 1e-14)
    batch = random_games(0, 20, 6)
    rewards = solver.fit(batch.P, batch.ref, np.zeros(batch.ref.shape), 100)
    gaps = special.expit(rewards[..., :, None] - rewards[..., None, :]) - batch.P
    off = batch.ref * (gaps * batch.ref[..., None, :]).sum(-1) + 1e-6 * rewards
    close(off, 0, 1e-12)


# SGPO


def observed(n: int = 12) -> tuple[Float, Float]:
    rng = np.random.default_rng(4)
    return normalised(rng.uniform(size=n)), rng.normal(size=n)


def with_ends(at: Float) -> Float:
    return np.stack([at, np.full_like(at, -np.inf), np.full_like(at, np.inf)], axis=-1)


def test_the_worst_case_is_the_loss_plus_the_budget() -> None:
    weights, margins = observed()
    loss = float(weights @ np.logaddexp(0, -margins))
    seen = [worst_case(weights, margins, b, with_ends(margins)) for b in (0.0, 0.01, 0.2, 3.0)]
    close(seen, loss + np.array([0.0, 0.01, 0.2, 3.0]), 1e-9)
    # a distribution that nearly attains it: a little mass moved very far down
    mass, budget = 1e-6, 0.2
    far = margins[0] - budget / mass
    moved = loss + mass * (np.logaddexp(0, -far) - np.logaddexp(0, -margins[0]))
    assert moved == pytest.approx(loss + budget, abs=1e-5)


def test_with_finitely_many_tangents_the_worst_case_stays_below() -> None:
    # as in the published example: below the bound, by the slope that the tangents do not reach
    weights, margins = observed()
    loss = float(weights @ np.logaddexp(0, -margins))
    grid = np.linspace(-3, 3, 13)
    tangents = np.broadcast_to(grid, (12, 13))
    touched = worst_case(weights, margins, 0.0, tangents)
    assert loss - 0.01 < touched <= loss
    last = touched
    for budget in (0.05, 0.2, 1.0):
        worst = worst_case(weights, margins, budget, tangents)
        assert last < worst < loss + budget
        assert worst == pytest.approx(touched + budget * special.expit(3), abs=1e-9)
        last = worst


def test_the_programmes_of_sgpo_reject_another_policy() -> None:
    pairs = np.nonzero(~np.eye(3, dtype=bool))
    weights = (np.array(SHARES) * P)[pairs]
    r = RlhfExact().rewards(GAME)
    for shift, accepted in ((0.0, True), (0.01, False), (-0.3, False)):
        moved = r + np.array([shift, 0, 0])
        margins = moved[pairs[0]] - moved[pairs[1]]
        worst = worst_case(weights, margins, 0.1, with_ends(margins))
        slack = worst - 0.1 - least_loss(weights, pairs, with_ends(margins), 3)
        assert (slack < 1e-9) == accepted
        assert slack > -1e-9


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
def test_the_radius_of_sgpo_moves_no_policy(name: str) -> None:
    mu = np.array(GOLDEN[name]["mu"])
    game = PreferenceGame(GOLDEN[name]["P"], mu, pairs=np.outer(mu, mu))
    found = Sgpo(tau=0.1, radius=2.0).solve(game)
    assert found.certificate.holds
    assert tv(found.policy, Dpo(tau=0.1).solve(game).policy) < 1e-8
    assert tv(found.policy, GOLDEN[name]["tau=0.1"]["rlhf_mu_mu"]) < 1e-8


def test_sgpo_solves_contexts_and_names_those_without_an_answer() -> None:
    games = random_games(1, 3, 4)
    together = Sgpo().solve(games)
    assert together.certificate.holds.all()
    close(together.policy[1], Sgpo().solve(games.at(1)).policy)
    with pytest.raises(UndefinedError):
        Sgpo().solve(PreferenceGame([[0.5, 1.0], [0.0, 0.5]]))


def test_parameters_out_of_range_are_named() -> None:
    wrong: list[tuple[type[Any], dict[str, Any]]] = [
        (StackelbergGda, {"kappa": 0}),
        (StackelbergNpg, {"tau_follower": -0.1}),
        (StackelbergNpg, {"gradient": "plain"}),
        (Srpo, {"alpha": 1.0}),
        (RewardFollower, {"ridge": 0}),
        (Sgpo, {"radius": -1}),
    ]
    for cls, params in wrong:
        with pytest.raises(SolverError, match=next(iter(params))):
            cls(**params)
