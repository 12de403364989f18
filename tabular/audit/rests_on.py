"""What an answer rests on: pairs, raters and prompts left out, and the fewest labels to reverse."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from games import Comparisons, numerics
from games.game import Float
from solvers import Solver
from tabular.audit.votes import Ints, Votes, game_of
from tabular.derivatives import Derivative, derivative
from tabular.smallest_flip import smallest_flip

_SOLVED_AGAIN = 20
_MOST_ANSWERS = 20


@dataclass(frozen=True)
class Influence:
    """What leaving something out does to an answer.

    Attributes
    ----------
    what : str
        "pair", or the kind of cluster.
    key : str or pair of ints
        The name of the cluster, or the two answers.
    shift : float in [0, 1]
        Total variation between the answer with it and without.
    votes : float
        Comparisons left out.
    """

    what: str
    key: str | tuple[int, int]
    shift: float
    votes: float


@dataclass(frozen=True)
class RestsOn:
    """What the answer of one concept rests on.

    Attributes
    ----------
    concept : str
    left_out : list of Influence
        The most influential pairs, and clusters of each kind, the largest shift first.
    fewest_flips : float, or NaN
        Labels whose reversal makes another answer at least as likely at tau = 0, as found.
    at_least : int
        No smaller set does.
    flips : list of (winner, loser, labels)
        That set; empty if none was found.
    message : str
        Why there is no such set.
    """

    concept: str
    left_out: list[Influence]
    fewest_flips: float
    at_least: int
    flips: list[tuple[int, int, int]]
    message: str = ""


def rests_on(concept: str, smooth: Solver, sharp: Solver, votes: Votes) -> RestsOn:
    """The influence on a smooth answer, and the fewest flips that turn it at tau = 0.

    Pairs and clusters are ranked by the first-order response of the answer (``derivative``); the
    first twenty of a kind are then left out and solved again, and those shifts are reported.

    Parameters
    ----------
    concept : str
    smooth : Solver
        The concept at a strength at which its answer moves smoothly; shifts are measured there.
    sharp : Solver
        The concept at tau = 0.
    votes : Votes
    """
    low, high = np.minimum(votes.first, votes.second), np.maximum(votes.first, votes.second)
    code, pair = np.unique(low * votes.n + high, return_inverse=True)
    pairs = [
        replace(i, key=divmod(int(code[int(str(i.key))]), votes.n))
        for i in _left_out("pair", pair, smooth, votes)
    ]
    clusters = [
        i for kind, key in votes.clusters.items() for i in _left_out(kind, key, smooth, votes)
    ]
    return RestsOn(concept, [*pairs, *clusters], *_fewest_flips(sharp, votes))


def _left_out(what: str, key: Ints, solver: Solver, votes: Votes) -> list[Influence]:
    """The clusters whose votes move the answer most when they are left out."""
    names, of = np.unique(key, return_inverse=True)
    n = votes.n
    whole = votes.points
    place, value, vote = votes.cells
    parts = sparse.csr_array((value, (of[vote], place)), shape=(len(names), n * n))
    game = game_of(whole)
    before = solver.solve(game)
    response = derivative(solver, game, before)
    first = _linear(parts, whole, response)
    order = np.argsort(-first, kind="stable")[:_SOLVED_AGAIN]
    rest = whole - parts[order].toarray().reshape(-1, n, n)
    after = solver.solve(game_of(np.maximum(rest, 0.0)))
    shifts = numerics.total_variation(after.policy, before.policy)
    weights = np.bincount(of, votes.weight)
    found = [
        Influence(what, votes.cluster_name(what, int(names[c])), float(shift), float(weights[c]))
        for c, shift in zip(order, shifts, strict=True)
    ]
    return sorted(found, key=lambda i: -np.nan_to_num(i.shift, nan=2.0))


def _linear(parts: sparse.csr_array, points: Float, response: Derivative) -> Float:
    """Half the |change|_1 of the policy that the derivative promises when a part is left out."""
    n = len(points)
    i, j = np.triu_indices(n, 1)
    up, down = parts[:, i * n + j], parts[:, j * n + i]
    total = points[i, j] + points[j, i]
    out = np.zeros(parts.shape[0])
    by_P = response.by_P[:, i, j].T
    by_weight = response.by_weight[:, i, j].T
    every = total.sum()
    block = max(1, 4_000_000 // len(i))
    for start in range(0, parts.shape[0], block):
        rows = slice(start, start + block)
        won, removed = up[rows].toarray(), (up[rows] + down[rows]).toarray()
        left = total - removed
        share = np.divide(points[i, j] - won, left, out=np.full(left.shape, 0.5), where=left > 0)
        before = np.divide(points[i, j], total, out=np.full(total.shape, 0.5), where=total > 0)
        dw = left / np.maximum(left.sum(-1, keepdims=True), 1) - total / every
        change = (share - before) @ by_P + dw @ by_weight
        out[rows] = abs(change).sum(-1) / 2
    return np.nan_to_num(out)


def _fewest_flips(
    solver: Solver, votes: Votes
) -> tuple[float, int, list[tuple[int, int, int]], str]:
    data = votes.comparisons()
    if votes.n > _MOST_ANSWERS:
        why = f"more than {_MOST_ANSWERS} answers; the fewest labels are not searched for"
        return np.nan, 0, [], why
    whole = Comparisons(np.rint(data.wins), data.ties, data.names)
    found = smallest_flip(solver, whole)
    places = [] if found.flips is None else np.argwhere(found.flips).tolist()
    flips = [(i, j, int(found.flips[i, j])) for i, j in places]  # type: ignore[index]
    return found.size, found.at_least, flips, found.message
