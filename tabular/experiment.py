"""What an experiment is: a question that yields measurements of one solver on one game."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from games import PreferenceGame, UndefinedError
from results.rows import Status
from solvers import Certificate, Solution, Solver

RngFor = Callable[..., np.random.Generator]
"""rng_for(role, *key): the generator of a role ("data", "solver") and a key.

The same role and key give the same stream whatever the solver, so comparisons are paired.
"""


@dataclass(frozen=True)
class Measurement:
    """One number; the runner adds which cell it came from."""

    metric: str
    value: float
    context: int | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)
    status: Status = "ok"
    message: str = ""
    step: int | None = None


class Experiment:
    """A frozen dataclass whose fields are the experiment's parameters."""

    scale: ClassVar[str] = "tabular"

    @property
    def draws(self) -> bool:
        """Whether it asks for random numbers; if not (and nothing else draws) it has no seed."""
        return False

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the measurements of ``solver`` on ``game``."""
        raise NotImplementedError


def answer(solver: Solver, game: PreferenceGame, rng_for: RngFor) -> tuple[Solution, str]:
    """The solver's answer, with NaN and "undefined" in the contexts that have none; and why."""
    rng = rng_for("solver")
    try:
        return solver.solve(game, rng), ""
    except UndefinedError as error:
        undefined, why = np.asarray(error.contexts), str(error)
    log_policy = np.full((*game.batch, game.n), np.nan)
    residual = np.full(game.batch, np.nan)
    status = np.full(game.batch, "undefined", dtype="<U9")
    condition, tolerance, follower = "none", 0.0, None
    if not undefined.all():
        solution = solver.solve(game.at(~undefined), rng)
        log_policy[~undefined] = solution.log_policy
        residual[~undefined] = solution.certificate.residual
        status[~undefined] = solution.status
        condition, tolerance = solution.certificate.condition, solution.certificate.tolerance
        if solution.follower is not None:
            follower = np.full((*game.batch, game.n, game.n), np.nan)
            follower[~undefined] = solution.follower
    certificate = Certificate(condition, residual, tolerance)
    return Solution(log_policy, certificate, follower, status), why
