"""Votes that are drawn for the tests of the audit."""

import numpy as np

from games.game import Float
from tabular.audit.votes import Votes


def drawn(
    P: Float, per_pair: int, rng: np.random.Generator, *, tie: float = 0.0, copies: int = 1
) -> Votes:
    """Each pair compared ``per_pair`` times, each comparison repeated by its rater.

    Parameters
    ----------
    P : float array (n, n)
        Rate at which i is preferred to j.
    per_pair : int
        Comparisons by different raters.
    tie : float in [0, 1]
        Chance of a tie, drawn first.
    copies : int
        How often a rater gives the same vote.
    """
    n = len(P)
    i, j = np.triu_indices(n, 1)
    first, second = np.repeat(i, per_pair), np.repeat(j, per_pair)
    share = (rng.random(len(first)) < P[first, second]).astype(float)
    share[rng.random(len(first)) < tie] = 0.5
    rater = np.arange(len(first))
    first, second, share, rater = (np.repeat(x, copies) for x in (first, second, share, rater))
    clusters = {"rater": rater} if copies > 1 else {}
    return Votes(first, second, share, np.ones(len(first)), tuple("ABCDEFGHIJ"[:n]), clusters)


def bradley_terry(rewards: Float) -> Float:
    """P = sigmoid(r_i - r_j)."""
    return np.asarray(1 / (1 + np.exp(rewards[None, :] - rewards[:, None])))


def cycle(margin: float) -> Float:
    """Three answers, each ahead of the next by ``margin``."""
    up, down = 0.5 + margin, 0.5 - margin
    return np.array([[0.5, up, down], [down, 0.5, up], [up, down, 0.5]])
