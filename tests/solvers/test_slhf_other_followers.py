"""The reward model as the follower; distributionally robust DPO; ranges of parameters."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize, special

from games import PreferenceGame, SolverError, numerics
from games.game import Float
from solvers.dpo import Dpo
from solvers.reward_follower import RewardFollower
from solvers.rlhf_exact import RlhfExact
from solvers.sgpo import Sgpo, least_loss, worst_case
from solvers.srpo import Srpo
from solvers.stackelberg_gda import StackelbergGda
from solvers.stackelberg_npg import StackelbergNpg
from tests.golden_games import GOLDEN, close, golden_game, normalised, tv
from tests.paper_games import random_games
from tests.solvers.compared_game import GAME, REF, SHARES, P, reward_slope

# The reward model as the follower


def nested_value(solver: RewardFollower, log_pi: Float, game: PreferenceGame) -> float:
    pi = np.exp(log_pi)
    r = solver.fit(game.P, pi, np.zeros(game.n), 100)
    return float(pi @ r - solver.tau * numerics.kl(log_pi, game.log_ref))


NOT_FEATURES: list[Any] = [
    3, [1, 2], "ab", [["a"], ["b"]], [[], []], [[np.inf], [1.0]], [[None]]
]  # fmt: skip


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
def test_steering_ends_where_the_nested_objective_is_stationary(name: str) -> None:
    game, solver = golden_game(name), RewardFollower(tau=0.5)
    solution = solver.solve(game)
    assert solution.status == "ok"
    assert tv(game.ref, solution.policy) > 0.05

    def slope(log_policy: Float) -> Float:
        def value(theta: Float) -> float:
            return nested_value(solver, np.asarray(numerics.log_softmax(theta)), game)

        e = 1e-4 * np.eye(game.n)
        return np.array([(value(log_policy + d) - value(log_policy - d)) / 2e-4 for d in e])

    close(slope(solution.log_policy), 0, 1e-7)
    myopic = RewardFollower(tau=0.5, steering=0.0).solve(game)
    assert myopic.status == "ok"
    assert abs(slope(myopic.log_policy)).max() > 0.01
    gain = nested_value(solver, solution.log_policy, game)
    assert gain > nested_value(solver, myopic.log_policy, game) + 0.001
    assert gain > nested_value(solver, game.log_ref, game)


def test_large_steps_of_the_leader_cycle() -> None:
    game = golden_game("rps")
    for eta, status in ((0.2, "ok"), (4.0, "max_steps")):
        solver = RewardFollower(tau=0.5, eta=eta, steering=0.0, max_steps=1000)
        assert solver.solve(game).status == status


def test_a_settled_policy_is_a_fixed_point() -> None:
    game = golden_game("mix6")
    solution = RewardFollower(tau=0.5).solve(game)
    r = RewardFollower(tau=0.5).fit(game.P, solution.policy, np.zeros(6), 200)
    reward = RewardFollower(tau=0.5).effective_reward(game.P, game.ref, solution.policy, r)
    close(np.exp(numerics.log_softmax(game.log_ref + reward / 0.5)), solution.policy, 1e-10)


def test_on_bradley_terry_preferences_there_is_nothing_to_foresee() -> None:
    r = np.array([0.5, -0.7, 0.2])
    game = PreferenceGame(special.expit(np.subtract.outer(r, r)), REF)
    target = RlhfExact(1.0).solve(game).policy
    assert tv(game.ref, target) > 0.05
    for steering in (0.0, 1.0):
        solution = RewardFollower(tau=1.0, ridge=1e-6, steering=steering).solve(game)
        assert solution.status == "ok"
        assert tv(solution.policy, target) < 1e-4


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


def shared_features(seed: int) -> tuple[PreferenceGame, Float]:
    """A Bradley-Terry game of eight answers, and features in which its rewards are not linear."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(8, 3))
    utility = 2 * X[:, 0] - X[:, 1] - 2 * (X[:, 2] > 0)
    ref = rng.dirichlet(np.ones(8))
    return PreferenceGame(special.expit(np.subtract.outer(utility, utility)), ref), X


@pytest.mark.parametrize("seed", range(4))
def test_with_shared_features_foresight_ends_higher(seed: int) -> None:
    """In J(pi, r(pi)), whose weights another optimiser fits; a table of rewards has no gap."""
    game, X = shared_features(seed)

    def objective(pi: Float) -> float:
        def loss(w: Float) -> float:
            r = X @ w
            fit = pi[:, None] * pi * game.P * special.log_expit(r[:, None] - r)
            return float(0.005 * w @ w - fit.sum())

        w = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-9}).x
        return float(pi @ X @ w - 0.5 * (pi @ np.log(pi / game.ref)))

    ends = {}
    for steering in (0.0, 1.0):
        solver = RewardFollower(0.5, 0.1, 0.01, steering, features=X.tolist())
        solution = solver.solve(game)
        assert solution.status == "ok"
        ends[steering] = solution.policy
    assert tv(ends[0.0], ends[1.0]) > 0.003
    assert objective(ends[1.0]) > objective(ends[0.0]) + 1e-6
    assert objective(ends[0.0]) > objective(game.ref) + 0.1


def test_relaxed_and_practical_penalties_in_a_table() -> None:
    """r_i - gamma sum_y ref_y (sigmoid(r_i - r_y) - P(i > y)), and r_i - gamma (1 - ref_i)."""
    game, r = random_games(6, 1, 5).at(0), np.array([0.4, -1.0, 0.3, 2.0, 0.1])
    fitted = special.expit(r[:, None] - r)
    expected = {
        "relaxed": r - 0.8 * (fitted - game.P) @ game.ref,
        "practical": r - 0.8 * (1 - game.ref),
    }
    for penalty, reward in expected.items():
        solver = RewardFollower(steering=0.8, penalty=penalty)  # type: ignore[arg-type]
        close(solver.effective_reward(game.P, game.ref, game.ref, r), reward)
        plain = RewardFollower(features=np.eye(5).tolist(), steering=0.8, penalty=penalty)  # type: ignore[arg-type]
        close(plain.solve(game).policy, solver.solve(game).policy, 1e-12)
        assert tv(solver.solve(game).policy, RewardFollower(steering=0.0).solve(game).policy) > 1e-3


def test_the_relaxed_penalty_is_what_one_step_of_the_fit_does_to_the_reward() -> None:
    """The loss of one comparison, differentiated numerically, and a step against it."""
    game, X = shared_features(1)
    w, rate = np.array([0.5, -0.2, 0.8]), 0.3

    def after(i: int, y: int) -> float:
        def loss(v: Float) -> float:
            gap = (X[i] - X[y]) @ v
            p = game.P[i, y]
            return float(-p * special.log_expit(gap) - (1 - p) * special.log_expit(-gap))

        slope = [(loss(w + e) - loss(w - e)) / 2e-5 for e in 1e-5 * np.eye(3)]
        return float(X[i] @ (w - rate * np.array(slope)))

    expected = [sum(game.ref[y] * after(i, y) for y in range(8)) for i in range(8)]
    solver = RewardFollower(steering=rate, penalty="relaxed", features=X.tolist())
    close(solver.effective_reward(game.P, game.ref, game.ref, w), expected, 1e-8)


def test_features_must_fit_the_game() -> None:
    with pytest.raises(
        SolverError, match="features has 2 rows, expected one for each of 3 answers"
    ):
        RewardFollower(features=[[1.0], [2.0]]).solve(golden_game("rps"))


# SGPO


def observed(n: int = 12) -> tuple[Float, Float]:
    rng = np.random.default_rng(4)
    return normalised(rng.uniform(size=n)), rng.normal(size=n)


def with_ends(at: Float) -> Float:
    return np.stack([at, np.full_like(at, -np.inf), np.full_like(at, np.inf)], axis=-1)


def test_the_worst_case_is_the_loss_plus_the_budget() -> None:
    weights, margins = observed()
    loss = float(weights @ np.logaddexp(0, -margins))
    losses = [worst_case(weights, margins, b, with_ends(margins)) for b in (0.0, 0.01, 0.2, 3.0)]
    close(losses, loss + np.array([0.0, 0.01, 0.2, 3.0]), 1e-9)
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
    solution = Sgpo(tau=0.1, radius=2.0).solve(game)
    assert solution.certificate.holds
    assert tv(solution.policy, Dpo(tau=0.1).solve(game).policy) < 1e-8
    assert tv(solution.policy, GOLDEN[name]["tau=0.1"]["rlhf_mu_mu"]) < 1e-8


def test_sgpo_solves_contexts_and_names_those_without_an_answer() -> None:
    games = random_games(1, 3, 4)
    together = Sgpo().solve(games)
    assert together.certificate.holds.all()
    close(together.policy[1], Sgpo().solve(games.at(1)).policy)
    sure = PreferenceGame([[0.5, 1.0], [0.0, 0.5]])
    mixed = Sgpo().solve(PreferenceGame.stack([sure, PreferenceGame([[0.5, 0.6], [0.4, 0.5]])]))
    assert mixed.status.tolist() == ["undefined", "ok"]
    assert "the Bradley-Terry maximum is infinite" in mixed.message[0]


def test_parameters_out_of_range_are_named() -> None:
    wrong: list[tuple[type[Any], dict[str, Any]]] = [
        (StackelbergGda, {"kappa": 0}),
        (StackelbergNpg, {"tau_follower": -0.1}),
        (StackelbergNpg, {"gradient": "plain"}),
        (Srpo, {"alpha": 1.0}),
        (RewardFollower, {"ridge": 0}),
        (RewardFollower, {"steering": 1.5}),
        (RewardFollower, {"penalty": "none"}),
        (RewardFollower, {"features": [[1.0, 2.0], [1.0]]}),
        *((RewardFollower, {"features": features}) for features in NOT_FEATURES),
        (Sgpo, {"radius": -1}),
    ]
    for cls, params in wrong:
        with pytest.raises(SolverError, match=next(iter(params))):
            cls(**params)
