"""The largest games that must fit: peak memory of a process that builds and solves one."""

import json
import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

LIMIT_GIB = 4.0


def solve_in_new_process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.perf.largest_games", *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


@pytest.mark.benchmark(group="largest games, process start included")
@pytest.mark.parametrize(
    ("solver", "n", "params"),
    [
        ("nlhf_exact", 2_000, '{"tau": 0.1}'),
        ("nlhf_exact", 2_000, '{"tau": 1e-3}'),
        ("nlhf_exact", 2_000, '{"tau": 0}'),
        ("slhf_exact", 5_000, '{"tau_leader": 0.1, "tau_follower": 0.1}'),
        ("slhf_exact", 5_000, '{"tau_leader": 0, "tau_follower": 0}'),
    ],
)
def test_peak_memory(benchmark: BenchmarkFixture, solver: str, n: int, params: str) -> None:
    figures = benchmark.pedantic(solve_in_new_process, (solver, str(n), params), rounds=1)
    benchmark.extra_info.update(figures)
    assert figures["peak_gib"] < LIMIT_GIB
