"""Rewards of a Bradley-Terry model by maximum likelihood, and the comparisons that have none.

Bradley and Terry, Biometrika 1952; existence of the fit: Ford, Amer. Math. Monthly 1957.

Arguments of the functions: ``P`` (..., n, n) the share of wins of each pair; ``w`` (..., n, n) its
weight, symmetric, sum_{i<j} w_ij = 1 (``mean_weights``); ``ridge`` (...), >= 0, the weight of a
penalty; ``r`` (..., n) rewards in log-odds.
"""

from collections.abc import Sequence

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from games import numerics
from games.certificate import Reasons
from games.validation import Float

_MAX_STEPS = 200


def mean_weights(pairs: Float) -> Float:
    """Weights of pairs divided by their sum over i < j, unless it is 0."""
    total = pairs.sum((-1, -2), keepdims=True) / 2
    return np.asarray(pairs / np.where(total > 0, total, 1))


def reward_loss(P: Float, w: Float, ridge: float | Float, r: Float) -> Float:
    """Loss of the rewards: sum_ij w_ij P_ij log(1 + exp(r_j - r_i)) + ridge / 2 |r|^2; (...)."""
    gaps = r[..., :, None] - r[..., None, :]
    likelihood = (w * P * np.logaddexp(0, -gaps)).sum((-1, -2))
    return np.asarray(likelihood + np.asarray(ridge) / 2 * (r**2).sum(-1))


def reward_gradient(P: Float, w: Float, ridge: float | Float, r: Float) -> Float:
    """Gradient (..., n) of that loss: sum_j w_ij (sigmoid(r_i - r_j) - P_ij) + ridge r_i."""
    off = numerics.sigmoid(r[..., :, None] - r[..., None, :]) - P
    # read off the loser's side, where the digits of tiny probabilities are
    off = np.where(P <= 0.5, off, -np.swapaxes(off, -1, -2))
    return np.asarray((w * off).sum(-1) + np.asarray(ridge)[..., None] * r)


def fit_rewards(P: Float, w: Float, ridge: float | Float = 0.0) -> Float:
    """The rewards (..., n) that minimise ``reward_loss``, summing to 0, by damped Newton steps.

    At ridge = 0 every context must have a finite fit (``why_infinite``); elsewhere the result
    depends on when the steps end.
    """
    batch, n = P.shape[:-2], P.shape[-1]
    tables, weights = P.reshape(-1, n, n), np.broadcast_to(w, P.shape).reshape(-1, n, n)
    penalty = np.broadcast_to(ridge, batch).reshape(-1)
    r = np.zeros((len(tables), n))
    active = np.arange(len(tables))
    for _ in range(_MAX_STEPS):
        if active.size == 0:
            break
        before = r[active]
        r[active] = newton_step(tables[active], weights[active], penalty[active], before)
        moved = abs(r[active] - before).max(-1)
        active = active[moved > 1e-13 * np.maximum(1, abs(before).max(-1))]
    return np.asarray(r.reshape(*batch, n))


def newton_step(P: Float, w: Float, ridge: Float, r: Float) -> Float:
    """One step against the weighted Laplacian, halved until the loss does not rise."""
    n = r.shape[-1]
    gaps = r[..., :, None] - r[..., None, :]
    curvature = w * numerics.sigmoid(gaps) * numerics.sigmoid(-gaps)
    hessian = -curvature
    hessian[..., np.arange(n), np.arange(n)] += curvature.sum(-1) + ridge[..., None]
    # constant vectors are free; pin them at the scale of the rest
    scale = np.trace(hessian, axis1=-2, axis2=-1)[..., None, None] / n**2
    slope = reward_gradient(P, w, ridge, r)
    step = np.linalg.solve(hessian + np.where(scale > 0, scale, 1), slope[..., None])[..., 0]
    start = reward_loss(P, w, ridge, r)
    size = np.ones(r.shape[:-1])
    for _ in range(40):
        moved = r - size[..., None] * step
        worse = reward_loss(P, w, ridge, moved) > start + 1e-15 * np.maximum(1, abs(start))
        if not worse.any():
            break
        size = np.where(worse, size / 2, size)
    return np.asarray(moved - moved.mean(-1, keepdims=True))


def why_infinite(P: Float, w: Float, names: Sequence[str]) -> Reasons:
    """Why the maximum at ridge = 0 is infinite or not unique; "" where it is finite; (...).

    It is finite if and only if the graph of wins is strongly connected (Ford's condition).
    """
    n = P.shape[-1]
    wins = ((w > 0) & (P > 0)).reshape(-1, n, n)
    message = np.full(len(wins), "", dtype=object)
    infinite = ~(_reaches_all(wins) & _reaches_all(np.swapaxes(wins, -1, -2)))
    for k in np.flatnonzero(infinite):
        message[k] = _components(wins[k], names)
    return message.astype(np.str_).reshape(P.shape[:-2])


def _components(wins: NDArray[np.bool_], names: Sequence[str]) -> str:
    """Why the maximum of one context is infinite or not unique: the components of its wins."""
    graph = nx.from_numpy_array(wins, create_using=nx.DiGraph)
    if not nx.is_weakly_connected(graph):
        groups = [[names[k] for k in sorted(c)] for c in nx.weakly_connected_components(graph)]
        shown = ", ".join("{" + ", ".join(group) + "}" for group in groups[:6])
        return (
            f"the Bradley-Terry maximum is not unique: no comparison joins {shown}"
            f"{', ...' if len(groups) > 6 else ''}; compare across them, or set ridge > 0"
        )
    order = nx.topological_sort(nx.condensation(graph))
    members = nx.condensation(graph).nodes(data="members")
    parts = [[names[k] for k in sorted(members[c])] for c in order]
    shown = " > ".join("{" + ", ".join(part) + "}" for part in parts[:6])
    return (
        "the Bradley-Terry maximum is infinite: nothing in a later component ever wins "
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
