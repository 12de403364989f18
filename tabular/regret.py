"""Regret of a policy in the objective of the concept that chose it, on the true game."""

from collections.abc import Callable

import numpy as np

from games import PreferenceGame, UndefinedError, measures, numerics
from games.game import Float
from solvers import Solver
from solvers.rlhf_exact import RlhfExact
from tabular.matching import MatchedKl

Regret = Callable[[Float], Float]
"""Policy (..., n) -> regret (...)."""


def regret(solver: Solver, game: PreferenceGame) -> Regret:
    """Best value of the objective minus the value of a policy, at the solver's own tau.

    RLHF: expected full-data reward - tau KL. NLHF: half the regularised duality gap. SLHF: value
    against the best follower - tau_leader KL. NaN for other concepts and where the full-data
    reward is infinite. With a matched KL, tau is the one found on the true game.

    Parameters
    ----------
    solver : Solver
        Gives the concept and the weights.
    game : PreferenceGame
        The truth; what depends on it alone is computed once.

    Returns
    -------
    function of a float array (..., n)
        Gives a float array (...), >= 0 up to rounding.
    """
    if isinstance(solver, MatchedKl):
        return _matched(solver, game)
    tau = getattr(solver, "tau_leader", getattr(solver, "tau", 0.0))
    if solver.concept == "nlhf":
        return lambda policy: measures.duality_gap(game, policy, tau) / 2
    if solver.concept == "slhf":
        follower_tau = getattr(solver, "tau_follower", 0.0)
        return _shortfall(game, measures.follower_values(game, follower_tau), tau)
    if solver.concept == "rlhf":
        return _shortfall(game, _rewards(game, getattr(solver, "ridge", 0.0)), tau)
    return lambda policy: np.full(game.batch, np.nan)


def _matched(solver: MatchedKl, game: PreferenceGame) -> Regret:
    """Context by context, because each has a tau of its own."""
    parts: list[Regret | None] = []
    for own in [game.at(index) for index in np.ndindex(game.batch)] if game.batch else [game]:
        try:
            tau, _ = solver.fit(own)
        except UndefinedError:
            parts.append(None)
        else:
            parts.append(regret(solver.at_tau(float(tau)), own))

    def each_context(policy: Float) -> Float:
        rows = policy.reshape(-1, game.n)
        values = [np.nan if f is None else float(f(r)) for f, r in zip(parts, rows, strict=True)]
        return np.array(values).reshape(game.batch)

    return each_context


def _rewards(game: PreferenceGame, ridge: float) -> Float:
    """Full-data Bradley-Terry rewards; NaN in the contexts where they are infinite."""
    solver = RlhfExact(ridge=ridge)
    try:
        return solver.rewards(game)
    except UndefinedError as error:
        values = np.full((*game.batch, game.n), np.nan)
        finite = ~np.asarray(error.contexts)
    if finite.any():
        values[finite] = solver.rewards(game.at(finite))
    return values


def _shortfall(game: PreferenceGame, values: Float, tau: float) -> Regret:
    """max_p [E_p values - tau KL(p | ref)] minus the same at the policy."""
    soft = tau > 0
    best = tau * numerics.logsumexp(game.log_ref + values / tau) if soft else values.max(-1)

    def short(policy: Float) -> Float:
        cost = tau * measures.kl_to_ref(game, policy) if soft else 0.0
        return np.asarray(best - numerics.expectation(policy, values) + cost)

    return short
