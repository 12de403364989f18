"""Comparison at equal KL: each concept with the tau at which it moves equally far from ``ref``."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from games import PreferenceGame, SolverError, measures, numerics
from games.game import Float
from solvers import Certificate, Solution, Solver, taus
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Concept, solve_defined

_GRID = 4.0 ** np.arange(4, -8, -1)


@dataclass(frozen=True)
class MatchedKl(Solver):
    """The answer whose KL(pi | ref) is ``kl``, with all of the solver's tau's equal.

    tau is chosen for each context separately: the largest at which the KL reaches ``kl``, by
    quartering from 256 down to 2^-14, then Brent's method in log tau. The KL falls with tau for
    RLHF and NLHF; for SLHF it need not, because V moves with tau_follower, hence "the largest".
    Where even tau = 2^-14 stays nearer to the reference than ``kl``, the answer is undefined.

    Attributes
    ----------
    solver : type of Solver
        A solver with one or more fields called tau or tau_*.
    kl : float > 0
        Distance from the reference, in nats.
    params : mapping
        The solver's other parameters.

    Raises
    ------
    SolverError
        If kl is not positive or the solver has no tau.
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

    @property
    def concept(self) -> Concept:  # type: ignore[override]  # the concept of the wrapped solver
        """The concept of the wrapped solver."""
        return self.solver.concept

    @property
    def draws(self) -> bool:
        """Whether the wrapped solver draws random numbers."""
        return self.at_tau(1.0).draws

    def at_tau(self, tau: float) -> Solver:
        """The wrapped solver with every tau set to ``tau``."""
        return self.solver(**{name: tau for name in taus(self.solver)}, **self.params)

    def like(self, kind: type[Solver]) -> Solver:
        """The solver of another class, matched to the same distance from the reference."""
        return MatchedKl(kind, self.kl)

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """The answer at each context's tau; undefined where ``kl`` is out of reach."""
        upper = self._brackets(game, rng)
        contexts = [game.at(index) for index in np.ndindex(game.batch)] if game.batch else [game]
        matched = [
            np.nan if np.isnan(high) else self._tau(context, high, rng)
            for context, high in zip(contexts, np.ravel(upper), strict=True)
        ]
        tau = np.reshape(matched, game.batch)
        message = np.full(game.batch, "")
        if np.isnan(tau).any():
            nearest = self.at_tau(_GRID[-1]).solve(game, rng).message
            out_of_reach = (
                f"MatchedKl: {self.solver.__name__} stays within {self.kl:g} nats of the reference "
                f"at every tau >= {_GRID[-1]:g}; ask for a smaller kl"
            )
            reason = np.where(nearest == "", out_of_reach, nearest)
            message = np.where(np.isnan(tau), reason, "")
        reached = tau[message == ""]
        solution = solve_defined(lambda part: self._solve(part, reached, rng), game, message)
        return replace(solution, tau=tau)

    def _solve(self, game: PreferenceGame, tau: Float, rng: np.random.Generator | None) -> Solution:
        contexts = [game.at(index) for index in np.ndindex(game.batch)] if game.batch else [game]
        weights = np.ravel(tau).tolist()
        parts = [
            self.at_tau(weight).solve(context, rng)
            for context, weight in zip(contexts, weights, strict=True)
        ]
        return _stacked(parts, game)

    def _distance(
        self, game: PreferenceGame, rng: np.random.Generator | None
    ) -> Callable[[float], Float]:
        """KL(pi | ref) as a function of tau."""
        probe = self.at_tau(1.0)
        if isinstance(probe, RlhfExact):  # the reward is the same at every tau: fit it once
            rewards, log_ref = probe.rewards(game), game.log_ref
            return lambda tau: numerics.kl(numerics.log_softmax(log_ref + rewards / tau), log_ref)
        return lambda tau: measures.kl_to_ref(game, self.at_tau(tau).solve(game, rng).policy)

    def _brackets(self, game: PreferenceGame, rng: np.random.Generator | None) -> Float:
        """The last tau of the grid before the KL is reached; NaN where it never is."""
        upper, distance = np.full(game.batch, np.nan), self._distance(game, rng)
        for tau, below in itertools.pairwise(_GRID):
            reached = distance(below) >= self.kl
            upper = np.where(np.isnan(upper) & reached, tau, upper)
            if not np.isnan(upper).any():
                break
        return np.asarray(upper)

    def _tau(self, game: PreferenceGame, high: float, rng: np.random.Generator | None) -> float:
        distance = self._distance(game, rng)

        def excess(log_tau: float) -> float:
            return float(distance(float(np.exp(log_tau)))) - self.kl

        top, bottom = np.log(high), np.log(high / 4)
        if excess(top) >= 0:
            return high
        return float(np.exp(brentq(excess, bottom, top, xtol=1e-12, rtol=1e-12)))


def _stacked(parts: list[Solution], game: PreferenceGame) -> Solution:
    """Solutions of single contexts as the solution of the whole game."""
    shape = (*game.batch, game.n)
    first = parts[0]
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
