"""Stackelberg methods: what they reach, which rows freeze, and what SRPO does with data."""

from math import exp

import numpy as np
import pytest

from games import Comparisons, PreferenceGame, numerics
from games.catalogue import make
from games.catalogue.laddered import laddered
from solvers.dpo import Dpo
from solvers.sampling import NO_DRAWS
from solvers.slhf_exact import SlhfExact
from solvers.srpo import Srpo
from solvers.stackelberg_gda import StackelbergGda
from solvers.stackelberg_npg import StackelbergNpg
from tests.golden_games import GOLDEN, close, golden_game, normalised, tv
from tests.paper_games import three_annotators
from tests.solvers.compared_game import ACTIONS, GAME, REF, ROWS, SHARES, P, srpo_losses

# What is reached


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
@pytest.mark.parametrize("kappa", [0.2, 1.0, 5.0, 19.0])
def test_natural_gradients_converge_for_every_kappa(name: str, kappa: float) -> None:
    game, solver = golden_game(name), StackelbergNpg(kappa=kappa, max_steps=4000)
    target, solution = solver.target(game), solver.solve(game)
    assert target.certificate.holds
    assert tv(game.ref, target.policy) > 0.05
    assert solution.status == "ok"
    assert tv(solution.policy, target.policy) < 1e-9
    assert tv(solution.follower, target.follower) < 1e-9
    leader = GOLDEN[name]["tau=0.1"]["slhf_leader_tF=tL=tau (=SRPO)"]
    assert tv(solution.policy, leader) < 1e-9


def test_natural_gradients_with_separate_references_and_taus() -> None:
    game = PreferenceGame(P, REF, ROWS)
    for taus in ((0.3, 0.05), (0.05, 0.7), (0.0, 0.2), (0.0, 0.0)):
        solver = StackelbergNpg(*taus, kappa=1.0)
        solution, target = solver.solve(game), solver.target(game)
        assert tv(solution.policy, target.policy) < 1e-8
        assert tv(solution.follower, target.follower) < 1e-8


def test_natural_gradients_contract_by_the_stated_rate_and_diverge_beyond() -> None:
    game, solver = golden_game("mix6"), StackelbergNpg(0.1, 0.1, eta=2.0, kappa=1.5)
    state, target = solver.init(game, NO_DRAWS), solver.target(game)
    spans = []
    for _ in range(10):
        spans.append(np.ptp(state[1] - np.log(np.asarray(target.follower)), axis=-1))
        state = solver.step(game, state, NO_DRAWS)
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
    state = solver.init(game, NO_DRAWS)
    after = solver.step(game, state, NO_DRAWS)
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
        state = solver.init(game, NO_DRAWS)
        for _ in range(4000):
            state = solver.step(game, state, NO_DRAWS)
        close(solver.policy(state), [1, 0, 0])
        if kappa > 1:
            close(solver.follower(state), exact.follower)
            continue
        frozen = solver.follower(state)
        close(frozen[2], [0.137, 0.595, 0.268], 5e-4)
        for _ in range(1000):
            state = solver.step(game, state, NO_DRAWS)
        close(solver.follower(state)[1:], frozen[1:])


def test_symmetric_types_leave_the_leader_uniform() -> None:
    game = three_annotators((1 / 3, 1 / 3, 1 / 3))
    solver = StackelbergGda(0.0, 0.0, 0.01, 1.0, max_steps=2000)
    solution = solver.solve(game)
    close(solution.policy, 1 / 3, 1e-12)
    close(solution.follower, np.eye(3)[[2, 0, 1]])


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
    target, solution = solver.target(game), solver.solve(game)
    assert tv(game.ref, target.policy) > 0.05
    assert solution.status == "ok"
    assert solution.trace is not None
    assert tv(solution.trace.policies[-1], target.policy) < 1e-8
    assert tv(solution.follower, target.follower) < 1e-8
    steps, averages = solution.trace.steps, solution.trace.averages
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
            state = solver.step(game, state, NO_DRAWS)
        off.append(tv(solver.policy(state), exact.policy))
    assert off[0] < 1e-5 < tv(near, exact.policy)
    assert off[1] > 1e-4


# SRPO


@pytest.mark.parametrize("name", ["rps", "mix6", "rand10"])
@pytest.mark.parametrize("alpha", [0.2, 0.7])
def test_srpo_reaches_slhf_at_equal_tau(name: str, alpha: float) -> None:
    game, solver = golden_game(name), Srpo(tau=0.1, alpha=alpha, eta=1.9)
    target, solution = solver.target(game), solver.solve(game)
    assert tv(game.ref, target.policy) > 0.05
    assert solution.status == "ok"
    assert tv(solution.policy, target.policy) < 1e-8
    assert tv(solution.follower, target.follower) < 1e-8
    assert tv(solution.policy, GOLDEN[name]["tau=0.1"]["slhf_leader_tF=tL=tau (=SRPO)"]) < 1e-8


def test_both_losses_of_srpo_vanish_at_the_stackelberg_answer() -> None:
    b = 0.3
    follower = np.array([[ROWS[i][j] * exp(P[j][i] / b) for j in ACTIONS] for i in ACTIONS])
    z = follower.sum(-1)
    policy, follower = normalised(np.array(REF) / z), follower / z[:, None]
    close(srpo_losses(np.log(policy), np.log(follower), b), 0, 1e-28)
    solver = Srpo(tau=b)
    wins = solver.init(GAME, NO_DRAWS)[2][1]
    for error in solver.errors(GAME, (np.log(policy), np.log(follower)), wins):
        close(error, 0, 1e-15)
    close(solver.target(GAME).policy, policy)
    close(solver.target(GAME).follower, follower)
    alone = SlhfExact(b, b).solve(PreferenceGame(P, REF))
    assert tv(alone.policy, policy) > 0.05, "ref_follower is used"


@pytest.mark.parametrize("inner", ["condorcet", "skew_cycle", "transitive_misranked"])
def test_srpo_reaches_slhf_where_the_follower_has_a_reference_for_each_answer(inner: str) -> None:
    game = laddered(make(inner))
    assert game.ref_follower is not None
    solver = Srpo(tau=0.2, eta=1.9, max_steps=20_000)
    target, solution = SlhfExact(0.2, 0.2).solve(game), solver.solve(game)
    assert tv(game.ref_follower, target.follower) > 0.05
    close(solver.target(game).policy, target.policy)
    assert tv(solution.policy, target.policy) < 1e-6
    assert tv(solution.follower, target.follower) < 1e-6
    leader_alone = SlhfExact(0.2, 0.2).solve(PreferenceGame(game.P, game.ref))
    assert tv(target.follower, leader_alone.follower) > 0.02


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
    solution = solver.solve(game, np.random.default_rng(2))
    data = Comparisons.sample(game, 600, np.random.default_rng(2))
    assert not data.unseen.any()
    observed = data.game(game.ref)
    assert tv(solution.policy, SlhfExact(0.2, 0.2).solve(observed).policy) < 1e-8
    assert tv(solution.policy, solver.target(game).policy) > 0.005


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
