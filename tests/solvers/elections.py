"""Elections with published winners, as ballots, and the routes by which tests count them."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from games.game import Float

SCHULZE_2011 = {
    "ACBED": 5, "ADECB": 5, "BEDAC": 8, "CABED": 3, "CAEBD": 7, "CBADE": 2, "DCEBA": 7, "EBADC": 8,
}  # fmt: skip
"""45 voters: Schulze's rule takes E."""

TENNESSEE = {"MNCK": 42, "NCKM": 26, "CKNM": 15, "KCNM": 17}
"""The capital of Tennessee: Nashville beats every other city. In the order K, C, M, N."""


def table_of(ballots: Mapping[str, int]) -> Float:
    """P of complete rankings, answers in the order of the alphabet."""
    names = sorted(next(iter(ballots)))
    P = np.full((len(names), len(names)), 0.5)
    for (i, a), (j, b) in itertools.permutations(enumerate(names), 2):
        P[i, j] = sum(count for order, count in ballots.items() if order.index(a) < order.index(b))
        P[i, j] /= sum(ballots.values())
    return P


def simple_paths(n: int, start: int, end: int) -> Iterator[tuple[int, ...]]:
    """Every path from start to end that visits no answer twice."""
    others = [k for k in range(n) if k not in (start, end)]
    for length in range(n - 1):
        for inner in itertools.permutations(others, length):
            yield (start, *inner, end)


def schulze_winners(P: Float) -> list[int]:
    """By all simple paths, in the margins of the definition."""
    n, margins = len(P), P - P.T

    def width(i: int, j: int) -> float:
        every = simple_paths(n, i, j)
        return max(min(float(margins[a, b]) for a, b in itertools.pairwise(p)) for p in every)

    return [
        i for i in range(n) if all(width(i, j) >= width(j, i) - 1e-9 for j in range(n) if j != i)
    ]


def ranked_pairs_winners(P: Float) -> list[int]:
    """Tops of the orders that affirm the strongest majorities, the first of them first.

    For majorities of distinct strength: the rankings that are largest in lexicographic order of
    what they affirm, the majorities being sorted from the strongest on.
    """
    n = len(P)
    pairs = [(i, j) for i, j in itertools.permutations(range(n), 2) if P[i, j] > 0.5 + 1e-9]
    pairs.sort(key=lambda pair: -P[pair])

    def affirmed(order: tuple[int, ...]) -> list[bool]:
        return [order.index(i) < order.index(j) for i, j in pairs]

    every = {order: affirmed(order) for order in itertools.permutations(range(n))}
    best = max(every.values())
    return sorted({order[0] for order, kept in every.items() if kept == best})
