"""Comparison at equal KL: each concept with the tau at which it moves equally far from ``ref``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root

from games import PreferenceGame, SolverError, numerics
from games.game import Float
from solvers import Certificate, Solution, Solver, taus
from solvers.solver import Concept, Reasons, WeightedSolver, solve_defined

FRONTIER = (0.01, 0.03, 0.1, 0.3, 1.0)
"""The distances from the reference, in nats, at which concepts are compared; then tau = 0."""

_GRID = 4.0 ** np.arange(8, -8, -1)
_TOLERANCES = {"xatol": 1e-14, "fatol": 1e-12}
_LEAST = 1e-300


@dataclass(frozen=True)
class MatchedKl(Solver):
    """The answer whose KL(pi | ref) is ``kl``, with all of the solver's free tau's equal.

    This is how concepts are compared: equal tau is not equal strength, because tau of RLHF is in
    log-odds and that of the others in probability. tau is chosen for each context: the largest at
    which the KL reaches ``kl``, by quartering from 65536 down to 2^-14, then Chandrupatla's method
    in log tau, on all contexts at once. The KL falls with tau for RLHF and NLHF; for SLHF it need
    not, because V moves with tau_follower, hence "the largest". Where the KL stays below ``kl`` at
    every tau of the grid, the answer is undefined.

    Attributes
    ----------
    solver : type of Solver
        A solver with one or more fields called tau or tau_*.
    kl : float > 0
        Distance from the reference, in nats.
    params : mapping
        The solver's other parameters. A tau among them is fixed; at least one must be free.

    Raises
    ------
    SolverError
        If kl is not positive or the solver has no free tau.
    """

    solver: type[Solver]
    kl: float
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = isinstance(self.kl, int | float) and not isinstance(self.kl, bool)
        if not number or not 0 < self.kl < np.inf:
            raise SolverError(f"MatchedKl: kl is {self.kl!r}, expected a number > 0 (nats)")
        if not taus(self.solver):
            raise SolverError(f"MatchedKl: {self.solver.__name__} has no tau to match the KL with")
        if not self._free:
            fixed = " and ".join(taus(self.solver))
            raise SolverError(f"MatchedKl: kl finds the tau by itself; drop {fixed}, or kl")

    @property
    def concept(self) -> Concept:  # type: ignore[override]  # the concept of the wrapped solver
        """The concept of the wrapped solver."""
        return self.solver.concept

    @property
    def draws(self) -> bool:
        """Whether the wrapped solver draws random numbers."""
        return self.at_tau(1.0).draws

    @property
    def _free(self) -> list[str]:
        return [name for name in taus(self.solver) if name not in self.params]

    def at_tau(self, tau: float) -> Solver:
        """The wrapped solver with every free tau set to ``tau``."""
        return self.solver(**{name: tau for name in self._free}, **self.params)

    def counterpart(self, kind: type[Solver]) -> Solver:
        """The solver of another class, matched to the same KL, with the same fixed tau's."""
        fixed = {name: self.params[name] for name in taus(kind) if name in self.params}
        return MatchedKl(kind, self.kl, fixed)

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """The answer at each context's tau; undefined where ``kl`` is out of reach."""
        message = self.at_tau(1.0).undefined(game)
        return solve_defined(lambda part: self._solve(part, rng), game, message)

    def _solve(self, game: PreferenceGame, rng: np.random.Generator | None) -> Solution:
        probe = self.at_tau(1.0)
        if isinstance(probe, WeightedSolver):
            at_weights = probe.at_weights(game)
            tau, largest = self._search(game, lambda tau: at_weights(**self._weights(tau)))
            message = self._out_of_reach(tau, largest)
        else:
            tau, largest = self._search(game, self._one_by_one(game, rng))
            nearest = self.at_tau(_GRID[-1]).solve(game, rng).message
            message = self._out_of_reach(tau, largest)
            message = np.where((message != "") & (nearest != ""), nearest, message)
        found = tau[message == ""]

        def solve(part: PreferenceGame) -> Solution:
            if not isinstance(probe, WeightedSolver):
                return self._stacked(part, found, rng)
            return probe.compute_at(part, **self._weights(found.reshape(part.batch)))

        # the Newton steps of the search are not in those of its last point
        return replace(solve_defined(solve, game, message), tau=tau, newton_steps=None)

    def _weights(self, tau: Float) -> dict[str, Any]:
        """All of the solver's tau's by name, the free ones equal to ``tau``."""
        fixed = {name: self.params[name] for name in taus(self.solver) if name in self.params}
        return {**dict.fromkeys(self._free, tau), **fixed}

    def _search(
        self, game: PreferenceGame, log_policy: Callable[[Float], Float]
    ) -> tuple[Float, Float]:
        """The tau of each context, NaN if out of reach, and the largest KL on the grid until it."""
        log_ref, tau = game.log_ref, np.full(game.batch, _GRID[0])

        def distance(tau: Float) -> Float:
            return np.asarray(numerics.kl(log_policy(tau), log_ref))

        largest = distance(tau)
        reached = too_far = largest >= self.kl
        for below in _GRID[1:]:
            if reached.all():
                break
            tau = np.where(reached, tau, below)
            largest = np.fmax(largest, distance(tau))
            reached = largest >= self.kl
        between = np.flatnonzero(reached & ~too_far)

        def excess(log_tau: Float, contexts: NDArray[np.int64]) -> Float:
            tau.flat[contexts] = np.exp(log_tau)
            return np.log(np.maximum(distance(tau).flat[contexts], _LEAST) / self.kl)

        low = np.log(tau.flat[between])
        bracket = low, low + np.log(4)
        root = find_root(excess, bracket, args=(between,), tolerances=_TOLERANCES)
        found = np.full(game.batch, np.nan)
        found.flat[between] = np.exp(root.x)
        return found, largest

    def _out_of_reach(self, tau: Float, largest: Float) -> Reasons:
        """Why there is no tau, for each context; "" where there is one."""
        message = np.full(tau.shape, "", dtype=object)
        name, ends = self.solver.__name__, f"tau = {_GRID[0]:g} to {_GRID[-1]:.2g}"
        for index in map(tuple, np.argwhere(np.isnan(tau))):
            message[index] = (
                f"MatchedKl: {name} is more than {self.kl:g} nats from the reference even at "
                f"tau = {_GRID[0]:g}; ask for a larger kl"
                if largest[index] >= self.kl
                else f"MatchedKl: {name} stays within {self.kl:g} nats of the reference: its "
                f"largest KL at {ends} is {largest[index]:.4g} nats; ask for a smaller kl"
            )
        return message.astype(np.str_)

    def _one_by_one(
        self, game: PreferenceGame, rng: np.random.Generator | None
    ) -> Callable[[Float], Float]:
        """The log-policy as a function of tau (...); contexts of equal tau are solved together."""
        log_policy, last = np.empty((*game.batch, game.n)), np.full(game.batch, np.nan)

        def solve(tau: Float) -> Float:
            for weight in np.unique(tau[tau != last]):
                now = np.asarray((tau == weight) & (tau != last))
                solution = self.at_tau(float(weight)).solve(game.at(now), rng)
                log_policy[now] = solution.log_policy
            last[...] = tau
            return log_policy

        return solve

    def _stacked(
        self, game: PreferenceGame, tau: Float, rng: np.random.Generator | None
    ) -> Solution:
        """The solutions of single contexts, each at its tau, as the solution of the whole game."""
        parts = [
            self.at_tau(float(weight)).solve(game.at(index), rng)
            for weight, index in zip(tau.flat, np.ndindex(game.batch), strict=True)
        ]
        shape, first = (*game.batch, game.n), parts[0]
        certificate = Certificate(
            first.certificate.condition,
            np.reshape([p.certificate.residual for p in parts], game.batch),
            np.reshape([p.certificate.tolerance for p in parts], game.batch),
        )
        rows = [p.follower for p in parts if p.follower is not None]
        return Solution(
            np.reshape([p.log_policy for p in parts], shape),
            certificate,
            np.reshape(rows, (*shape, game.n)) if rows else None,
            np.reshape([p.status for p in parts], game.batch),
            message=np.reshape([p.message for p in parts], game.batch),
        )
