"""Linearised steps against golden numbers, differences of the step, and trials beside the limit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from games import PreferenceGame, numerics
from games.game import Float
from solvers import SOLVERS
from solvers.dpo import Dpo
from solvers.egpo import Egpo
from solvers.inpo import Inpo
from solvers.ipo import Ipo
from solvers.iterative import IterativeSolver
from solvers.mnpo import Mnpo
from solvers.mpo import Mpo
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nash_rs import NashRs
from solvers.natural_pg import NaturalPg
from solvers.nlhf_exact import NlhfExact
from solvers.omwu import Omwu
from solvers.online_ipo_1 import OnlineIpo1
from solvers.online_ipo_2 import OnlineIpo2
from solvers.rspo import Rspo
from solvers.sampling import NO_DRAWS
from solvers.softmax_pg import SoftmaxPg
from solvers.srpo import Srpo
from solvers.stackelberg_npg import StackelbergNpg
from tabular import linearisation, stability
from tests.golden_games import NAMES, SETTINGS, golden, golden_game
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import random_games


@pytest.mark.parametrize(("name", "tau"), SETTINGS)
def test_omega_and_the_limit_of_mirror_descent_are_the_golden_ones(name: str, tau: float) -> None:
    game = golden_game(name)
    omega = linearisation.omega(game, NlhfExact(tau).solve(game).policy)
    assert omega == pytest.approx(golden(name, tau)["omega"], abs=1e-10)
    limit = stability.predicted_limit(OnlineIpo1(tau=tau), game, 1e-9)
    assert limit == pytest.approx(golden(name, tau)["omd_eta_max"], rel=1e-8)
    assert limit == pytest.approx(2 * tau / (tau**2 + omega**2), rel=1e-8)


def test_omega_by_hand_on_the_uniform_cycle() -> None:
    """At uniform pi, D = (I - 1 1' / 3) / 3 and A = a (cyclic shift - transpose): a sqrt 3 / 3."""
    P = np.array([[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]])
    expected = 0.4 * np.sqrt(3) / 3
    assert linearisation.omega(PreferenceGame(P), np.full(3, 1 / 3)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("solver", "name", "limit"),
    [
        (Egpo(tau=0.02), "mix6", 18.0),
        (Egpo(tau=0.02), "rand10", 6.24),
    ],
)
def test_the_limits_of_the_extragradient_at_small_tau(
    solver: IterativeSolver, name: str, limit: float
) -> None:
    assert stability.predicted_limit(solver, golden_game(name)) == pytest.approx(limit, abs=0.05)


@pytest.mark.parametrize(
    ("solver", "name"),
    [
        (OnlineIpo1(tau=0.02), "rps"),
        (OnlineIpo1(tau=0.02), "mix6"),
        (OnlineIpo1(tau=0.02), "rand10"),
        (OnlineIpo1(tau=0.1), "rand10"),
        (Egpo(tau=0.02), "rps"),
        (Egpo(tau=0.1), "rand10"),
        (Egpo(tau=0.1, pairs="reference"), "rps"),
        (Egpo(tau=0.02, pairs="policy"), "mix6"),
        (Omwu(tau=0.02), "rand10"),
        (NashMd(tau=0.02), "rps"),
        (NashRs(tau=0.02), "rand10"),
        (NashEma(tau=0.02, rate=0.3), "rps"),
        (Mnpo(tau=0.1, history=3, decay=0.5), "rps"),
        (Mnpo(tau=0.1, history=3, decay=0.5, opponents="newest"), "rps"),
        (OnlineIpo2(tau=0.1), "rps"),
        (NashMdPg(tau=0.1, mixture=0.5), "rps"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_small_deviations_stop_shrinking_at_the_predicted_limit(
    solver: IterativeSolver, name: str
) -> None:
    game = golden_game(name)
    predicted = stability.predicted_limit(solver, game)
    assert 0.1 < predicted < 100
    assert stability.observed_limit(solver, game, 1000, 0.03) == pytest.approx(predicted, rel=0.03)


def beside(tau: float) -> Iterator[IterativeSolver]:
    """Every form that has a limit of its own, at that tau."""
    yield Inpo(tau=tau)
    yield from (Mpo(tau=tau, reset_every=k) for k in (25, 50))
    yield Rspo(tau=tau, divergence="chi_square")
    yield Rspo(tau=tau, divergence="forward_kl")
    yield Rspo(tau=tau, divergence="reverse_kl")
    yield NaturalPg(tau=tau)


ENDLESS = {
    ("mix6", 0.1): ("Mpo", "Rspo chi_square", "Rspo reverse_kl"),
    ("rps", 0.1): ("Rspo chi_square",),
    ("rand10", 0.1): ("Rspo chi_square",),
}
"""Where no step size is too large."""


def both_sides(solver: IterativeSolver, game: PreferenceGame, limit: float) -> tuple[bool, bool]:
    """Whether a deviation shrinks 3 per cent below the limit, and 3 per cent above it."""
    near = [replace(solver, eta=share * limit) for share in (0.97, 1.03)]  # type: ignore[call-arg]
    below, above = (stability.deviation_shrinks(s, game, 1000) for s in near)
    return below, above


@pytest.mark.parametrize(("name", "tau"), SETTINGS)
def test_three_per_cent_beside_the_limit_deviations_shrink_and_grow(name: str, tau: float) -> None:
    game = golden_game(name)
    for solver in beside(tau):
        form = f"{type(solver).__name__} {getattr(solver, 'divergence', '')}".strip()
        limit = stability.predicted_limit(solver, game)
        if form in ENDLESS.get((name, tau), ()):
            assert limit == np.inf, form
            largest = replace(solver, eta=1e3)  # type: ignore[call-arg]
            assert stability.deviation_shrinks(largest, game, 1000), form
        else:
            assert both_sides(solver, game, limit) == (True, False), form


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_gradients_on_a_reward_or_with_a_follower_beside_their_limit(name: str, tau: float) -> None:
    """At larger tau, because answers are nearly pure at small ones."""
    for solver in (
        SoftmaxPg(tau=tau),
        StackelbergNpg(tau, tau),
        StackelbergNpg(tau, tau / 2, kappa=20.0, gradient="softmax"),
    ):
        game = golden_game(name)
        assert both_sides(solver, game, stability.predicted_limit(solver, game)) == (True, False)


@pytest.mark.parametrize(
    "solver", [SoftmaxPg(tau=0.02), StackelbergNpg(0.1, 0.005)], ids=lambda s: type(s).__name__
)
def test_no_deviation_is_visible_beside_a_pure_answer(solver: IterativeSolver) -> None:
    game = golden_game("rand10")
    assert np.isnan(stability.observed_limit(solver, game))
    assert stability.predicted_limit(solver, game) > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tau", [0.1, 0.5])
@pytest.mark.parametrize("kind", [Dpo, Ipo, Srpo])
def test_steps_in_units_of_a_bound_of_the_hessian_are_all_stable(
    kind: type[Any], name: str, tau: float
) -> None:
    solver, game = kind(tau=tau), golden_game(name)
    assert stability.predicted_limit(solver, game) == np.inf
    assert stability.deviation_shrinks(kind(tau=tau, eta=1.999), game, 1000)


def test_a_magnet_that_moves_too_often_has_a_band_or_no_stable_step() -> None:
    """Known for rps: reset_every eta tau of 0.1 and 0.25 diverge, 1.5 converges."""
    game, solver = golden_game("rps"), Mpo(tau=0.02, reset_every=10)
    assert stability.predicted_limit(solver, game) == 0.0
    for eta in (0.05, 0.5, 5.0):
        assert not stability.deviation_shrinks(replace(solver, eta=eta), game)
    factors = linearisation.multipliers(Mpo(0.1, reset_every=25), game)
    assert factors is not None
    for eta, stable in ((0.03, False), (0.6, True), (4.2, True), (4.5, False)):
        assert (abs(factors(eta)).max() < 1) == stable
        assert stability.deviation_shrinks(Mpo(0.1, eta, 25), game) == stable


# The factors are the eigenvalues of the step, differentiated numerically


def jacobian(step: Callable[[Float], Float], at: Float) -> Float:
    """Central differences; every block of logits is normalised by ``step``."""
    units = 1e-5 * np.eye(len(at))
    return np.array([(step(at + e) - step(at - e)) / 2e-5 for e in units]).T


def stepped(
    solver: IterativeSolver, game: PreferenceGame
) -> tuple[Callable[[Float], Float], Float]:
    """A step (a period of ``Mpo``) on all logits in a row, and the logits of the target."""
    n, target, start = game.n, solver.target(game), solver.init(game, NO_DRAWS)
    assert target is not None
    at = numerics.log(target.policy)
    if target.follower is not None:
        at = np.concatenate([at, numerics.log(target.follower).ravel()])

    def step(flat: Float) -> Float:
        policy = numerics.log_softmax(flat[:n])
        if target.follower is not None:
            rows = numerics.log_softmax(flat[n:].reshape(n, n))
            after = solver.step(game, (policy, rows, *start[2:]), NO_DRAWS)
            return np.concatenate([after[0], after[1].ravel()])
        if isinstance(solver, Mpo):
            state = (policy, policy, 0)
            for _ in range(solver.reset_every):
                state = solver.step(game, state, NO_DRAWS)
            return np.asarray(state[0])
        state = (policy, *start[1:]) if isinstance(start, tuple) else policy
        after = solver.step(game, state, NO_DRAWS)
        return np.asarray(numerics.log_softmax(after[0] if isinstance(start, tuple) else after))

    return step, at


GAME = random_games(11, 1, 4).at(0)
WEIGHTS = np.array([[0, 1, 2, 3], [1, 0, 4, 1], [2, 4, 0, 2], [3, 1, 2, 0]])
PAIRED = PreferenceGame(GAME.P, GAME.ref, pairs=WEIGHTS)


STEPS = [
    Egpo(tau=0.2, eta=1.3),
    Egpo(tau=0.2, eta=1.3, pairs="reference"),
    Egpo(tau=0.2, eta=1.3, pairs="policy"),
    Inpo(tau=0.2, eta=1.3),
    NashMd(tau=0.2, eta=1.3),
    NashMd(tau=0.2, eta=1.3, mixing=0.4),
    NashMd(tau=0.2, eta=1.3, mixing=1.0),
    Rspo(tau=0.2, divergence="chi_square", eta=0.9),
    Rspo(tau=0.2, divergence="forward_kl", eta=0.9),
    Rspo(tau=0.2, divergence="reverse_kl", eta=0.9),
    Rspo(tau=0.2, divergence="mixed_kl", eta=0.9, forward=0.3),
    NaturalPg(tau=0.3, eta=6.5),
    SoftmaxPg(tau=0.7, eta=6.0),
    Dpo(tau=0.4, eta=1.7),
    Ipo(tau=0.4, eta=1.7),
    StackelbergNpg(0.3, 0.2, eta=3.0, kappa=2.5),
    StackelbergNpg(0.3, 0.2, eta=3.0, kappa=4.0, gradient="softmax"),
    Srpo(tau=0.3, alpha=0.3, eta=1.8),
    Srpo(tau=0.3, alpha=0.9, eta=1.8),
]


def check_factors(multipliers: Any, solver: Any) -> None:
    """Those of a descent are only the one that limits the step size."""
    step, at = stepped(solver, PAIRED)
    eigenvalues = np.linalg.eigvals(jacobian(step, at))
    eigenvalues = eigenvalues[abs(eigenvalues) > 1e-7]  # 0 for the constants
    factors = multipliers(solver, PAIRED)(solver.eta)
    for factor in factors[abs(factors) > 1e-6]:
        assert abs(eigenvalues - factor).min() < 1e-7
    worst = (
        eigenvalues[eigenvalues.real.argmin()]
        if len(factors) == 1
        else eigenvalues[abs(eigenvalues).argmax()]
    )
    assert abs(factors - worst).min() < 1e-7


@pytest.mark.parametrize("solver", STEPS, ids=repr)
def test_the_factors_are_eigenvalues_of_the_step(solver: IterativeSolver) -> None:
    check_factors(linearisation.multipliers, solver)


def test_the_factors_of_a_period_are_eigenvalues_of_it() -> None:
    cycle = PreferenceGame([[0.5, 0.9, 0.4], [0.1, 0.5, 0.8], [0.6, 0.2, 0.5]], [0.2, 0.3, 0.5])
    solver = Mpo(tau=0.2, eta=1.1, reset_every=4)
    step, at = stepped(solver, cycle)
    eigenvalues = np.linalg.eigvals(jacobian(step, at))
    factors = linearisation.multipliers(solver, cycle)
    assert factors is not None
    assert len(factors(solver.eta)) == 2
    for factor in factors(solver.eta):
        assert abs(eigenvalues - factor).min() < 1e-7


def test_solvers_with_a_formula_have_no_reason_against_one_and_none_loses_its_formula() -> None:
    game = golden_game("rps")
    solvers = {name: kind() for name, kind in SOLVERS.items()}
    formulas = {name for name in solvers if linearisation.multipliers(solvers[name], game)}
    assert len(formulas) >= 18  # a new solver may do without: its limit is then observed alone
    assert {name for name in formulas if stability.why_no_limit(solvers[name], game)} == set()


def test_a_subclass_keeps_the_formula_and_another_schedule_has_none() -> None:
    class Renamed(OnlineIpo1):
        """The same step."""

    game = golden_game("rps")
    expected = stability.predicted_limit(OnlineIpo1(tau=0.1), game)
    assert stability.predicted_limit(Renamed(tau=0.1), game) == expected
    assert np.isnan(stability.predicted_limit(NashMd(schedule="decreasing"), game))


def _golden_limits(tried: Any) -> None:
    """Of the module ``stability`` and the linearisation that it imports."""
    limit, game = tried.predicted_limit, golden_game("rps")
    assert limit(OnlineIpo1(tau=0.02), game) == pytest.approx(0.74905, abs=1e-4)
    assert limit(Egpo(tau=0.02), game) == pytest.approx(4.65, abs=0.005)
    assert limit(Omwu(tau=0.02), game) == pytest.approx(2.5491, abs=1e-3)
    assert limit(NashMd(tau=0.02), game) == pytest.approx(0.7727, abs=1e-3)
    assert limit(NashMd(tau=0.02), golden_game("mix6")) < 11
    assert limit(NashRs(tau=0.02), game) == pytest.approx(0.74905, abs=1e-4)
    assert limit(NashMdPg(tau=0.1), game) == pytest.approx(16.1545, abs=1e-2)
    assert limit(NashEma(tau=0.1), game) == pytest.approx(2.2529, abs=1e-3)
    assert limit(Mpo(tau=0.1, reset_every=25), game) == pytest.approx(4.3446, abs=1e-3)
    for solver in STEPS:
        check_factors(tried.multipliers, solver)
    assert tried.deviation_shrinks(OnlineIpo1(tau=0.1, eta=3.4), game)
    assert not tried.deviation_shrinks(OnlineIpo1(tau=0.1, eta=3.7), game)
    assert not tried.deviation_shrinks(StackelbergNpg(0.1, 0.1, eta=4.2), game)


MUTANTS = mutants({
    stability: [
        ("np.diag(pi) - np.outer(pi, pi)", "np.diag(pi) + np.outer(pi, pi)"),
        ("unit + eta * (turn - pull)", "unit + eta * turn"),
        ('"reference": game.ref, "policy": pi', '"reference": pi, "policy": game.ref'),
        ("pairs, unit = n * _spread(nu)", "pairs, unit = _spread(nu)"),
        ("lambda eta: 1 - eta * solver.tau + eta * modes\n", "lambda eta: 1 + eta * modes\n"),
        ("NlhfExact(solver.tau / (1 - mixing))", "NlhfExact(solver.tau)"),
        ("eta * (1 - mixing) * spectrum", "eta * spectrum"),
        ("eta * modes**2 / solver.tau", "eta * modes**2"),
        ("[keep**2, keep * t + t]", "[keep, keep * t + t]"),
        ("1 - rate + rate * t]", "1 - rate]"),
        ("pull = (1 - mixture) * (game.P", "pull = (game.P"),
        ("keep = 1 / (1 + eta * solver.tau)\n", "keep = 1 - eta * solver.tau\n"),
        ("left + pull * (1 - left)", "left + (1 - left)"),
        ("slope = 2 * ratio if", "slope = ratio if"),
        ("share / ratio + 1 - share", "share * ratio + 1 - share"),
        ("/ (pi @ weight)", "/ weight.sum()"),
        ("_descent(solver.tau * _spread", "_descent(_spread"),
        ("weights * wins * (1 - wins)", "weights * wins"),
        ("/ (2 * weights.sum(-1).max())", "/ weights.sum(-1).max()"),
        ("solver.kappa * solver.tau_follower", "solver.tau_follower"),
        ("[p * _spread(row)", "[_spread(row)"),
        ("(1 - solver.alpha) * shares,", "solver.alpha * shares,"),
        ("+ policy - policy[:, None]", ""),
    ],
}, module="tabular.linearisation")  # fmt: skip
MUTANTS += mutants({
    stability: [
        ("return False\n            if distance", "return True\n            if distance"),
        ("distance = np.maximum(distance, rows.max())", "del rows"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_are_caught(mutant: Mutant) -> None:
    assert_noticed(mutant, _golden_limits)


def test_the_originals_are_not() -> None:
    _golden_limits(stability)
