"""The exact solvers: on many small games at once, and on one large game."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.perf.random_games import random_game
from solvers import SOLVERS, Solver

RLHF, NLHF, SLHF = SOLVERS["rlhf_exact"], SOLVERS["nlhf_exact"], SOLVERS["slhf_exact"]


@pytest.mark.benchmark(group="10,000 contexts x 10 answers, tau = 0.1")
@pytest.mark.parametrize("solver", [RLHF(), NLHF(), SLHF()], ids=repr)
def test_many_contexts(benchmark: BenchmarkFixture, solver: Solver) -> None:
    solution = benchmark.pedantic(solver.solve, (random_game(10, 10_000),), rounds=3)
    assert (solution.status == "ok").all()


@pytest.mark.parametrize("n", [100, 500])
@pytest.mark.parametrize(
    "solver", [RLHF(), NLHF(tau=0.1), NLHF(tau=1e-3), NLHF(tau=0), SLHF()], ids=repr
)
def test_one_game(benchmark: BenchmarkFixture, solver: Solver, n: int) -> None:
    benchmark.group = f"one game of {n} answers"
    solution = benchmark.pedantic(solver.solve, (random_game(n),), rounds=3)
    assert solution.status == "ok"


@pytest.mark.benchmark(group="one game of 1,000 answers")
def test_full_follower(benchmark: BenchmarkFixture) -> None:
    solution = benchmark.pedantic(SLHF().solve, (random_game(1_000),), rounds=10)
    assert solution.status == "ok"
