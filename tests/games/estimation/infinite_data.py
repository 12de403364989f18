"""Tables as comparisons without sampling error, and tables that some models cannot express."""

import numpy as np

from games import Comparisons
from games.game import Float


def exact(P: Float, weights: Float | None = None) -> Comparisons:
    """The comparisons that an endless sample from P tends to, in proportion to ``weights``."""
    n = P.shape[-1]
    w = 1 - np.eye(n) if weights is None else weights
    return Comparisons(np.asarray(P) * w)


def sigmoid(r: Float) -> Float:
    """P of a Bradley-Terry model."""
    return np.asarray(1 / (1 + np.exp(-np.subtract.outer(r, r))))


def cycle(n: int, margin: float) -> Float:
    """Each of n answers beats the next (n - 1) / 2 by ``margin``; the rows of P - 1/2 sum to 0."""
    P = np.full((n, n), 0.5)
    for i in range(n):
        for step in range(1, (n + 1) // 2):
            j = (i + step) % n
            P[i, j], P[j, i] = 0.5 + margin, 0.5 - margin
    return P


def beside_a_cycle(margin: float, loser: bool) -> Float:
    """A 3-cycle of margin .3, and a fourth answer that beats all of it (or loses to all)."""
    P = np.full((4, 4), 0.5)
    P[:3, :3] = cycle(3, 0.3)
    P[3, :3], P[:3, 3] = 0.5 + margin, 0.5 - margin
    return 1 - P if loser else P


def accuracy(P: Float, estimate: Float) -> float:
    """Share of the pairs whose likelier winner is that of P; a tie counts half."""
    i, j = np.triu_indices(len(P), 1)
    guess = np.sign(np.round(estimate[i, j] - 0.5, 6))
    return float((1 + guess * np.sign(P[i, j] - 0.5)).mean() / 2)


def entropy(P: Float) -> float:
    """Least log-loss on an endless sample from P in which every pair is equally frequent."""
    i, j = np.triu_indices(len(P), 1)
    p = P[i, j]
    return float(-(p * np.log(p) + (1 - p) * np.log(1 - p)).mean())
