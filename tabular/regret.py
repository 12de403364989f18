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
    """

    shortfall: Callable[[Float], Float]
    message: Reasons

    def __call__(self, policy: Float) -> Float:
        """Regret (...) of a policy (..., n)."""
        return self.shortfall(policy)


def regret(solver: Solver, game: PreferenceGame, best: Solution | None = None) -> Regret:
    """The loss in the solver's objective on the true game, at the solver's weights.

    RLHF: expected full-data reward - tau KL. NLHF: half the regularised duality gap. SLHF: value
    against the best follower - tau_leader KL. NaN for other concepts and where the full-data
    reward is infinite.

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
        return _at_one_tau(solver, game)
    if solver.concept == "rlhf":  # one fit for all tau's
        return replace(_of_reward(solver.at_tau(1.0), game, best.tau), message=best.message)
    contexts = [game.at(index) for index in np.ndindex(game.batch)] if game.batch else [game]
    parts = [
        None if np.isnan(weight) else _at_one_tau(solver.at_tau(float(weight)), context)
        for weight, context in zip(np.ravel(best.tau), contexts, strict=True)
    ]

    def shortfall(policy: Float) -> Float:
        rows = policy.reshape(-1, game.n)
        values = [np.nan if f is None else float(f(r)) for f, r in zip(parts, rows, strict=True)]
        return np.array(values).reshape(game.batch)

    return Regret(shortfall, best.message)


def _at_one_tau(solver: Solver, game: PreferenceGame) -> Regret:
    defined = np.full(game.batch, "")
    tau = getattr(solver, "tau_leader", getattr(solver, "tau", 0.0))
    if solver.concept == "nlhf":
        return Regret(lambda policy: measures.duality_gap(game, policy, tau) / 2, defined)
    if solver.concept == "slhf":
        follower_tau = getattr(solver, "tau_follower", 0.0)
        values = measures.follower_values(game, follower_tau)
        return Regret(_shortfall(game, values, tau), defined)
    if solver.concept == "rlhf":
        return _of_reward(solver, game, tau)
    return Regret(lambda policy: np.full(game.batch, np.nan), defined)


def _of_reward(solver: Solver, game: PreferenceGame, tau: Weight) -> Regret:
    fit = RlhfExact(ridge=getattr(solver, "ridge", 0.0))
    return Regret(_shortfall(game, fit.rewards(game), tau), fit.undefined(game))


def _shortfall(game: PreferenceGame, values: Float, tau: Weight) -> Callable[[Float], Float]:
    """max_p [E_p values - tau KL(p | ref)] minus the same at the policy; NaN where tau is."""
    soft = np.all(tau != 0)
    if soft:
        tilt = values / numerics.per_context(tau, values)
        best = tau * numerics.logsumexp(game.log_ref + tilt)
    else:
        best = values.max(-1)

    def short(policy: Float) -> Float:
        cost = tau * measures.kl_to_ref(game, policy) if soft else 0.0
        return np.asarray(best - numerics.expectation(policy, values) + cost)

    return short
