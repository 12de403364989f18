"""RLHF methods: what they reach and how fast, and what the data change."""

import itertools
from dataclasses import replace
from math import comb, exp, log
from typing import Any

import numpy as np
import pytest
from scipy import special

from games import Comparisons, PreferenceGame, SolverError, measures, numerics
from games.game import Float
from solvers.best_of_n import BestOfN, best_of
from solvers.bond import Bond
from solvers.dpo import Dpo
from solvers.ipo import Ipo
from solvers.iterative import IterativeSolver
from solvers.natural_pg import NaturalPg
from solvers.online_ipo_2 import OnlineIpo2
from solvers.preference_matching import PreferenceMatching
from solvers.rebel import Rebel
from solvers.rlhf_exact import RlhfExact
from solvers.sampling import NO_DRAWS
from solvers.softmax_pg import SoftmaxPg
from tests.golden_games import (
    GOLDEN,
    close,
    golden_game,
    normalised,
    tv,
)
from tests.solvers.compared_game import ACTIONS, GAME, PI, REF, SHARES, P, R, slopes

# What is reached

REACHES: list[tuple[IterativeSolver, float]] = [
    (NaturalPg(tau=0.1), 1e-10),
    (NaturalPg(tau=0.1, eta=19.0), 1e-10),
    (SoftmaxPg(tau=1.0, eta=2.0), 1e-9),
    (Dpo(tau=0.1), 1e-9),
    (Dpo(tau=0.02, eta=1.9), 1e-9),
    (Ipo(tau=0.1), 1e-9),
    (Rebel(), 1e-10),
    (Bond(), 1e-10),
    (Bond(n_answers=4, rate=1.0), 1e-10),
]


@pytest.mark.parametrize(("solver", "tol"), REACHES)
@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
def test_the_target_is_reached_from_elsewhere(name: str, solver: Any, tol: float) -> None:
    game = golden_game(name, "mu")
    target = solver.target(game)
    assert target.certificate.holds
    assert tv(game.ref, target.policy) > 0.05
    solution = solver.solve(game)
    assert solution.status == "ok"
    assert tv(solution.policy, target.policy) < tol


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
@pytest.mark.parametrize("pairs", ["uniform", "mu"])
def test_dpo_and_both_gradients_reach_the_published_rlhf(name: str, pairs: str) -> None:
    golden = GOLDEN[name]["tau=0.1"]["rlhf_unif" if pairs == "uniform" else "rlhf_mu_mu"]
    game = golden_game(name, pairs)
    for solver in (Dpo(tau=0.1), NaturalPg(tau=0.1)):
        assert tv(solver.solve(game).policy, golden) < 2e-8


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
@pytest.mark.parametrize("tau", [0.1, 0.02])
def test_ipo_on_product_pairs_is_a_best_response(name: str, tau: float) -> None:
    golden = GOLDEN[name][f"tau={tau}"]
    game, uniform = golden_game(name, "mu"), golden_game(name)
    for solved in (Ipo(tau).solve(game).policy, Ipo(tau).target(game).policy):
        assert tv(solved, golden["ipo_mu"]) < 1e-8
        assert tv(solved, measures.best_response(game, game.ref, tau)) < 1e-8
    assert tv(Ipo(tau).solve(uniform).policy, golden["ipo_unif"]) < 1e-8
    nu = np.full(game.n, 1 / game.n)
    assert tv(Ipo(tau).solve(uniform).policy, measures.best_response(game, nu, tau)) < 1e-8


def test_ipo_on_other_pairs_is_no_best_response_to_what_was_compared() -> None:
    policy = Ipo(0.1).solve(GAME).policy
    rows = [
        [np.sqrt(SHARES[i][j]) * (k == i) - np.sqrt(SHARES[i][j]) * (k == j) for k in ACTIONS]
        for i, j in itertools.combinations(ACTIONS, 2)
    ]
    goals = [
        np.sqrt(SHARES[i][j]) * (P[i][j] - 0.5) / 0.1 for i, j in itertools.combinations(ACTIONS, 2)
    ]
    h = np.linalg.lstsq(np.array(rows), np.array(goals), rcond=None)[0]
    assert tv(policy, normalised(REF * np.exp(h))) < 1e-9
    nu = np.sum(SHARES, axis=1) / 2
    assert tv(policy, measures.best_response(GAME, nu, 0.1)) > 0.05


def test_answers_never_compared_keep_their_balance_in_ipo_and_have_none_in_rlhf() -> None:
    two_pairs = np.zeros((4, 4))
    two_pairs[0, 1] = two_pairs[1, 0] = two_pairs[2, 3] = two_pairs[3, 2] = 1
    table = special.expit(np.subtract.outer([1, 0.3, -0.2, 2], [1, 0.3, -0.2, 2]))
    game = PreferenceGame(table, [0.1, 0.2, 0.3, 0.4], pairs=two_pairs)
    solution, target = Ipo(0.5).solve(game), Ipo(0.5).target(game)
    assert target is not None
    assert tv(solution.policy, target.policy) < 1e-10
    h = solution.log_policy - game.log_ref
    assert h[0] + h[1] == pytest.approx(h[2] + h[3], abs=1e-9)
    assert Dpo(0.5).target(game).status == "undefined"


# Rates and limits


def test_natural_gradient_contracts_by_the_stated_rate() -> None:
    game, solver = golden_game("mix6", "mu"), NaturalPg(tau=0.1, eta=3.0)
    state, target = solver.init(game, NO_DRAWS), RlhfExact(0.1).solve(game).log_policy
    spans = []
    for _ in range(10):
        spans.append(np.ptp(state[0] - target))
        state = solver.step(game, state, NO_DRAWS)
    close(np.array(spans[1:]) / np.array(spans[:-1]), 0.7, 1e-9)
    once = NaturalPg(tau=0.1, eta=10.0)
    policy = once.policy(once.step(game, once.init(game, NO_DRAWS), NO_DRAWS))
    assert tv(policy, RlhfExact(0.1).solve(game).policy) < 1e-12
    assert NaturalPg(tau=0.1, eta=21.0, max_steps=300).solve(game).status != "ok"


def test_softmax_gradient_is_stable_up_to_its_limit() -> None:
    game = golden_game("rps", "mu")
    pi = RlhfExact(1.0).solve(game).policy
    largest = np.linalg.eigvalsh(np.diag(pi) - np.outer(pi, pi))[-1]
    assert largest <= 0.5
    assert SoftmaxPg(tau=1.0, eta=0.95 * 2 / largest).solve(game).status == "ok"
    assert SoftmaxPg(tau=1.0, eta=1.1 * 2 / largest).solve(game).status == "max_steps"


def test_softmax_gradient_is_slower_the_rarer_the_best_answer() -> None:
    r = np.array([1.0, 0.0])
    steps = []
    for rare in (0.1, 0.01):
        game = PreferenceGame(special.expit(np.subtract.outer(r, r)), [rare, 1 - rare])
        trace = SoftmaxPg(tau=0.1, eta=1.0, max_steps=1000).solve(game).trace
        assert trace is not None
        assert trace.policies[0, 0] < 0.5 < trace.policies[-1, 0]
        steps.append(trace.steps[np.argmax(trace.policies[:, 0] > 0.5)])
    assert steps[1] > 5 * steps[0]


def test_leave_one_out_is_unbiased() -> None:
    log_pi, r, tau = np.log(PI), np.array(R), 0.5
    exact = SoftmaxPg(tau=tau, eta=1.0).step(GAME, (log_pi, r), NO_DRAWS)[0] - log_pi
    mean = np.zeros(3)
    a = r - tau * (log_pi - np.log(REF))
    for i, j in itertools.product(ACTIONS, repeat=2):
        slope = np.zeros(3)
        slope[i] += (a[i] - a[j]) / 2
        slope[j] += (a[j] - a[i]) / 2
        mean += PI[i] * PI[j] * slope
    close(mean - mean.mean(), exact - exact.mean())
    rng, total = np.random.default_rng(0), np.zeros(3)
    for _ in range(4000):
        total += SoftmaxPg(tau=tau, eta=1.0, samples=3).step(GAME, (log_pi, r), rng)[0] - log_pi
    close(total / 4000 - (total / 4000).mean(), exact - exact.mean(), 0.02)


@pytest.mark.parametrize("samples", [2, 64])
def test_leave_one_out_converges_at_a_constant_step(samples: int) -> None:
    """At the target all rewards less the penalty are equal, and so are those of any sample."""
    game = golden_game("mix6", "mu")
    solver = SoftmaxPg(tau=1.0, eta=0.5, samples=samples)
    solution, target = solver.solve(game, np.random.default_rng(0)), solver.target(game).policy
    assert tv(game.ref, target) > 0.12
    assert solution.status == "ok"
    assert tv(solution.policy, target) < 1e-9
    state = (numerics.log(target), RlhfExact().rewards(game))
    for seed in range(5):
        after = solver.step(game, state, np.random.default_rng(seed))
        close(solver.policy(after), target)


def test_a_sample_that_changes_nothing_settles_nothing() -> None:
    """Two equal answers have no leave-one-out advantage; twice the same pair tells nothing."""
    game = golden_game("mix6")
    for solver in (SoftmaxPg(tau=1.0, samples=2), OnlineIpo2(tau=0.1, samples=1)):
        repeats = 0
        for seed in range(40):
            solution = replace(solver, max_steps=1).solve(game, np.random.default_rng(seed))
            repeats += int(tv(solution.policy, game.ref) < 1e-15)
            assert solution.status == "max_steps"
            assert solution.certificate.residual > 1e-3
        assert 3 < repeats < 37


def test_leave_one_out_needs_a_generator_and_two_answers() -> None:
    game, solver = golden_game("mix6"), SoftmaxPg(samples=2)
    with pytest.raises(SolverError, match="rng"):
        solver.solve(game)
    with pytest.raises(SolverError, match="leave one out"):
        SoftmaxPg(samples=1)


def test_descent_on_the_dpo_loss_overshoots_beyond_its_bound() -> None:
    # two answers: the Laplacian's largest eigenvalue is 2, and sigmoid' is 1 / 4 at the optimum
    game = PreferenceGame([[0.5, 0.5], [0.5, 0.5]], [0.3, 0.7])
    for eta, factor in ((0.5, 0.5), (1.0, 0.0), (1.9, 0.9)):
        solver = Dpo(tau=0.5, eta=eta)
        data = solver.init(game, NO_DRAWS)[1]
        after = solver.step(game, (np.log([0.3, 0.7]) + np.array([1e-4, 0]), data), NO_DRAWS)[0]
        gap = after[0] - after[1] - log(0.3 / 0.7)
        assert gap == pytest.approx((1 - eta) * 1e-4, abs=1e-11)
        assert abs(gap) == pytest.approx(factor * 1e-4, abs=1e-11)
    with pytest.raises(SolverError, match="eta"):
        Dpo(eta=2.0)


def test_certain_preferences_have_no_dpo_but_an_ipo_answer() -> None:
    game = PreferenceGame([[0.5, 1.0], [0.0, 0.5]], [0.2, 0.8])
    assert Dpo(0.1).target(game).status == "undefined"
    spans = []
    for steps in (100, 1000, 10_000):
        log_policy = Dpo(tau=1.0, max_steps=steps, tol=0).solve(game).log_policy
        spans.append(float(log_policy[0] - log_policy[1] - log(0.2 / 0.8)))
    # h grows like the logarithm of the steps
    close(np.diff(spans), log(10), 0.1)
    solution = Ipo(0.5).solve(game)
    assert solution.status == "ok"
    close(solution.policy, normalised([0.2 * exp(1 / (2 * 0.5)), 0.8]), 1e-10)


def test_rebel_stopped_after_t_steps_is_rlhf_at_one_over_eta_t() -> None:
    game = golden_game("rand10", "mu")
    for t in (1, 3, 8):
        solution = Rebel(eta=0.5, max_steps=t).solve(game)
        target = RlhfExact(1 / (0.5 * t)).solve(game)
        assert numerics.kl(solution.log_policy, target.log_policy) < 1e-14
        assert tv(solution.policy, Rebel().target(game).policy) > 0.05


def test_rebel_on_few_pairs_may_settle_on_a_likelier_answer() -> None:
    r = np.array([1.0, 0.9, 0.0])
    game = PreferenceGame(special.expit(np.subtract.outer(r, r)), [0.001, 0.599, 0.4])
    best = [
        int(np.argmax(Rebel(samples=2).solve(game, np.random.default_rng(seed)).policy))
        for seed in range(5)
    ]
    assert 1 in best
    assert int(np.argmax(Rebel().solve(game).policy)) == 0
    with pytest.raises(SolverError, match="rng"):
        Rebel(samples=2).solve(game)


# Data sets


@pytest.mark.parametrize("cls", [Dpo, Ipo])
def test_a_sampled_data_set_is_fitted_exactly(cls: Any) -> None:
    game = golden_game("mix6")
    solver = cls(tau=0.5, n_comparisons=400)
    solution = solver.solve(game, np.random.default_rng(5))
    observed = Comparisons.sample(game, 400, np.random.default_rng(5)).game(game.ref)
    assert tv(solution.policy, cls(tau=0.5).target(observed).policy) < 1e-9
    assert tv(solution.policy, solver.target(game).policy) > 0.01
    with pytest.raises(SolverError, match="rng"):
        solver.solve(game)
    with pytest.raises(SolverError, match="rng"):
        solver.init(game, NO_DRAWS)


def test_hard_labels_have_the_gradient_of_the_observed_shares() -> None:
    tau = 0.5
    data = Comparisons([[0, 3, 1], [1, 0, 2], [4, 0, 0]])
    game = data.game(REF)
    theta = np.log(PI)

    def loss(logits: Float) -> float:
        h = logits - np.log(REF)
        lost = itertools.permutations(ACTIONS, 2)
        total: float = sum(data.wins[i, j] * (h[i] - h[j] - 1 / (2 * tau)) ** 2 for i, j in lost)
        return total / 11

    solver = Ipo(tau=tau, eta=0.5)
    after = solver.step(game, (theta, solver.init(game, NO_DRAWS)[1]), NO_DRAWS)[0]
    max_degree = max(3 + 1 + 1 + 4, 3 + 1 + 2, 1 + 4 + 2) / 11
    step = -0.5 / (4 * max_degree) * slopes(loss, theta)
    close(after - after.mean(), theta + step - (theta + step).mean(), 1e-9)


def test_more_data_come_nearer_to_the_population() -> None:
    game = golden_game("mix6")
    off = [
        np.mean(
            [
                tv(
                    Dpo(tau=0.5, n_comparisons=n).solve(game, np.random.default_rng(seed)).policy,
                    Dpo(tau=0.5).target(game).policy,
                )
                for seed in range(5)
            ]
        )
        for n in (300, 30_000)
    ]
    assert off[1] < off[0] / 4


# Closed forms


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
@pytest.mark.parametrize("n_answers", [1, 2, 7, 64])
def test_best_of_n_against_binomial_sums(name: str, n_answers: int) -> None:
    game = golden_game(name, "mu")
    r = RlhfExact().rewards(game)
    solution = BestOfN(n_answers).solve(game)
    assert solution.certificate.holds
    for y in range(game.n):
        below, mass = game.ref[r < r[y]].sum(), game.ref[y]
        hits = [
            comb(n_answers, k) * mass**k * below ** (n_answers - k) for k in range(1, n_answers + 1)
        ]
        assert solution.policy[y] == pytest.approx(sum(hits), abs=1e-12)
    kl = float(measures.kl_to_ref(game, solution.policy))
    assert kl <= log(n_answers) - (n_answers - 1) / n_answers + 1e-12


def test_best_of_n_sees_the_order_of_the_reward_only() -> None:
    ref = np.log([0.1, 0.2, 0.3, 0.4])
    r = np.array([0.3, -1.0, 2.0, 0.1])
    close(best_of(5, r, ref), best_of(5, np.sign(r) * abs(r) ** 3, ref))
    assert np.isfinite(best_of(1_000_000, r, best_of(1_000_000, r, ref))).all()


def test_repeated_best_of_n_multiplies_n() -> None:
    game = golden_game("mix6", "mu")
    solver = Bond(n_answers=3, rate=1.0, max_steps=3, tol=0)
    assert tv(solver.solve(game).policy, BestOfN(27).solve(game).policy) < 1e-12
    assert (
        tv(Bond(3, 0.2, max_steps=3, tol=0).solve(game).policy, BestOfN(27).solve(game).policy)
        > 0.05
    )


def test_matching_odds_need_bradley_terry_and_no_reference() -> None:
    r = np.array([0.5, -1.2, 0.3, 2.0])
    table = special.expit(np.subtract.outer(r, r))
    game = PreferenceGame(table, [0.1, 0.2, 0.3, 0.4])
    policy = PreferenceMatching().solve(game).policy
    close(policy[:, None] / (policy[:, None] + policy[None, :]), table, 1e-12)
    close(policy, PreferenceMatching().solve(PreferenceGame(table)).policy)
    close(policy, RlhfExact(1.0).solve(PreferenceGame(table)).policy)
    assert tv(policy, RlhfExact(1.0).solve(game).policy) > 0.05
    cycle = golden_game("rps", "mu")
    matched = PreferenceMatching().solve(cycle).policy
    odds = matched[:, None] / (matched[:, None] + matched[None, :])
    assert abs(odds - cycle.P).max() > 0.3
    assert tv(matched, PreferenceMatching().solve(golden_game("rps")).policy) > 0.05


def test_parameters_out_of_range_are_named() -> None:
    wrong: list[tuple[type[Any], dict[str, float]]] = [
        (NaturalPg, {"tau": 0}),
        (SoftmaxPg, {"eta": -1.0}),
        (Ipo, {"n_comparisons": -1}),
        (Rebel, {"eta": 0}),
        (BestOfN, {"n_answers": 0}),
        (Bond, {"rate": 1.5}),
    ]
    for cls, params in wrong:
        with pytest.raises(SolverError, match=next(iter(params))):
            cls(**params)
