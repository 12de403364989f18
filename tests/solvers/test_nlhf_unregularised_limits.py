"""Self-play without a reference: averages, equal updates, optimism."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from games import PreferenceGame, measures, numerics
from games.errors import SolverError
from games.game import Float
from solvers.gpo import Gpo
from solvers.iterated_best_of_n import IteratedBestOfN
from solvers.iterative import IterativeSolver, State
from solvers.nlhf_exact import NlhfExact
from solvers.omwu import Omwu
from solvers.rspo import Rspo
from solvers.sampling import NO_DRAWS
from solvers.self_play_mwu import SelfPlayMwu
from solvers.spo import Spo
from solvers.sppo import Sppo
from tests.golden_games import (
    GOLDEN,
    NAMES,
    golden_game,
    normalised,
    tv,
)
from tests.solvers.self_play_game import GAME, PI, RATES, run, solved

# Averages


@pytest.mark.parametrize("name", NAMES)
def test_multiplicative_weights_converges_on_average_and_not_in_the_last_iterate(name: str) -> None:
    game = golden_game(name)
    solution = solved(SelfPlayMwu(eta=0.5), game, 20_000)
    assert solution.trace is not None
    assert measures.duality_gap(game, game.ref) > 0.05
    assert measures.duality_gap(game, solution.trace.policies[-1]) > 0.05
    assert measures.duality_gap(game, solution.policy) < 0.02
    want = SelfPlayMwu().target(game).policy
    np.testing.assert_allclose(want, GOLDEN[name]["nash_unreg"], atol=1e-9)
    # each of these games has one lottery, so the average approaches it
    assert tv(game.ref, want) > 0.05
    assert tv(solution.policy, want) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_average_keeps_the_bound_and_its_rate(name: str) -> None:
    game = golden_game(name)
    size = float(np.log(1 / game.ref.min()))
    worst = []
    for steps in (500, 8_000):
        solver = SelfPlayMwu(float(np.sqrt(8 * size / steps)))
        path = np.array([solver.policy(state) for state in run(solver, game, steps)[1:]])
        late = np.arange(steps // 2, steps + 1)
        means = path.cumsum(0)[late - 1] / late[:, None]
        gaps = measures.duality_gap(game, means)
        assert (gaps <= 2 * size / (solver.eta * late) + solver.eta / 4).all()
        worst.append(float(gaps.max()))
    assert worst[0] / worst[1] > 3.3, "O(1 / sqrt t) would be 4"


def test_near_a_vertex_the_policy_stands_still_without_being_a_solution() -> None:
    game, solver = golden_game("rps"), SelfPlayMwu(eta=2.0)
    policies = np.array([solver.policy(state) for state in run(solver, game, 2_000)])
    still = abs(np.diff(policies, axis=0)).max(-1) < 1e-12
    assert still.any()
    assert measures.duality_gap(game, policies[1:][still]).min() > 0.5
    solution = solved(solver, game, 2_000)
    assert solution.status == "max_steps"
    mean = policies[1:].mean(0)
    np.testing.assert_allclose(solution.policy, mean, atol=1e-12)
    gap = 2 * max(game.P @ mean) - 1
    np.testing.assert_allclose(solution.certificate.residual, gap, atol=1e-12)


@pytest.mark.parametrize("solver", [SelfPlayMwu(samples=16), Sppo(samples=16), Spo(), Spo(0.1, 0)])
def test_sampled_win_rates_give_the_same_average(solver: SelfPlayMwu) -> None:
    game = golden_game("rps")
    assert solver.draws == (solver.samples > 0)
    solution = solved(solver, game, 2_000)
    assert measures.duality_gap(game, solution.policy) < 0.08
    assert (
        tv(solution.policy, solver.target(game).policy)
        < 0.08
        < tv(game.ref, solver.target(game).policy)
    )


def test_a_sampling_solver_needs_a_generator() -> None:
    solvers: list[IterativeSolver] = [SelfPlayMwu(samples=1), Spo(), Omwu(samples=1)]
    for solver in solvers:
        with pytest.raises(SolverError, match="rng"):
            solver.solve(GAME)
        state: State = solver.init(GAME, NO_DRAWS)
        with pytest.raises(SolverError, match="rng"):
            solver.step(GAME, state, NO_DRAWS)


@pytest.mark.parametrize("name", NAMES)
def test_sppo_converges_on_average_and_not_in_the_last_iterate(name: str) -> None:
    game = golden_game(name)
    solution = solved(Sppo(eta=1.0), game, 1_500)
    assert solution.trace is not None
    assert measures.duality_gap(game, solution.trace.policies[-1]) > 0.05
    assert measures.duality_gap(game, solution.policy) < 0.03


@pytest.mark.parametrize(
    ("eta", "low", "high"), [(0.1, 1e-7, 5.1e-7), (1, 1e-4, 4.1e-4), (10, 0.024, 0.114)]
)
def test_an_sppo_step_is_multiplicative_weights_to_third_order(
    eta: float, low: float, high: float
) -> None:
    for game in map(golden_game, NAMES):
        ours, theirs = (
            solver.policy(run(solver, game, 1)[-1]) for solver in (Sppo(eta), SelfPlayMwu(eta))
        )
        assert low <= tv(ours, theirs) <= high
        half = [s.policy(run(s, game, 1)[-1]) for s in (Sppo(eta / 2), SelfPlayMwu(eta / 2))]
        if eta < 1:
            assert tv(ours, theirs) / tv(*half) == pytest.approx(8, rel=0.05)


def test_an_sppo_step_is_the_least_loss_on_the_simplex() -> None:
    after = Sppo(10.0).policy(Sppo(10.0).step(GAME, (np.log(PI), np.zeros(3)), NO_DRAWS))

    def loss(theta: Float) -> float:
        p = normalised(np.exp(theta))
        return float((PI * (np.log(p / PI) - 10 * (RATES - 0.5)) ** 2).sum())

    result: Any = minimize(loss, np.log(PI), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(after, normalised(np.exp(result.x)), atol=1e-6)


# Methods whose exact update is the same


def test_dno_is_multiplicative_weights() -> None:
    # max E_{y, y' ~ pi} [s log sigma(D) + (1 - s) log sigma(-D)], s = sigma(r - r'),
    # D = (log p/pi (y) - log p/pi (y')) / eta; concave in the logits, so a stationary point is best
    eta = 0.5
    after = SelfPlayMwu(eta).policy(
        SelfPlayMwu(eta).step(GAME, (np.log(PI), np.zeros(3)), NO_DRAWS)
    )

    def loss(theta: Float) -> float:
        ratio = (theta - np.log(PI)) / eta
        margin = ratio[:, None] - ratio
        share = 1 / (1 + np.exp(RATES - RATES[:, None]))
        gain = -share * np.log1p(np.exp(-margin)) - (1 - share) * np.log1p(np.exp(margin))
        return -float((PI[:, None] * PI * gain).sum())

    result: Any = minimize(loss, np.log(PI), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(normalised(np.exp(result.x)), after, atol=1e-6)


def test_rebel_with_its_own_win_rates_is_multiplicative_weights() -> None:
    # E_{y, y' ~ pi} ((log p/pi (y) - log p/pi (y')) / eta - (r(y) - r(y')))^2 = 0
    eta = 0.5
    after = SelfPlayMwu(eta).policy(
        SelfPlayMwu(eta).step(GAME, (np.log(PI), np.zeros(3)), NO_DRAWS)
    )
    off = np.log(after / PI) / eta - RATES
    loss = (PI[:, None] * PI * (off[:, None] - off) ** 2).sum()
    assert loss < 1e-28


def test_spo_with_a_queue_of_one_policy_is_multiplicative_weights() -> None:
    ours, theirs = Spo(0.3, samples=0, queue=1), SelfPlayMwu(0.3)
    for a, b in zip(run(ours, GAME, 20), run(theirs, GAME, 20), strict=True):
        np.testing.assert_allclose(ours.policy(a), theirs.policy(b), atol=1e-14)


def test_onpo_is_optimistic_multiplicative_weights() -> None:
    # two sequences: base <- base exp(eta P pi), then pi = base exp(eta P pi) with the same P pi
    eta, solver = 0.5, Omwu(0.0, 0.5)
    base = policy = np.array([0.5, 0.3, 0.2])
    before = np.zeros(3)
    optimistic = policy
    for state in run(solver, GAME, 30):
        np.testing.assert_allclose(solver.policy(state), policy, atol=1e-14)
        np.testing.assert_allclose(optimistic, policy, atol=1e-13)
        rates = GAME.P @ policy
        base = normalised(base * np.exp(eta * rates))
        policy = normalised(base * np.exp(eta * rates))
        # and in one sequence: pi <- pi exp(eta (2 P pi - P pi_before))
        optimistic = normalised(optimistic * np.exp(eta * (2 * rates - before)))
        before = rates


# Optimism


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tau", [0.0, 0.02, 0.1])
def test_the_last_optimistic_iterate_is_the_equilibrium(name: str, tau: float) -> None:
    game, solver = golden_game(name), Omwu(tau)
    listed = GOLDEN[name]["nash_unreg"] if tau == 0 else GOLDEN[name][f"tau={tau}"]["qre"]
    want = np.array(listed)
    assert tv(game.ref, want) > 0.05
    np.testing.assert_allclose(solver.target(game).policy, want, atol=1e-9)
    # an answer barely out of use leaves slowly: 1e-8 after 10,000 steps on mix6
    slow = name == "mix6" and tau == 0
    assert tv(solved(solver, game, 3_000).policy, want) < (2e-2 if slow else 1e-9)


def test_optimism_on_rock_paper_scissors_at_published_steps() -> None:
    game = golden_game("rps")
    assert measures.duality_gap(game, solved(Omwu(0.0, 1.0), game, 800).policy) < 1e-6
    tight = dataclasses.replace(Omwu(0.0, 2.0), tol=0)
    assert measures.duality_gap(game, solved(tight, game, 200).policy) < 1e-14


def test_optimism_is_stable_up_to_eta_omega_of_one_over_root_three() -> None:
    P = [
        [[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]],
        [[0.5, 0.9, 0.4], [0.1, 0.5, 0.8], [0.6, 0.2, 0.5]],
    ]
    for game in (PreferenceGame(table) for table in P):
        lottery = NlhfExact(0.0).solve(game).policy
        spread = np.diag(lottery) - np.outer(lottery, lottery)
        omega = abs(np.linalg.eigvals((game.P - 0.5) @ spread)).max()
        for factor, converges in ((0.95, True), (1.05, False)):
            solver = Omwu(0.0, factor / (np.sqrt(3) * omega))
            near = np.log(lottery) + np.array([1e-4, -1e-4, 0])
            state, distances = (near, near), []
            for _ in range(400):
                state = solver.step(game, state, NO_DRAWS)
                distances.append(tv(solver.policy(state), lottery))
            assert (max(distances[-20:]) < 0.1 * max(distances[:20])) == converges
            assert converges or max(distances[-20:]) > 10 * max(distances[:20])


@pytest.mark.parametrize("name", NAMES)
def test_the_average_of_the_optimistic_iterates_has_gap_of_order_one_over_t(name: str) -> None:
    game, solver = golden_game(name), Omwu(0.0, 0.5)
    policies = np.array([solver.policy(state) for state in run(solver, game, 4_000)[1:]])
    short, long = (measures.duality_gap(game, policies[:t].mean(0)) for t in (1_000, 4_000))
    assert short / long > 3
    assert long < 20_000 / 4_000 * 7e-4


def test_sampled_optimism_ends_at_the_noise_floor() -> None:
    game, solver = golden_game("rps"), Omwu(0.1, 0.3, samples=256)
    want = numerics.log(np.array(GOLDEN["rps"]["tau=0.1"]["qre"]))
    late = [np.log(solver.policy(state)) for state in run(solver, game, 1_500)[750:]]
    divergence = float(numerics.kl(want, np.array(late)).mean())
    assert 1e-6 < divergence < 3 * 0.3 / 256


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (SelfPlayMwu, {"eta": 0.0}),
        (SelfPlayMwu, {"samples": -1}),
        (Omwu, {"tau": -0.1}),
        (Omwu, {"tau": 0.1, "eta": 10.1}),
        (Omwu, {"samples": -1}),
        (Spo, {"queue": 0}),
        (Spo, {"eta": -1.0}),
        (Sppo, {"eta": 2e3}),
        (Gpo, {"dimension": 3}),
        (Gpo, {"dimension": 2.0}),
        (Gpo, {"embedding": "learned"}),
        (Gpo, {"eta": 0.0}),
        (Rspo, {"tau": 0.0}),
        (Rspo, {"eta": -1.0}),
        (Rspo, {"divergence": "hellinger"}),
        (IteratedBestOfN, {"n_draws": 1}),
        (IteratedBestOfN, {"mixing": 1.1}),
    ],
)
def test_parameters_out_of_range_are_refused(kind: Any, params: dict[str, Any]) -> None:
    with pytest.raises(SolverError, match=next(reversed(params))):
        kind(**params)
