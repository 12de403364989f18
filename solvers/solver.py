"""What a solver is, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from games.errors import SolverError
from games.game import Float, PreferenceGame

Concept = Literal["rlhf", "nlhf", "slhf", "other"]
Reasons = NDArray[np.str_]


@dataclass(frozen=True)
class Certificate:
    """Evidence for a solution, computed from what is returned and not from how it was found.

    Attributes
    ----------
    condition : str
        The equation or inequality that was checked.
    residual : float array (...)
        By how much it fails, for each context.
    tolerance : float or float array (...)
        The most by which it may fail.
    """

    condition: str
    residual: Float
    tolerance: float | Float

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Mask (...) of the contexts whose residual is within the tolerance; NaN is not."""
        return np.asarray(self.residual <= self.tolerance)


@dataclass(frozen=True)
class Trace:
    """A run of an iterative solver at log-spaced steps, the first (0) and the last included.

    Attributes
    ----------
    steps : int array (T,)
    policies, averages : float array (T, ..., n)
        The iterate and, for solvers whose answer is the average, the mean of iterates 1 to t.
    seconds : float array (T,)
        Time spent in ``step`` so far.
    oracle_calls : int array (T,)
        Look-ups of win rates so far.
    """

    steps: NDArray[np.int64]
    policies: Float
    averages: Float
    seconds: Float
    oracle_calls: NDArray[np.int64]


@dataclass(frozen=True)
class Solution:
    """A policy for every context, with its evidence.

    Attributes
    ----------
    log_policy : float array (..., n)
        Log-probabilities; -inf where an answer is never given.
    certificate : Certificate
    follower : float array (..., n, n), row-stochastic, or None
        What the follower answers, given the leader's answer (the row).
    status : str array (...)
        "ok", or why not: "max_steps", "diverged", "undefined" where the answer does not exist, or
        "error" where a solver failed in one of several contexts. In the last two cases policy,
        follower and residual are NaN.
    trace : Trace, or None for exact solvers
    newton_steps : int array (...), or None where none are counted
        Linear systems that an exact solver solved.
    message : str array (...)
        Why the status is "undefined" or "error"; "" elsewhere.
    tau : float array (...), or None where tau is a parameter
        Weight of the KL penalty that the solver chose for each context.
    """

    log_policy: Float
    certificate: Certificate
    follower: Float | None = None
    status: Reasons = None  # type: ignore[assignment]  # filled in below
    trace: Trace | None = None
    newton_steps: NDArray[np.int64] | None = None
    message: Reasons = None  # type: ignore[assignment]  # filled in below
    tau: Float | None = None

    def __post_init__(self) -> None:
        if self.status is None:
            told = np.where(self.certificate.holds, "ok", "max_steps")
            object.__setattr__(self, "status", told)
        if self.message is None:
            object.__setattr__(self, "message", np.full(np.shape(self.status), ""))

    @property
    def policy(self) -> Float:
        """Probabilities, shape (..., n)."""
        return np.exp(self.log_policy)


class Solver:
    """A frozen dataclass whose fields are the hyper-parameters; subclasses override ``solve``.

    Attributes
    ----------
    concept : "rlhf", "nlhf", "slhf" or "other"
        Which question the answer belongs to.
    paper : str
        Authors, year, arXiv id or venue.
    """

    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = ""

    if TYPE_CHECKING:  # subclasses are dataclasses: their fields are the keywords

        def __init__(self, *args: Any, **params: Any) -> None: ...

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """The solver's answer in every context of ``game``.

        Raises
        ------
        SolverError
            If the game is too large or unsuited, or if the solver draws and ``rng`` is None.
        """
        raise NotImplementedError

    @property
    def draws(self) -> bool:
        """Whether ``solve`` needs an ``rng``."""
        return False

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the answer does not exist, for each context; "" where it does, or may.

        What is found out in the course of solving is told by the solution alone.
        """
        return np.full(game.batch, "")

    def target(self, game: PreferenceGame) -> Solution | None:
        """What the solver converges to with these parameters, by another route; None if exact."""
        del game
        return None

    def at_tau(self, tau: float) -> "Solver":
        """The solver with every weight of a KL penalty set to ``tau``."""
        weights = dict.fromkeys(taus(type(self)), tau)
        return replace(self, **weights)  # type: ignore[type-var]  # every solver is a dataclass

    def like(self, kind: type["Solver"]) -> "Solver":
        """A solver of another kind with the same weights of KL penalties.

        A solver with one tau has it for both players; one without has 0.
        """
        tau = getattr(self, "tau_leader", getattr(self, "tau", 0.0))
        follower = getattr(self, "tau_follower", tau)
        weights = {name: follower if name == "tau_follower" else tau for name in taus(kind)}
        return kind(**weights)


def solve_defined(
    solve: Callable[[PreferenceGame], Solution], game: PreferenceGame, message: Reasons
) -> Solution:
    """Solve the contexts that have an answer, as one game; the others are undefined.

    Parameters
    ----------
    solve : callable
        Takes a game all of whose contexts have an answer.
    game : PreferenceGame
    message : str array (...)
        Why there is no answer, for each context; "" where there is one (``Solver.undefined``).
    """
    defined = np.asarray(message == "")
    if defined.all():
        return solve(game)
    if not defined.any():
        nothing = np.full((*game.batch, game.n), np.nan)
        certificate = Certificate("undefined", nothing[..., 0], 0.0)
        status = np.full(game.batch, "undefined")
        return Solution(nothing, certificate, status=status, message=message)
    part = solve(game.at(defined))

    def among(values: Any, rest: Any = np.nan, axis: int = 0) -> Any:
        """The values, whose contexts lie along ``axis``, with ``rest`` in the other contexts."""
        shape = (*values.shape[:axis], *defined.shape, *values.shape[axis + 1 :])
        everywhere = np.full(shape, rest, values.dtype)
        everywhere[(slice(None),) * axis + (defined,)] = values
        return everywhere

    residual, tolerance = part.certificate.residual, part.certificate.tolerance
    certificate = replace(
        part.certificate,
        residual=among(residual),
        tolerance=among(tolerance) if np.ndim(tolerance) else tolerance,
    )
    trace = part.trace
    if trace is not None:
        policies, averages = (among(p, axis=1) for p in (trace.policies, trace.averages))
        trace = replace(trace, policies=policies, averages=averages)
    return Solution(
        among(part.log_policy),
        certificate,
        None if part.follower is None else among(part.follower),
        among(part.status.astype(object), "undefined").astype(np.str_),
        trace,
        None if part.newton_steps is None else among(part.newton_steps, 0),
        np.where(defined, among(part.message.astype(object), ""), message).astype(np.str_),
        None if part.tau is None else among(part.tau),
    )


class Open(float):
    """An end of a range that does not belong to it: ``tau=(Open(0), np.inf)``."""


def require(plugin: object, **ranges: tuple[float, float]) -> None:
    """Check that hyper-parameters are finite and lie in their ranges, which are closed.

    An end that is ``Open`` is not in the range. None is allowed where it is the default, which
    then stands for a value that the plugin works out.

    Raises
    ------
    SolverError
        Naming the plugin, the parameter, its value and the range.
    """
    name = type(plugin).__name__
    for key, (low, high) in ranges.items():
        value, optional = getattr(plugin, key), getattr(type(plugin), key, low) is None
        if value is None and optional:
            continue
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not _within(value, low, high):
            left = "(" if isinstance(low, Open) else "["
            right = ")" if isinstance(high, Open) or high == np.inf else "]"
            hint = f"; leave {key} out for the default" if optional else ""
            raise SolverError(
                f"{name}: {key} is {value!r}, expected a number in "
                f"{left}{low:g}, {high:g}{right}{hint}"
            )


def _within(value: float, low: float, high: float) -> bool:
    above = value > low if isinstance(low, Open) else value >= low
    below = value < high if isinstance(high, Open) else value <= high
    return above and below and value != np.inf


def taus(solver: type[Solver]) -> list[str]:
    """Names of the solver's KL weights: its fields called tau or tau_*."""
    return [
        f.name
        for f in fields(solver)  # type: ignore[arg-type]  # every solver is a dataclass
        if f.name == "tau" or f.name.startswith("tau_")
    ]
