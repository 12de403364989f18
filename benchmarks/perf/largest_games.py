"""Solve one large random game; print seconds, peak memory and certificate as JSON.

Usage: python -m benchmarks.perf.largest_games nlhf_exact 2000 '{"tau": 0.1}'
"""

import json
import resource
import sys
import time

from benchmarks.perf.random_games import random_game
from solvers import SOLVERS


def measure(solver: str, n: int, params: dict[str, float]) -> dict[str, float]:
    game = random_game(n)
    start = time.perf_counter()
    solution = SOLVERS[solver](**params).solve(game)
    seconds = time.perf_counter() - start
    if solution.status != "ok":
        raise SystemExit(f"{solver} {params}: status {solution.status}")
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    residual = float(solution.certificate.residual)
    return {"seconds": seconds, "peak_gib": peak, "residual": residual}


if __name__ == "__main__":
    name, size, params = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(name, int(size), json.loads(params))))
