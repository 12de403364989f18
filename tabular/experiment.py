"""What an experiment is: a question that yields measurements of one solver on one game."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from games import PreferenceGame
from results.rows import Status
from solvers import Solution, Solver

RngFor = Callable[..., np.random.Generator]
"""rng_for(role, *key): the generator of a role ("data", "solver") and a key.

The same role and key give the same stream whatever the solver, so comparisons are paired.
"""


ONE_ANSWER = "one answer: there is nothing to compare and to estimate"
"""Why nothing that rests on comparisons is measured on a game with a single answer."""


@dataclass(frozen=True)
class Measurement:
    """One measured number; the runner adds the cell that it came from."""

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
        """Whether the experiment draws random numbers; a cell in which nothing does has no seed."""
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
    against: ArrayLike = "",
    /,
    **labels: Any,
) -> Iterator[Measurement]:
    """One measurement a context, with the status of its solution.

    NaN and a reason where the solution, or what it is compared with, does not exist; other NaN
    values, of metrics that do not apply, are left out.

    Parameters
    ----------
    metric : str
    values : array (...)
    game : PreferenceGame
    solution : Solution
        What is measured.
    against : str array (...)
        Why what it is compared with does not exist, for each context; "" where it does.
    **labels : any
        What the metric is indexed by.
    """
    status, message = np.ravel(solution.status), np.ravel(solution.message)
    missing = np.ravel(np.broadcast_to(against, game.batch))
    for k, value in enumerate(np.ravel(np.broadcast_to(values, game.batch))):
        context = k if game.batch else None
        if status[k] in ("undefined", "error"):
            reason = message[k].item()
            yield Measurement(metric, math.nan, context, labels, status[k].item(), reason)
        elif not math.isnan(value):
            yield Measurement(metric, float(value), context, labels, status[k].item())
        elif missing[k]:
            reason = missing[k].item()
            yield Measurement(metric, math.nan, context, labels, "undefined", reason)
