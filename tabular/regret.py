"""Regret of a policy in the objective of the concept that chose it, on the true game."""

import numpy as np

from games import PreferenceGame, UndefinedError, measures, numerics
from games.game import Float
from solvers import Solver
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular.matching import MatchedKl


def regret(solver: Solver, game: PreferenceGame, policy: Float) -> Float:
    """Best value of the objective minus the value of ``policy``, at the solver's own tau.

    RLHF: expected full-data reward - tau KL. NLHF: half the regularised duality gap. SLHF: value
    against the best follower - tau_leader KL. NaN for other concepts and where the full-data
    reward is infinite. With a matched KL, tau is the one found on the true game.

    Parameters
    ----------
    solver : Solver
        Gives the concept and the weights.
    game : PreferenceGame
        The truth.
    policy : float array (..., n)

    Returns
    -------
    float array (...) >= 0 up to rounding
    """
    if isinstance(solver, MatchedKl):
        return _matched(solver, game, policy)
    if solver.concept == "nlhf":
        return measures.duality_gap(game, policy, getattr(solver, "tau", 0.0)) / 2
    if solver.concept == "slhf":
        own = SlhfExact(getattr(solver, "tau_leader", 0.0), getattr(solver, "tau_follower", 0.0))
        values = measures.follower_values(game, own.tau_follower)
        return _shortfall(game, policy, values, own.tau_leader)
    if solver.concept == "rlhf":
        ridge = getattr(solver, "ridge", 0.0)
        try:
            values = RlhfExact(ridge=ridge).rewards(game)
        except UndefinedError as error:
            values = np.full((*game.batch, game.n), np.nan)
            there = ~np.asarray(error.contexts)
            if there.any():
                values[there] = RlhfExact(ridge=ridge).rewards(game.at(there))
        return _shortfall(game, policy, values, getattr(solver, "tau", 0.0))
    return np.full(game.batch, np.nan)


def _matched(solver: MatchedKl, game: PreferenceGame, policy: Float) -> Float:
    """Context by context, because each has a tau of its own."""
    out = np.full(game.batch, np.nan)
    for index in np.ndindex(game.batch):
        own = game.at(index) if game.batch else game
        try:
            tau, _ = solver.fit(own)
        except UndefinedError:
            continue
        out[index] = regret(solver.at_tau(float(tau)), own, policy[index])
    return out


def _shortfall(game: PreferenceGame, policy: Float, values: Float, tau: float) -> Float:
    """max_p [E_p values - tau KL(p | ref)] minus the same at ``policy``."""
    earned = numerics.expectation(policy, values)
    if tau > 0:
        best = tau * numerics.logsumexp(game.log_ref + values / tau)
        return np.asarray(best - earned + tau * measures.kl_to_ref(game, policy))
    return np.asarray(values.max(-1) - earned)
