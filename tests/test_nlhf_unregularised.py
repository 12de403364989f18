"""Self-play without a reference, and self-play regularised by something other than reverse KL."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.linalg import schur
from scipy.optimize import minimize

from games import PreferenceGame, measures, numerics
from games.errors import SolverError, UndefinedError
from games.game import Float
from solvers import gpo, iterated_best_of_n, omwu, rspo, self_play_mwu, spo, sppo
from solvers.divergence_nash import chi_square_nash, forward_kl_nash
from solvers.gpo import Gpo
from solvers.iterated_best_of_n import IteratedBestOfN
from solvers.iterative import IterativeSolver, State
from solvers.nlhf_exact import NlhfExact
from solvers.omwu import Omwu
from solvers.roots import falling_root, plus_exp
from solvers.rspo import Rspo
from solvers.self_play_mwu import SelfPlayMwu
from solvers.solver import Solution
from solvers.spo import Spo
from solvers.sppo import Sppo
from tests.paper_games import random_games

GOLDEN = json.loads((Path(__file__).parent / "golden" / "algorithms_golden.json").read_text())
NAMES = ["rps", "mix6", "rand10"]
GAMES = {
    name: PreferenceGame(GOLDEN[name]["P"], np.array(GOLDEN[name]["mu"]) / sum(GOLDEN[name]["mu"]))
    for name in NAMES
}

# A generic state: P PI = (.61, .48, .46)
GAME = PreferenceGame([[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]], [0.5, 0.3, 0.2])
PI = np.array([0.2, 0.5, 0.3])
RATES = np.array([0.61, 0.48, 0.46])


def normalised(p: Float) -> Float:
    return np.asarray(p / p.sum(-1, keepdims=True))


def distance(a: Float, b: Float) -> float:
    return float(numerics.total_variation(a, b).max())


def run(solver: IterativeSolver, game: PreferenceGame, steps: int, seed: int = 0) -> list[State]:
    rng = np.random.default_rng(seed)
    states = [solver.init(game, rng)]
    for _ in range(steps):
        states.append(solver.step(game, states[-1], rng))
    return states


# Golden steps


def golden_self_play_mwu(kind: Any) -> None:
    solver = kind(eta=0.5)
    state = solver.step(GAME, (np.log(PI), np.array([1.0, 0.0, 2.0])), None)
    want = normalised(np.array([0.2 * np.exp(0.305), 0.5 * np.exp(0.24), 0.3 * np.exp(0.23)]))
    np.testing.assert_allclose(solver.policy(state), want, atol=1e-15)
    mean = (want + np.array([1.0, 0.0, 2.0])) / 4
    gap = 2 * max(np.array([[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]]) @ mean) - 1
    np.testing.assert_allclose(solver.residual(GAME, None, state), gap, atol=1e-15)
    np.testing.assert_allclose(solver.policy(solver.init(GAME, None)), [0.5, 0.3, 0.2], atol=1e-15)


def golden_omwu(kind: Any) -> None:
    base = np.array([0.3, 0.1, 0.6])
    for tau in (0.0, 0.1):
        solver = kind(tau=tau, eta=0.5)
        state = solver.step(GAME, (np.log(base), np.log(PI)), None)
        pull = np.array([0.5, 0.3, 0.2]) ** (0.5 * tau)
        moved = normalised(base ** (1 - 0.5 * tau) * pull * np.exp(0.5 * RATES))
        ahead = normalised(moved ** (1 - 0.5 * tau) * pull * np.exp(0.5 * RATES))
        np.testing.assert_allclose(np.exp(state[0]), moved, atol=1e-15)
        np.testing.assert_allclose(solver.policy(state), ahead, atol=1e-15)


def golden_spo(kind: Any) -> None:
    old, older = np.array([0.6, 0.1, 0.3]), np.array([0.0, 0.0, 1.0])
    solver = kind(eta=0.5, samples=0, queue=2)
    state = solver.step(GAME, (np.log(PI), np.zeros(3), (older, old)), None)
    # the queue is now (old, PI), on average (.4, .3, .3), with win rates (.53, .40, .56)
    want = normalised(np.array([0.2 * np.exp(0.265), 0.5 * np.exp(0.2), 0.3 * np.exp(0.28)]))
    np.testing.assert_allclose(solver.policy(state), want, atol=1e-15)
    np.testing.assert_allclose(state[2], [old, PI], atol=1e-15)
    drawing = kind(eta=0.5, samples=4, queue=1)
    state = drawing.step(GAME, (np.log(PI), np.zeros(3), (old,)), np.random.default_rng(5))
    drawn = np.random.default_rng(5).multinomial(4, PI) / 4
    want = normalised(PI * np.exp(0.5 * np.asarray(GAME.P) @ drawn))
    np.testing.assert_allclose(drawing.policy(state), want, atol=1e-15)


def golden_sppo(kind: Any) -> None:
    for eta in (0.5, 10.0, 1000.0):
        solver = kind(eta=eta)
        after = solver.policy(solver.step(GAME, (np.log(PI), np.zeros(3)), None))
        # stationary on the simplex: w + c exp(w) = eta (P pi - 1/2), and c = -E_pi w
        w = np.log(after / PI)
        c = -(PI * w).sum()
        off = w + c * after / PI - eta * np.array([0.11, -0.02, -0.04])
        np.testing.assert_allclose(off, 0, atol=1e-12 * max(1, eta))
        assert abs(after.sum() - 1) < 1e-14


def golden_gpo(kind: Any) -> None:
    scores = np.array([[0, 1, -2], [-1, 0, 0.5], [2, -0.5, 0]])
    game = PreferenceGame(1 / (1 + np.exp(-scores)), [0.5, 0.3, 0.2])
    solver = kind(eta=0.5)
    *_, held = solver.init(game, None)
    np.testing.assert_allclose(held, scores, atol=1e-14)
    state = solver.step(game, (np.log(PI), np.zeros(3), held), None)
    # scores against PI: (-.1, -.05, .15)
    want = normalised(np.array([0.2 * np.exp(-0.05), 0.5 * np.exp(-0.025), 0.3 * np.exp(0.075)]))
    np.testing.assert_allclose(solver.policy(state), want, atol=1e-14)
    np.testing.assert_allclose(solver.residual(game, None, state), max(scores @ want), atol=1e-14)
    np.testing.assert_allclose(kind(dimension=2).scores(game), scores, atol=1e-14)


def golden_rspo(kind: Any) -> None:
    ref, eta, tau = np.array([0.5, 0.3, 0.2]), 0.7, 0.2
    slopes: dict[str, Callable[[Float], Float]] = {
        "chi_square": lambda p: 2 * (p / ref - 1),
        "forward_kl": lambda p: -ref / p,
        "reverse_kl": lambda p: np.log(p / ref) + 1,
    }
    for divergence, slope in slopes.items():
        solver = kind(tau=tau, divergence=divergence, eta=eta)
        after = solver.policy(solver.step(GAME, np.log(PI) + 3, None))
        constant = RATES - tau * slope(after) - np.log(after / PI) / eta
        np.testing.assert_allclose(constant, constant[0], atol=1e-14)
        assert abs(after.sum() - 1) < 1e-14
    want = normalised((PI * ref**0.14 * np.exp(0.7 * RATES)) ** (1 / 1.14))
    np.testing.assert_allclose(after, want, atol=1e-14)


def golden_iterated_best_of_n(kind: Any) -> None:
    solver = kind(n_draws=3, mixing=0.25)
    after = solver.policy(solver.step(GAME, np.log(PI) - 2, None))
    want = (PI * RATES**2) ** 0.75 * np.array([0.5, 0.3, 0.2]) ** 0.25
    np.testing.assert_allclose(after, normalised(want), atol=1e-15)


STEPS: list[tuple[ModuleType, str, Callable[[Any], None]]] = [
    (self_play_mwu, "SelfPlayMwu", golden_self_play_mwu),
    (omwu, "Omwu", golden_omwu),
    (spo, "Spo", golden_spo),
    (sppo, "Sppo", golden_sppo),
    (gpo, "Gpo", golden_gpo),
    (rspo, "Rspo", golden_rspo),
    (iterated_best_of_n, "IteratedBestOfN", golden_iterated_best_of_n),
]


@pytest.mark.parametrize(("module", "name", "golden"), STEPS, ids=[s[1] for s in STEPS])
def test_golden_step(module: ModuleType, name: str, golden: Callable[[Any], None]) -> None:
    golden(getattr(module, name))


MUTANTS = {
    "SelfPlayMwu": [
        ("log_policy + self.eta * rates", "log_policy - self.eta * rates"),
        ("(game, np.exp(log_policy), self.samples", "(game, game.ref, self.samples"),
        ("total + np.exp(log_policy)", "np.exp(log_policy)"),
        ("total / total.sum(-1, keepdims=True)", "np.exp(after[0])"),
    ],
    "Omwu": [
        ("np.exp(log_policy), self.samples", "np.exp(base), self.samples"),
        ("return base, numerics.log_softmax(shrink * base + move)", "return base, base"),
        ("(self.tau * game.log_ref + rates)", "rates"),
        ("1 - self.eta * self.tau, self.eta", "1 - self.tau, self.eta"),
    ],
    "Spo": [
        ("(*queue, drawn)[-self.queue :]", "(*queue, drawn)"),
        ("(*queue, drawn)[-self.queue :]", "(*queue, drawn)[: self.queue]"),
        ("self.samples, drawn) / self.samples", "self.samples, drawn)"),
        ("log_policy + self.eta * rates", "log_policy - self.eta * rates"),
    ],
    "Sppo": [
        ("self.eta * (rates - own)", "self.eta * rates"),
        ("self.eta * (rates - own)", "self.eta * (own - rates)"),
        ("c = falling_root(", "c = 0 * falling_root("),
    ],
    "Gpo": [
        ("np.log(P) - np.log(np.swapaxes(P, -1, -2))", "P - np.swapaxes(P, -1, -2)"),
        ("log_policy + self.eta * gain", "log_policy - self.eta * gain"),
        ("@ np.swapaxes(u, -1, -2).conj()", "@ np.swapaxes(u, -1, -2)"),
        ("after[1] / after[1].sum(-1, keepdims=True)", "np.exp(after[0]) / 2"),
    ],
    "Rspo": [
        ("log_policy - game.log_ref + eta", "log_policy + eta"),
        ("log_policy - game.log_ref + eta * game", "log_policy - game.log_ref - eta * game"),
        ("(2, 1) if", "(1, 1) if"),
        ("else (1, -1)", "else (1, 1)"),
        ("np.exp(log_policy))\n\n", "game.ref)\n\n"),
    ],
    "IteratedBestOfN": [
        ("self.n_draws - 1) * numerics.log(", "self.n_draws) * numerics.log("),
        (
            "1) * numerics.log(game.win_rates(np.exp(log_policy)))",
            "1) * numerics.log(game.win_rates(game.ref))",
        ),
        ("+ self.mixing * game.log_ref", "- self.mixing * game.log_ref"),
    ],
}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [(name, *snippets) for name, listed in MUTANTS.items() for snippets in listed],
)
def test_a_mutant_fails_the_golden_step(name: str, old: str, new: str) -> None:
    module, golden = next((m, g) for m, n, g in STEPS if n == name)
    source = Path(str(module.__file__)).read_text()
    # in the code after the docstring of the class
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
    mutant = ModuleType(f"mutant_{name}")
    exec(source.replace(old, new), mutant.__dict__)
    with pytest.raises(AssertionError):
        golden(getattr(mutant, name))


# Averages


def solved(solver: IterativeSolver, game: PreferenceGame, steps: int, seed: int = 0) -> Solution:
    solver = dataclasses.replace(solver, max_steps=steps)
    return solver.solve(game, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_multiplicative_weights_converges_on_average_and_not_in_the_last_iterate(name: str) -> None:
    game = GAMES[name]
    solution = solved(SelfPlayMwu(eta=0.5), game, 20_000)
    assert solution.trace is not None
    assert measures.duality_gap(game, game.ref) > 0.05
    assert measures.duality_gap(game, solution.trace.policies[-1]) > 0.05
    assert measures.duality_gap(game, solution.policy) < 0.02
    want = SelfPlayMwu().target(game).policy
    np.testing.assert_allclose(want, GOLDEN[name]["nash_unreg"], atol=1e-9)
    # each of these games has one lottery, so the average approaches it
    assert distance(game.ref, want) > 0.05
    assert distance(solution.policy, want) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_average_keeps_the_bound_and_its_rate(name: str) -> None:
    game = GAMES[name]
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
    game, solver = GAMES["rps"], SelfPlayMwu(eta=2.0)
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
    game = GAMES["rps"]
    assert solver.draws == (solver.samples > 0)
    solution = solved(solver, game, 2_000)
    assert measures.duality_gap(game, solution.policy) < 0.08
    assert (
        distance(solution.policy, solver.target(game).policy)
        < 0.08
        < distance(game.ref, solver.target(game).policy)
    )


def test_a_sampling_solver_needs_a_generator() -> None:
    solvers: list[IterativeSolver] = [SelfPlayMwu(samples=1), Spo(), Omwu(samples=1)]
    for solver in solvers:
        with pytest.raises(SolverError, match="rng"):
            solver.solve(GAME)
        state: State = solver.init(GAME, None)
        with pytest.raises(SolverError, match="rng"):
            solver.step(GAME, state, None)


@pytest.mark.parametrize("name", NAMES)
def test_sppo_converges_on_average_and_not_in_the_last_iterate(name: str) -> None:
    game = GAMES[name]
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
    for game in GAMES.values():
        ours, theirs = (
            solver.policy(run(solver, game, 1)[-1]) for solver in (Sppo(eta), SelfPlayMwu(eta))
        )
        assert low <= distance(ours, theirs) <= high
        half = [s.policy(run(s, game, 1)[-1]) for s in (Sppo(eta / 2), SelfPlayMwu(eta / 2))]
        if eta < 1:
            assert distance(ours, theirs) / distance(*half) == pytest.approx(8, rel=0.05)


def test_an_sppo_step_is_the_least_loss_on_the_simplex() -> None:
    after = Sppo(10.0).policy(Sppo(10.0).step(GAME, (np.log(PI), np.zeros(3)), None))

    def loss(theta: Float) -> float:
        p = normalised(np.exp(theta))
        return float((PI * (np.log(p / PI) - 10 * (RATES - 0.5)) ** 2).sum())

    found: Any = minimize(loss, np.log(PI), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(after, normalised(np.exp(found.x)), atol=1e-6)


# Methods whose exact update is the same


def test_dno_is_multiplicative_weights() -> None:
    # max E_{y, y' ~ pi} [s log sigma(D) + (1 - s) log sigma(-D)], s = sigma(r - r'),
    # D = (log p/pi (y) - log p/pi (y')) / eta; concave in the logits, so a stationary point is best
    eta = 0.5
    after = SelfPlayMwu(eta).policy(SelfPlayMwu(eta).step(GAME, (np.log(PI), np.zeros(3)), None))

    def loss(theta: Float) -> float:
        ratio = (theta - np.log(PI)) / eta
        margin = ratio[:, None] - ratio
        share = 1 / (1 + np.exp(RATES - RATES[:, None]))
        gain = -share * np.log1p(np.exp(-margin)) - (1 - share) * np.log1p(np.exp(margin))
        return -float((PI[:, None] * PI * gain).sum())

    found: Any = minimize(loss, np.log(PI), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(normalised(np.exp(found.x)), after, atol=1e-6)


def test_rebel_with_its_own_win_rates_is_multiplicative_weights() -> None:
    # E_{y, y' ~ pi} ((log p/pi (y) - log p/pi (y')) / eta - (r(y) - r(y')))^2 = 0
    eta = 0.5
    after = SelfPlayMwu(eta).policy(SelfPlayMwu(eta).step(GAME, (np.log(PI), np.zeros(3)), None))
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
    game, solver = GAMES[name], Omwu(tau)
    listed = GOLDEN[name]["nash_unreg"] if tau == 0 else GOLDEN[name][f"tau={tau}"]["qre"]
    want = np.array(listed)
    assert distance(game.ref, want) > 0.05
    np.testing.assert_allclose(solver.target(game).policy, want, atol=1e-9)
    # an answer barely out of use leaves slowly: 1e-8 after 10,000 steps on mix6
    slow = name == "mix6" and tau == 0
    assert distance(solved(solver, game, 3_000).policy, want) < (2e-2 if slow else 1e-9)


def test_optimism_on_rock_paper_scissors_at_published_steps() -> None:
    game = GAMES["rps"]
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
                state = solver.step(game, state, None)
                distances.append(distance(solver.policy(state), lottery))
            assert (max(distances[-20:]) < 0.1 * max(distances[:20])) == converges
            assert converges or max(distances[-20:]) > 10 * max(distances[:20])


@pytest.mark.parametrize("name", NAMES)
def test_the_average_of_the_optimistic_iterates_has_gap_of_order_one_over_t(name: str) -> None:
    game, solver = GAMES[name], Omwu(0.0, 0.5)
    policies = np.array([solver.policy(state) for state in run(solver, game, 4_000)[1:]])
    short, long = (measures.duality_gap(game, policies[:t].mean(0)) for t in (1_000, 4_000))
    assert short / long > 3
    assert long < 20_000 / 4_000 * 7e-4


def test_sampled_optimism_ends_at_the_noise_floor() -> None:
    game, solver = GAMES["rps"], Omwu(0.1, 0.3, samples=256)
    want = numerics.log(np.array(GOLDEN["rps"]["tau=0.1"]["qre"]))
    late = [np.log(solver.policy(state)) for state in run(solver, game, 1_500)[750:]]
    divergence = float(numerics.kl(want, np.array(late)).mean())
    assert 1e-6 < divergence < 3 * 0.3 / 256


# Other divergences


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("divergence", rspo.DIVERGENCES)
def test_rspo_reaches_the_equilibrium_of_its_divergence(name: str, divergence: Any) -> None:
    game, solver = GAMES[name], Rspo(0.1, divergence)
    want = solver.target(game)
    assert want.certificate.holds
    assert distance(game.ref, want.policy) > 0.05
    solution = solved(solver, game, 2_000)
    assert distance(solution.policy, want.policy) < 1e-9
    other = NlhfExact(0.1).solve(game).policy
    assert (distance(want.policy, other) < 1e-9) == (divergence == "reverse_kl")


def test_rspo_on_rock_paper_scissors_by_published_numbers() -> None:
    numbers: list[tuple[Any, list[float]]] = [
        ("forward_kl", [0.415, 0.237, 0.348]),
        ("chi_square", [0.641, 0.131, 0.228]),
        ("reverse_kl", GOLDEN["rps"]["tau=0.1"]["qre"]),
    ]
    for divergence, want in numbers:
        found = solved(Rspo(0.1, divergence, 0.3), GAMES["rps"], 2_000).policy
        np.testing.assert_allclose(found, want, atol=6e-4)


@pytest.mark.parametrize("n", [2, 3, 8, 20])
@pytest.mark.parametrize("tau", [1e-3, 0.05, 2.0])
def test_divergence_equilibria_satisfy_their_conditions(n: int, tau: float) -> None:
    games = random_games(n, 30, n)
    for divergence in ("chi_square", "forward_kl"):
        target = Rspo(tau, divergence).target(games)
        assert target.certificate.holds.all()
        assert abs(target.policy.sum(-1) - 1).max() < 1e-12
    # small weights: chi-square leaves answers unused, forward KL never does
    if tau < 0.01 and n > 2:
        assert (chi_square_nash(games.P[0], games.ref[0], tau) == 0).any()
        assert (forward_kl_nash(games.P[0], games.ref[0], tau) > 0).all()


def test_roots() -> None:
    total = np.linspace(-60, 600, 2_001)
    for weight in (0.0, 1e-300, 1e-8, 0.1, 30.0, 1e3):
        x = plus_exp(np.full_like(total, weight), total)
        off = abs(x + weight * np.exp(x) - total) / np.maximum(1, abs(total))
        assert off.max() < 1e-13
    centre = np.linspace(-5, 5, 101)
    root = falling_root(
        lambda x: (centre**3 - x**3, -3 * x**2), np.full(101, -9.0), np.full(101, 11.0)
    )
    np.testing.assert_allclose(root, centre, atol=1e-5)


# Embedded scores


@pytest.mark.parametrize("name", NAMES)
def test_gpo_reaches_the_equilibrium_of_the_scores(name: str) -> None:
    game = GAMES[name]
    target = Gpo().target(game).policy
    assert distance(game.ref, target) > 0.05
    solution = solved(Gpo(0.2), game, 6_000)
    assert solution.trace is not None
    assert distance(solution.policy, target) < 0.02
    assert solution.certificate.residual < 0.02
    last = solution.trace.policies[-1]
    assert (Gpo().scores(game) @ last).max() > 0.05


def test_the_equilibrium_of_the_scores_is_not_that_of_the_preferences() -> None:
    game = GAMES["rand10"]
    used = [2, 5, 7]
    scores, preferences = Gpo().target(game), NlhfExact(0.0).solve(game)
    np.testing.assert_allclose(scores.policy[used], [0.486, 0.256, 0.258], atol=6e-4)
    np.testing.assert_allclose(preferences.policy[used], [0.446, 0.276, 0.278], atol=6e-4)


@pytest.mark.parametrize(
    ("name", "dimension", "want"),
    [("rand10", 2, 0.63), ("rand10", 4, 0.39), ("rand10", 6, 0.27), ("mix6", 2, 0.115)],
)
def test_truncated_embeddings_lose_what_was_published(
    name: str, dimension: int, want: float
) -> None:
    game = GAMES[name]
    scores = Gpo(dimension=dimension).scores(game)
    np.testing.assert_allclose(scores, -scores.T, atol=1e-13)
    assert abs(1 / (1 + np.exp(-scores)) - game.P).max() == pytest.approx(want, abs=6e-3)
    # the same by the real Schur form: v_i' R v_j with one rotation a pair
    blocks, basis = schur(np.log(game.P / (1 - game.P)))
    pairs = sorted(range(0, game.n, 2), key=lambda k: -abs(blocks[k, k + 1]))[: dimension // 2]
    embedded = np.zeros_like(scores)
    for k in pairs:
        size = blocks[k, k + 1]
        u, v = basis[:, k], basis[:, k + 1]
        embedded += size * (np.outer(u, v) - np.outer(v, u))
    np.testing.assert_allclose(scores, embedded, atol=1e-12)


def test_full_rank_is_exact_for_even_and_odd_sizes() -> None:
    for n in (2, 3, 7, 8):
        games = random_games(n, 5, n)
        want = np.log(games.P / (1 - games.P))
        for dimension in (0, n + n % 2, 2 * n):
            np.testing.assert_allclose(Gpo(dimension=dimension).scores(games), want, atol=1e-11)


def test_certain_preferences_have_no_embedding() -> None:
    game = PreferenceGame([[[0.5, 1], [0, 0.5]], [[0.5, 0.6], [0.4, 0.5]]])
    with pytest.raises(UndefinedError, match="log-odds") as caught:
        Gpo().solve(game)
    assert caught.value.contexts.tolist() == [True, False]


# Iterated best-of-N


@pytest.mark.parametrize("name", NAMES)
def test_iterated_best_of_two_reaches_its_own_fixed_point(name: str) -> None:
    game, solver = GAMES[name], IteratedBestOfN(2, 0.1)
    target = solver.target(game)
    assert target is not None
    assert target.certificate.holds
    assert distance(game.ref, target.policy) > 0.05
    policy = solved(solver, game, 4_000).policy
    assert distance(policy, target.policy) < 1e-11
    # k = .9 / .1
    off = np.log(policy / game.ref) - 9 * np.log(game.P @ policy)
    assert np.ptp(off) < 1e-9
    # near 1/2, k log P pi is 2 k (P pi - 1/2): about the equilibrium at tau = 1 / 18, but not it
    assert distance(policy, NlhfExact(1 / 18).solve(game).policy) > 0.001


@pytest.mark.parametrize("name", ["rps", "rand10"])
def test_iterated_best_of_four_does_not_converge(name: str) -> None:
    game, solver = GAMES[name], IteratedBestOfN(4, 0.1)
    target = solver.target(game)
    assert target is not None
    assert target.certificate.holds
    late = np.array([solver.policy(state) for state in run(solver, game, 3_000)[2_000:]])
    assert numerics.total_variation(late, target.policy).max() > 0.2
    assert abs(np.diff(late, axis=0)).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_without_mixing_best_of_n_ends_far_from_a_lottery(name: str) -> None:
    game, solver = GAMES[name], IteratedBestOfN(4, 0.0)
    assert solver.target(game) is None
    late = [solver.policy(state) for state in run(solver, game, 2_000)[1_000:]]
    assert measures.duality_gap(game, np.array(late)).max() > 0.3


# Ranges


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
