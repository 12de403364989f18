"""Ratios: a solver against the plain way to the same answer, side by side in one group."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.optimize import brentq

from benchmarks.perf.random_games import random_game
from games import PreferenceGame, measures
from games.game import Float
from solvers import SOLVERS, Solver
from tabular import MatchedKl

RLHF, NLHF, SLHF = SOLVERS["rlhf_exact"], SOLVERS["nlhf_exact"], SOLVERS["slhf_exact"]


def loop_over_contexts(solver: Solver, game: PreferenceGame) -> Float:
    return np.array([solver.solve(game.at(k)).policy for k in range(game.batch[0])])


def mirror_descent(game: PreferenceGame, tau: float) -> Float:
    """Fixed point of log pi = log ref + P pi / tau, by steps small enough for any skew P - 1/2."""
    eta = tau / (tau**2 + 0.25)
    log_ref = game.log_ref
    theta = log_ref.copy()
    while True:
        pi = np.exp(theta - theta.max())
        pi /= pi.sum()
        off = theta - log_ref - game.P @ pi / tau
        if np.ptp(off) < 1e-10:
            return np.asarray(pi)
        theta = theta - eta * tau * off


def minorise_maximise(game: PreferenceGame) -> Float:
    """Bradley-Terry rewards by the iteration of Zermelo 1929 and Hunter 2004."""
    pairs = game.pair_weights
    wins = (pairs * game.P).sum(-1)
    strength = np.ones(game.n)
    while True:
        better = wins / (pairs / (strength[:, None] + strength)).sum(-1)
        better /= np.exp(np.log(better).mean())
        if abs(np.log(better / strength)).max() < 1e-12:
            return np.asarray(np.log(better))
        strength = better


def tau_of_each_context(kind: type[Solver], game: PreferenceGame, kl: float) -> Float:
    """The tau of one concept at which the KL is ``kl``, by Brent's method in each context."""

    def excess(log_tau: float, context: PreferenceGame) -> float:
        policy = kind().at_tau(float(np.exp(log_tau))).solve(context).policy
        return float(measures.kl_to_ref(context, policy)) - kl

    ends = float(np.log(2.0**-14)), float(np.log(256.0))
    return np.exp([brentq(excess, *ends, (game.at(k),)) for k in range(game.batch[0])])


@pytest.mark.parametrize("solver", [RLHF(), NLHF(), SLHF()], ids=lambda s: s.concept)
@pytest.mark.parametrize("way", ["batched", "one by one"])
def test_batch_against_loop(benchmark: BenchmarkFixture, solver: Solver, way: str) -> None:
    benchmark.group = f"1,000 contexts x 10 answers, {solver.concept}"
    game = random_game(10, 1_000)
    if way == "batched":
        benchmark.pedantic(solver.solve, (game,), rounds=3)
    else:
        policies = benchmark.pedantic(loop_over_contexts, (solver, game), rounds=1)
        np.testing.assert_allclose(policies, solver.solve(game).policy, atol=1e-12)


@pytest.mark.parametrize("kind", [RLHF, NLHF, SLHF], ids=lambda kind: kind.concept)
@pytest.mark.parametrize("way", ["batched", "one by one"])
def test_equal_kl_against_a_loop(benchmark: BenchmarkFixture, kind: type[Solver], way: str) -> None:
    benchmark.group = f"KL = 0.1 nats, 50 contexts x 10 answers, {kind.concept}"
    game, solver = random_game(10, 50), MatchedKl(kind, 0.1)
    if way == "batched":
        benchmark.pedantic(solver.solve, (game,), rounds=3)
    else:
        tau = benchmark.pedantic(tau_of_each_context, (kind, game, 0.1), rounds=1)
        found = solver.solve(game).tau
        assert found is not None
        np.testing.assert_allclose(tau, found, rtol=1e-9)


@pytest.mark.parametrize("tau", [0.1, 0.01])
@pytest.mark.parametrize("way", ["Newton", "mirror descent"])
def test_newton_against_mirror_descent(benchmark: BenchmarkFixture, tau: float, way: str) -> None:
    benchmark.group = f"regularised Nash of 100 answers, tau = {tau}"
    game, solver = random_game(100), NLHF(tau=tau)
    if way == "Newton":
        benchmark.pedantic(solver.solve, (game,), rounds=5)
    else:
        policy = benchmark.pedantic(mirror_descent, (game, tau), rounds=1)
        np.testing.assert_allclose(policy, solver.solve(game).policy, atol=1e-9)


@pytest.mark.parametrize("compared", ["all pairs", "a ring of pairs"])
@pytest.mark.parametrize("way", ["Newton", "minorise-maximise"])
def test_newton_against_minorise_maximise(
    benchmark: BenchmarkFixture, compared: str, way: str
) -> None:
    benchmark.group = f"Bradley-Terry fit of 100 answers from {compared}"
    ring = np.roll(np.eye(100), 1, axis=0) + np.roll(np.eye(100), -1, axis=0)
    whole = random_game(100)
    pairs = None if compared == "all pairs" else ring
    game, solver = PreferenceGame(whole.P, whole.ref, pairs=pairs), RLHF(tau=1.0)
    if way == "Newton":
        benchmark.pedantic(solver.solve, (game,), rounds=5)
    else:
        rewards = benchmark.pedantic(minorise_maximise, (game,), rounds=1)
        tilted = game.ref * np.exp(rewards)
        np.testing.assert_allclose(tilted / tilted.sum(), solver.solve(game).policy, atol=1e-8)
