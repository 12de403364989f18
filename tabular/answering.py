"""Answers in a row, each drawn given the one before, and what can follow an answer.

Another draw from the policy, the follower's reply, or the answer of a model that is prompted to
improve on what it said.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from games import PreferenceGame, numerics
from games.game import TIE_TOL, Float
from games.measures import Mask
from solvers import Solution, Solver
from solvers.slhf_exact import SlhfExact
from solvers.solver import Reasons

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Chain:
    """The first answer from ``start``, each further one from the row of ``reply`` of the last.

    Attributes
    ----------
    start : float array (..., n)
    reply : float array (..., n, n), row-stochastic
    """

    start: Float
    reply: Float

    def stays(self, inside: Mask, N: int) -> Float:
        """Probability that N answers all lie ``inside``, a mask (..., k, n); shape (..., k)."""
        now = self.start[..., None, :] * inside
        for _ in range(N - 1):
            now = (now @ self.reply) * inside
        return np.asarray(now.sum(-1))

    def draws(self, rng: np.random.Generator, n_users: int, N: int) -> list[Indices]:
        """The first 1, 2, ..., N answers of each user, shapes (..., n_users, 1) and so on."""
        given = [draw(repeat(self.start, n_users), rng)]
        for _ in range(N - 1):
            given.append(draw(np.take_along_axis(self.reply, given[-1][..., None], axis=-2), rng))
        return [np.stack(given[:k], axis=-1) for k in range(1, N + 1)]


@dataclass(frozen=True)
class Reply:
    """What follows each answer: ``table`` (..., n, n), and why there is none in a context."""

    table: Float
    missing: Reasons


def replies(game: PreferenceGame, solver: Solver, solution: Solution) -> dict[str, Reply]:
    """Replies by how: another draw, and the follower's or, without one, the policy's revision.

    The weight of the revision is tau_follower of SLHF at the solver's strength.
    """
    never = np.full(game.batch, "")
    out = {"independent": Reply(np.repeat(solution.policy[..., None, :], game.n, axis=-2), never)}
    if solution.follower is not None:
        return {**out, "refined": Reply(solution.follower, never)}
    slhf = solver.counterpart(SlhfExact)
    if isinstance(slhf, SlhfExact):
        tau, missing = np.full(game.batch, slhf.tau_follower), never
    else:  # a strength that is found for each context
        found = slhf.solve(game)
        tau, missing = np.asarray(found.tau), found.message
    return {**out, "revised": Reply(revised(solution.log_policy, game.P, tau), missing)}


def revised(log_policy: Float, P: Float, tau: Float) -> Float:
    """A policy's revision of each answer y: policy(y') exp(P[y', y] / tau) / Z, in row y.

    A model of prompting, not a measurement of it: the policy is tilted by the preference as the
    follower of SLHF tilts its reference. tau = 0: the best of the answers that the policy gives.

    Parameters
    ----------
    log_policy : float array (..., n)
    P : float array (..., n, n)
    tau : float array (...), all 0 or all > 0
        Weight of the KL to the policy, in payoff units.
    """
    given = np.broadcast_to(log_policy[..., None, :], P.shape)
    if (tau != 0).all():  # NaN where there is no such strength
        return np.asarray(np.exp(numerics.log_softmax(given - P / tau[..., None, None])))
    worth = np.where(np.isneginf(given), -np.inf, -P)
    return np.asarray(np.exp(numerics.spread_over_best(worth, given, TIE_TOL)))


def draw(p: Float, rng: np.random.Generator) -> Indices:
    """One index from each distribution along the last axis; 0 where it is NaN."""
    u = rng.random((*p.shape[:-1], 1)) * p.sum(-1, keepdims=True)
    index = np.minimum((p.cumsum(-1) <= u).sum(-1), p.shape[-1] - 1)
    return np.asarray(index, dtype=np.int64)


def repeat(p: Float, n_users: int) -> Float:
    """The same distribution for every user."""
    return np.repeat(p[..., None, :], n_users, axis=-2)
