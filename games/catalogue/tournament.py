"""A random tournament: every pair is decided for certain, by a fair coin."""

import numpy as np

from games.game import PreferenceGame
from games.validation import count


def tournament(n: int = 10, *, rng: np.random.Generator) -> PreferenceGame:
    """P[i, j] is 0 or 1 with equal probability, independently for each pair.

    The maximal lottery is unique and has an odd support (Laffond et al. 1993; Fisher and Ryan
    1995); the Bradley-Terry fit is infinite unless every answer beats every other along a path.

    Raises
    ------
    GameError
        If n is below 2 or more than a table holds.
    """
    n = count("tournament", "n", n, 2)
    upper = np.triu(np.where(rng.random((n, n)) < 0.5, -0.5, 0.5), 1)
    return PreferenceGame(0.5 + upper - upper.T)
