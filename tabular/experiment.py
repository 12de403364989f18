"""What an experiment is: a question that yields measurements of one solver on one game."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from games import PreferenceGame, UndefinedError
from games.measures import Mask
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

    if TYPE_CHECKING:  # subclasses are dataclasses: their fields are the keywords

        def __init__(self, *args: Any, **params: Any) -> None: ...

    @property
    def draws(self) -> bool:
        """Whether it asks for random numbers; if not (and nothing else draws) it has no seed."""
        return False

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the measurements of ``solver`` on ``game``."""
        raise NotImplementedError


def each(
    metric: str,
    values: ArrayLike,
    game: PreferenceGame,
    solution: Solution,
    why: str = "",
    **labels: Any,
) -> Iterator[Measurement]:
    """One measurement a context; NaN where there is no solution, other NaN values are left out."""
    status = np.ravel(solution.status)
    for k, value in enumerate(np.ravel(np.broadcast_to(values, game.batch))):
        context = k if game.batch else None
        if status[k] in ("undefined", "error"):
            yield Measurement(metric, math.nan, context, labels, status[k].item(), why)
        elif not math.isnan(value):
            yield Measurement(metric, float(value), context, labels, status[k].item())


def answer(solver: Solver, game: PreferenceGame, rng_for: RngFor) -> tuple[Solution, str]:
    """The solver's answer, with NaN and "undefined" in the contexts that have none; and why."""
    rng, why = rng_for("solver"), ""
    defined = np.ones(game.batch, dtype=bool)
    while defined.any():
        try:
            part = solver.solve(game if defined.all() else game.at(defined), rng)
        except UndefinedError as error:
            why = str(error)
            defined[defined] = ~np.ravel(error.contexts)
            continue
        return (part if defined.all() else _scattered(part, defined, game)), why
    return _scattered(None, defined, game), why


def _scattered(part: Solution | None, defined: Mask, game: PreferenceGame) -> Solution:
    """The solution of the defined contexts, with NaN and "undefined" in the others."""
    log_policy = np.full((*game.batch, game.n), np.nan)
    residual = np.full(game.batch, np.nan)
    status = np.full(game.batch, "undefined", dtype="<U9")
    if part is None:
        return Solution(log_policy, Certificate("undefined", residual, 0.0), None, status)
    log_policy[defined] = part.log_policy
    residual[defined] = part.certificate.residual
    status[defined] = part.status
    follower = None
    if part.follower is not None:
        follower = np.full((*game.batch, game.n, game.n), np.nan)
        follower[defined] = part.follower
    tolerance = np.zeros(game.batch)
    tolerance[defined] = part.certificate.tolerance
    certificate = Certificate(part.certificate.condition, residual, tolerance)
    return Solution(log_policy, certificate, follower, status)
