"""The RLHF answer: fit a Bradley-Terry reward to the compared pairs, then maximise it.

Bradley and Terry, Biometrika 1952; existence of the fit: Ford, Amer. Math. Monthly 1957; the
two-stage recipe: Ziegler et al. 2019, arXiv:1909.08593.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from games import numerics
from games.game import TIE_TOL, Float, PreferenceGame
from solvers.solver import (
    Certificate,
    Concept,
    Reasons,
    Solution,
    Weight,
    WeightedSolver,
    Weights,
    require,
)

_MAX_STEPS = 200
_TOLERANCE = 1e-10
_COARSE_TAU = 1e3


@dataclass(frozen=True)
class RlhfExact(WeightedSolver):
    """Policy ~ ref exp(r / tau), with r the Bradley-Terry maximum likelihood under ``game.pairs``.

    r minimises -sum_{i<j} w_ij [P_ij log sigmoid(r_i - r_j) + P_ji log sigmoid(r_j - r_i)] +
    ridge / 2 |r|^2 with w proportional to ``pairs`` and sum_{i<j} w_ij = 1; sum r = 0. Unless P
    is itself Bradley-Terry, r and the policy depend on which pairs were compared. Where the graph
    of wins is not strongly connected (Ford's condition) the fit is infinite and the answer
    undefined; the message names the components.

    Attributes
    ----------
    tau : float >= 0
        Weight of the KL penalty to ``ref``, in reward units (log-odds): the same tau is not the
        same strength as in NLHF or SLHF, where it is in probability. 0: the answers of highest
        reward, ties split by ``ref``. Above 1e3 the policy hardly shows the reward, and
        is certified less tightly, in proportion to tau.
    ridge : float >= 0
        Weight of the penalty; above 0 the fit exists on all data.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    ridge: float = 0.0
    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "Bradley and Terry 1952; Ziegler et al. 2019, arXiv:1909.08593"

    def __post_init__(self) -> None:
        require(self, tau=(0, np.inf), ridge=(0, np.inf))

    def compute_at(self, game: PreferenceGame, weights: Weights) -> Solution:
        """The reference tilted by the fitted reward, certified by the reward it implies."""
        tau, r = weights["tau"], self.rewards(game)
        if np.all(tau > 0):
            log_policy = _tilted(game, r, tau)
            # the rewards that the policy implies, so that the policy itself is certified
            r = numerics.per_context(tau, r) * (log_policy - game.log_ref)
            r = r - r.mean(-1, keepdims=True)
            lost = np.zeros(game.batch)
        else:
            log_policy = numerics.spread_over_best(r, game.log_ref, TIE_TOL)
            lost = r.max(-1) - numerics.expectation(np.exp(log_policy), r) - TIE_TOL
        off = abs(_gradient(game.P, _weights(game), self.ridge, r)).max(-1)
        tolerance = _TOLERANCE * np.maximum(1, tau / _COARSE_TAU)
        certificate = Certificate("Bradley-Terry stationarity", np.maximum(off, lost), tolerance)
        return Solution(log_policy, certificate)

    def at_weights(self, game: PreferenceGame) -> Callable[[Weights], Float]:
        """Policies of one fit, at any tau > 0."""
        r = self.rewards(game)
        return lambda weights: _tilted(game, r, weights["tau"])

    def rewards(self, game: PreferenceGame) -> Float:
        """Bradley-Terry rewards r, shape (..., n), summing to 0 in every context.

        NaN where they are infinite; ``undefined`` says why.
        """
        finite = np.ravel(self.undefined(game) == "")
        batch, n = game.batch, game.n
        P = game.P.reshape(-1, n, n)
        w = np.broadcast_to(_weights(game), (*batch, n, n)).reshape(-1, n, n)
        r = np.where(finite[:, None], np.zeros(n), np.nan)
        active = np.flatnonzero(finite)
        for _ in range(_MAX_STEPS):
            if active.size == 0:
                break
            before = r[active]
            r[active] = _newton_step(P[active], w[active], self.ridge, before)
            moved = abs(r[active] - before).max(-1)
            active = active[moved > 1e-13 * np.maximum(1, abs(before).max(-1))]
        return np.asarray(r.reshape(*batch, n))

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the maximum is infinite or not unique, for each context; "" where it is finite."""
        n = game.n
        message = np.full(int(np.prod(game.batch)), "", dtype=object)
        if self.ridge == 0:
            wins = ((game.pair_weights > 0) & (game.P > 0)).reshape(-1, n, n)
            infinite = ~(_reaches_all(wins) & _reaches_all(np.swapaxes(wins, -1, -2)))
            for k in np.flatnonzero(infinite):
                message[k] = _components(wins[k], game.names)
        return message.astype(np.str_).reshape(game.batch)


def _tilted(game: PreferenceGame, r: Float, tau: Weight) -> Float:
    """The log-policy ref exp(r / tau)."""
    return np.asarray(numerics.log_softmax(game.log_ref + r / numerics.per_context(tau, r)))


def _weights(game: PreferenceGame) -> Float:
    """Pair weights, both triangles, with sum_{i<j} w_ij = 1."""
    w = game.pair_weights
    total = w.sum((-1, -2), keepdims=True) / 2
    return np.asarray(w / np.where(total > 0, total, 1))


def _gradient(P: Float, w: Float, ridge: float, r: Float) -> Float:
    """Gradient of the mean negative log-likelihood: sum_j w_ij (sigmoid(r_i - r_j) - P_ij)."""
    off = numerics.sigmoid(r[..., :, None] - r[..., None, :]) - P
    # read off the loser's side, where the digits of tiny probabilities are
    off = np.where(P <= 0.5, off, -np.swapaxes(off, -1, -2))
    return np.asarray((w * off).sum(-1) + ridge * r)


def _loss(P: Float, w: Float, ridge: float, r: Float) -> Float:
    gaps = r[..., :, None] - r[..., None, :]
    return np.asarray((w * P * np.logaddexp(0, -gaps)).sum((-1, -2)) + ridge / 2 * (r**2).sum(-1))


def _newton_step(P: Float, w: Float, ridge: float, r: Float) -> Float:
    """One step against the weighted Laplacian, halved until the loss does not rise."""
    n = r.shape[-1]
    gaps = r[..., :, None] - r[..., None, :]
    curvature = w * numerics.sigmoid(gaps) * numerics.sigmoid(-gaps)
    hessian = -curvature
    hessian[..., np.arange(n), np.arange(n)] += curvature.sum(-1) + ridge
    # constant vectors are free; pin them at the scale of the rest
    scale = np.trace(hessian, axis1=-2, axis2=-1)[..., None, None] / n**2
    gradient = _gradient(P, w, ridge, r)
    step = np.linalg.solve(hessian + np.where(scale > 0, scale, 1), gradient[..., None])[..., 0]
    start = _loss(P, w, ridge, r)
    size = np.ones(r.shape[:-1])
    for _ in range(40):
        moved = r - size[..., None] * step
        worse = _loss(P, w, ridge, moved) > start + 1e-15 * np.maximum(1, abs(start))
        if not worse.any():
            break
        size = np.where(worse, size / 2, size)
    return np.asarray(moved - moved.mean(-1, keepdims=True))


def _components(wins: NDArray[np.bool_], names: Sequence[str]) -> str:
    """Why the maximum of one context is infinite or not unique: the components of its wins."""
    graph = nx.from_numpy_array(wins, create_using=nx.DiGraph)
    if not nx.is_weakly_connected(graph):
        groups = [[names[k] for k in sorted(c)] for c in nx.weakly_connected_components(graph)]
        shown = ", ".join("{" + ", ".join(group) + "}" for group in groups[:6])
        return (
            f"RlhfExact: the Bradley-Terry maximum is not unique: no comparison joins {shown}"
            f"{', ...' if len(groups) > 6 else ''}; compare across them, or set ridge > 0"
        )
    order = nx.topological_sort(nx.condensation(graph))
    members = nx.condensation(graph).nodes(data="members")
    parts = [[names[k] for k in sorted(members[c])] for c in order]
    shown = " > ".join("{" + ", ".join(part) + "}" for part in parts[:6])
    return (
        "RlhfExact: the Bradley-Terry maximum is infinite: nothing in a later component ever wins "
        f"against an earlier one: {shown}{' > ...' if len(parts) > 6 else ''}; compare more pairs, "
        "or set ridge > 0"
    )


def _reaches_all(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether node 0 reaches every node, for each context."""
    reached = np.zeros(edges.shape[:-1], dtype=bool)
    reached[..., 0] = True
    while True:
        grown = reached | (reached[..., :, None] & edges).any(-2)
        if np.array_equal(grown, reached):
            return np.asarray(reached.all(-1))
        reached = grown
