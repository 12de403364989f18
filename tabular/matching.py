"""Comparison at equal KL: each concept with the tau at which it moves equally far from ``ref``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from games import PreferenceGame, SolverError, numerics
from games.game import Float
from solvers import Solution, Solver, taus
from solvers.solver import Concept, Reasons, WeightedSolver, solve_defined
from tabular.tau_search import GRID, largest_tau, log_policies, solutions

FRONTIER = (0.01, 0.03, 0.1, 0.3, 1.0)
"""The distances from the reference, in nats, at which concepts are compared; then tau = 0."""


@dataclass(frozen=True)
class MatchedKl(Solver):
    """The answer whose KL(pi | ref) is ``kl``, with all of the solver's free tau's equal.

    This is how concepts are compared: equal tau is not equal strength, because tau of RLHF is in
    log-odds and that of the others in probability. tau is chosen for each context: the largest at
    which the KL reaches ``kl``, by quartering from 256 down to 2^-14, then Chandrupatla's method
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

    def common_tau(self, game: PreferenceGame) -> tuple[float, str]:
        """One tau for all contexts, at which the mean of their KL is ``kl``.

        It is for methods that have one tau for all contexts, as a language model has.

        Returns
        -------
        float
            NaN if ``kl`` is out of reach, or the answer does not exist in some context.
        str
            The reason; "" if there is a tau.
        """
        missing = next(filter(None, self.at_tau(1.0).undefined(game).flat), "")
        if missing:
            return np.nan, str(missing)
        log_policy, log_ref = self._log_policy(game, None), game.log_ref

        def distance(tau: Float) -> Float:
            everywhere = np.broadcast_to(tau, game.batch)
            return np.asarray(np.mean(numerics.kl(log_policy(everywhere), log_ref)))

        tau, largest = largest_tau(distance, self.kl, ())
        return float(tau), str(self._out_of_reach(tau, largest))

    def _solve(self, game: PreferenceGame, rng: np.random.Generator | None) -> Solution:
        log_policy, log_ref = self._log_policy(game, rng), game.log_ref

        def distance(tau: Float) -> Float:
            return np.asarray(numerics.kl(log_policy(tau), log_ref))

        tau, largest = largest_tau(distance, self.kl, game.batch)
        message = self._out_of_reach(tau, largest)
        probe, found = self.at_tau(1.0), tau[message == ""]
        if not isinstance(probe, WeightedSolver) and not np.all(message == ""):
            nearest = self.at_tau(GRID[-1]).solve(game, rng).message
            message = np.where((message != "") & (nearest != ""), nearest, message)

        def solve(part: PreferenceGame) -> Solution:
            if not isinstance(probe, WeightedSolver):
                return solutions(self.at_tau, part, found, rng)
            return probe.compute_at(part, self._weights(found.reshape(part.batch)))

        # the Newton steps of the search are not in those of its last point
        return replace(solve_defined(solve, game, message), tau=tau, newton_steps=None)

    def _weights(self, tau: Float) -> dict[str, Any]:
        """All of the solver's tau's by name, the free ones equal to ``tau``."""
        fixed = {name: self.params[name] for name in taus(self.solver) if name in self.params}
        return {**dict.fromkeys(self._free, tau), **fixed}

    def _log_policy(
        self, game: PreferenceGame, rng: np.random.Generator | None
    ) -> Callable[[Float], Float]:
        """The log-policy as a function of tau (...)."""
        probe = self.at_tau(1.0)
        if not isinstance(probe, WeightedSolver):
            return log_policies(self.at_tau, game, rng)
        at_weights = probe.at_weights(game)
        return lambda tau: at_weights(self._weights(tau))

    def _out_of_reach(self, tau: Float, largest: Float) -> Reasons:
        """Why there is no tau, for each context; "" where there is one."""
        message = np.full(tau.shape, "", dtype=object)
        name, ends = self.solver.__name__, f"tau = {GRID[0]:g} to {GRID[-1]:.2g}"
        for index in map(tuple, np.argwhere(np.isnan(tau))):
            message[index] = (
                f"MatchedKl: {name} is more than {self.kl:g} nats from the reference even at "
                f"tau = {4 * GRID[0]:g}; ask for a larger kl"
                if largest[index] >= self.kl
                else f"MatchedKl: {name} stays within {self.kl:g} nats of the reference: its "
                f"largest KL at {ends} is {largest[index]:.4g} nats; ask for a smaller kl"
            )
        return message.astype(np.str_)
