"""Regret of a policy in the objective of the concept that chose it, on the true game."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from games import PreferenceGame, measures, numerics
from games.game import Float
from solvers import Solution, Solver
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Reasons, Weight


@dataclass(frozen=True)
class Regret:
    """Best value of an objective minus the value of a policy, >= 0 up to rounding.

    Attributes
    ----------
    shortfall : callable
        Policy (..., n) -> regret (...); NaN where there is none.
    message : str array (...)
        Why the best value does not exist, for each context; "" where it does, and for solvers
        whose concept has no objective.
    best : float array (...)
        Best value of the objective; NaN where there is none.
    """

    shortfall: Callable[[Float], Float]
    message: Reasons
    best: Float

    def __call__(self, policy: Float) -> Float:
        """Regret (...) of a policy (..., n)."""
        return self.shortfall(policy)

    def objective(self, policy: Float) -> Float:
        """Value (...) of the objective at a policy (..., n)."""
        return np.asarray(self.best - self.shortfall(policy))


def regret(solver: Solver, game: PreferenceGame, best: Solution | None = None) -> Regret:
    """The loss in the solver's objective on the true game, at the solver's weights.

    RLHF: expected full-data reward - tau KL. NLHF: half the regularised duality gap, which is what
    the regularised value against the worst opponent, min_pi' P(pi > pi') - tau KL(pi | ref) +
    tau KL(pi' | ref), lacks to 1/2. SLHF: value against the best follower - tau_leader KL. NaN for
    other concepts and where the full-data reward is infinite.

    Parameters
    ----------
    solver : Solver
        Gives the concept and the weights.
    game : PreferenceGame
        The truth; what depends on it alone is computed once.
    best : Solution, or None
        The solver's answer to the true game. A solver that chooses its weights is judged at the
        weights that it chose on the true game.

    Returns
    -------
    Regret
        A function of the policy.
    """
    if best is None or best.tau is None:
        return _at(solver, game, *_weights(solver))
    ends = (_weights(solver.at_tau(tau)) for tau in (1.0, 2.0))
    # what differs between two tau's is what the solver chose
    weights = [best.tau if low != high else low for low, high in zip(*ends, strict=True)]
    return replace(_at(solver.at_tau(1.0), game, *weights), message=best.message)


def _weights(solver: Solver) -> tuple[float, float]:
    """The tau of the policy, or of the leader, and that of the follower."""
    tau = getattr(solver, "tau_leader", getattr(solver, "tau", 0.0))
    return tau, getattr(solver, "tau_follower", 0.0)


def _at(solver: Solver, game: PreferenceGame, tau: Weight, tau_follower: Weight) -> Regret:
    defined = np.full(game.batch, "")
    if solver.concept == "nlhf":
        half = np.full(game.batch, 0.5)
        return Regret(lambda policy: measures.duality_gap(game, policy, tau) / 2, defined, half)
    if solver.concept == "slhf":
        return _against(game, measures.follower_values(game, tau_follower), tau, defined)
    if solver.concept == "rlhf":
        fit = RlhfExact(ridge=getattr(solver, "ridge", 0.0))
        return _against(game, fit.rewards(game), tau, fit.undefined(game))
    nothing = np.full(game.batch, np.nan)
    return Regret(lambda policy: nothing, defined, nothing)


def _against(game: PreferenceGame, values: Float, tau: Weight, message: Reasons) -> Regret:
    """The objective E_p values - tau KL(p | ref), and what a policy lacks to its maximum."""
    soft = numerics.is_soft(tau)
    if soft:
        tilt = values / numerics.per_context(tau, values)
        best = tau * numerics.logsumexp(game.log_ref + tilt)
    else:
        best = values.max(-1)

    def short(policy: Float) -> Float:
        cost = tau * measures.kl_to_ref(game, policy) if soft else 0.0
        return np.asarray(best - numerics.expectation(policy, values) + cost)

    return Regret(short, message, np.asarray(best))
