"""``Solver``, the interface of every method, and ``Solution``, what a method returns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from games.errors import SolverError
from games.game import Float, PreferenceGame

Concept = Literal["rlhf", "nlhf", "slhf", "other"]
Reasons = NDArray[np.str_]
"""Why an answer does not exist, for each context (...); "" where it does."""

Weight = float | Float
"""The weight of a KL penalty: a float >= 0, or an array (...) > 0 with one for each context."""

Weights = Mapping[str, Weight]
"""The weights of a solver by the names of its fields (``taus``)."""


@dataclass(frozen=True)
class Certificate:
    """Evidence for a solution, computed from what is returned and not from how it was found.

    Attributes
    ----------
    condition : str
        The equation or inequality that was checked.
    residual : float array (...), NaN where there is no answer
        By how much the condition is violated in each context.
    tolerance : float or float array (...)
        Largest residual that is accepted.
    """

    condition: str
    residual: Float
    tolerance: float | Float

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Mask (...) of the contexts whose residual is within the tolerance; False for NaN."""
        return np.asarray(self.residual <= self.tolerance)


@dataclass(frozen=True)
class Trace:
    """The history of an iterative solver at log-spaced steps, from step 0 to the last one.

    Attributes
    ----------
    steps : int array (T,)
    policies, averages : float array (T, ..., n)
        The iterate, and the mean of iterates 1 to t where that is the answer (else the iterate).
    seconds : float array (T,)
        Cumulative time in ``step``.
    oracle_calls : int array (T,)
        Cumulative number of look-ups of win rates.
    """

    steps: NDArray[np.int64]
    policies: Float
    averages: Float
    seconds: Float
    oracle_calls: NDArray[np.int64]


@dataclass(frozen=True)
class Solution:
    """A policy for every context, with a certificate and a status.

    Attributes
    ----------
    log_policy : float array (..., n)
        Log-probabilities; -inf where an answer is never given.
    certificate : Certificate
    follower : float array (..., n, n), row-stochastic, or None
        The follower's policy given the leader's answer (the row).
    status : str array (...); from the certificate if left out
        "ok", "max_steps", "diverged", "undefined" where the answer does not exist, or "error" where
        a solver failed in one of several contexts. In the last two cases policy, follower and
        residual are NaN.
    trace : Trace, or None for exact solvers
    newton_steps : int array (...), or None if the solver does not count them
        Number of linear systems that an exact solver solved.
    message : str array (...)
        Why the status is "undefined" or "error"; "" elsewhere.
    tau : float array (...), or None if tau is a parameter of the solver
        Weight of the KL penalty that the solver chose for each context.
    """

    log_policy: Float
    certificate: Certificate
    follower: Float | None = None
    status: NDArray[np.str_] = None  # type: ignore[assignment]  # filled in below
    trace: Trace | None = None
    newton_steps: NDArray[np.int64] | None = None
    message: Reasons = None  # type: ignore[assignment]  # filled in below
    tau: Float | None = None

    def __post_init__(self) -> None:
        if self.status is None:
            status = np.where(self.certificate.holds, "ok", "max_steps")
            object.__setattr__(self, "status", status)
        if self.message is None:
            object.__setattr__(self, "message", np.full(np.shape(self.status), ""))

    @property
    def policy(self) -> Float:
        """Probabilities, shape (..., n)."""
        return np.exp(self.log_policy)


class Solver:
    """A method that turns a game into a policy; subclasses are frozen dataclasses.

    The fields are the hyper-parameters. A subclass overrides ``solve``, or derives from
    ``ExactSolver`` or ``IterativeSolver``, which do that.

    Attributes
    ----------
    concept : "rlhf", "nlhf", "slhf" or "other"
        Solution concept of the answer.
    paper : str
        Authors, year, arXiv id or venue.
    """

    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = ""

    if TYPE_CHECKING:  # subclasses are dataclasses: their fields are the keywords

        def __init__(self, *args: Any, **params: Any) -> None: ...

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """Solve every context of ``game``, and return the solution.

        An answer that does not exist is no error: see ``Solution.status``.

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

        This is what the game shows before it is solved. A failure that only solving brings to
        light is in the solution's ``status`` and ``message``, and not in the result of this method.
        """
        return np.full(game.batch, "")

    def target(self, game: PreferenceGame) -> Solution | None:
        """What the solver converges to with these parameters, computed in another way.

        None if the solver is exact, or if no limit is claimed.
        """
        del game
        return None

    def at_tau(self, tau: float) -> "Solver":
        """A copy of this solver with every weight of a KL penalty set to ``tau``."""
        weights = dict.fromkeys(taus(type(self)), tau)
        return replace(self, **weights)  # type: ignore[type-var]  # every solver is a dataclass

    def counterpart(self, kind: type["Solver"]) -> "Solver":
        """A solver of the class ``kind`` with this solver's weights of KL penalties.

        Equal weights are not equal strength: see ``tabular.MatchedKl`` for equal KL. A single tau
        is used for both players; a solver without one counts as tau = 0.
        """
        tau = getattr(self, "tau_leader", getattr(self, "tau", 0.0))
        follower = getattr(self, "tau_follower", tau)
        weights = {name: follower if name == "tau_follower" else tau for name in taus(kind)}
        return kind(**weights)


class ExactSolver(Solver, ABC):
    """A solver without iterates and without random numbers; subclasses write ``compute``."""

    @abstractmethod
    def compute(self, game: PreferenceGame) -> Solution:
        """The solution of a game all of whose contexts have an answer."""

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """The solution; status "undefined" in the contexts without an answer. ``rng`` is unused."""
        return solve_defined(self.compute, game, self.undefined(game))


class WeightedSolver(ExactSolver):
    """An exact solver whose weights of KL penalties may differ between contexts.

    The fields are floats; weights that differ are given to ``compute_at`` or ``at_weights``, which
    solve all contexts together.
    """

    @abstractmethod
    def compute_at(self, game: PreferenceGame, weights: Weights) -> Solution:
        """The solution at these weights of a game all of whose contexts have an answer."""

    @abstractmethod
    def at_weights(self, game: PreferenceGame) -> Callable[[Weights], Float]:
        """The log-policy (..., n) as a function of the weights, for a search over them.

        What does not depend on the weights is computed once. The tau that multiplies the KL of
        the policy is > 0.
        """

    def compute(self, game: PreferenceGame) -> Solution:
        """The solution at the weights that are fields."""
        return self.compute_at(game, {name: getattr(self, name) for name in taus(type(self))})


def solve_defined(
    solve: Callable[[PreferenceGame], Solution], game: PreferenceGame, message: Reasons
) -> Solution:
    """Solve the contexts that have an answer, together; return a solution of all contexts.

    Where there is no answer the status is "undefined", with the reason as the message, and the
    policy is NaN.

    Parameters
    ----------
    solve : callable
        Solves a game all of whose contexts have an answer.
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

    def scatter(values: Any, fill: Any = np.nan, axis: int = 0) -> Any:
        """The values, whose contexts lie along ``axis``, with ``fill`` in the other contexts."""
        shape = (*values.shape[:axis], *defined.shape, *values.shape[axis + 1 :])
        filled = np.full(shape, fill, values.dtype)
        filled[(slice(None),) * axis + (defined,)] = values
        return filled

    residual, tolerance = part.certificate.residual, part.certificate.tolerance
    certificate = replace(
        part.certificate,
        residual=scatter(residual),
        tolerance=scatter(tolerance) if np.ndim(tolerance) else tolerance,
    )
    trace = part.trace
    if trace is not None:
        policies, averages = (scatter(p, axis=1) for p in (trace.policies, trace.averages))
        trace = replace(trace, policies=policies, averages=averages)
    return Solution(
        scatter(part.log_policy),
        certificate,
        None if part.follower is None else scatter(part.follower),
        scatter(part.status.astype(object), "undefined").astype(np.str_),
        trace,
        None if part.newton_steps is None else scatter(part.newton_steps, 0),
        np.where(defined, scatter(part.message.astype(object), ""), message).astype(np.str_),
        None if part.tau is None else scatter(part.tau),
    )


class Open(float):
    """An open end of an interval: ``tau=(Open(0), np.inf)`` stands for 0 < tau < infinity."""


def require(plugin: object, **ranges: tuple[float, float]) -> None:
    """Check that hyper-parameters are finite numbers within their ranges.

    A range is a closed interval, except at an end that is ``Open``. None is accepted where it is
    the default, which then stands for a value that the plugin works out.

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


def taus(kind: type[Any]) -> list[str]:
    """Names of the fields that are weights of KL penalties: tau, or tau_leader and tau_follower."""
    return [f.name for f in fields(kind) if f.name == "tau" or f.name.startswith("tau_")]
