"""A drawn reward and a drawn cycle in the same preferences."""

import numpy as np

from games import numerics
from games.catalogue.random import random
from games.errors import GameError
from games.game import PreferenceGame
from games.measures import hodge_margins
from games.validation import count, numbers


def bradley_terry_cycle(
    n: int = 5, spread: float = 1.0, cycle: float = 1.0, *, rng: np.random.Generator
) -> PreferenceGame:
    """P[i, j] = sigmoid(r_i - r_j + C[i, j]) with r from N(0, spread^2) and cyclic C.

    C is the cyclic part (row sums 0) of a uniform skew-symmetric matrix, scaled so that its
    entries off the diagonal have root mean square ``cycle``.

    Parameters
    ----------
    n : int >= 3
    spread, cycle : float >= 0
        In log-odds. cycle = 0 is a Bradley-Terry game.

    Raises
    ------
    GameError
        If n is below 3, which leaves no cycle, or a size is negative.
    """
    n = count("bradley_terry_cycle", "n", n, 3)
    sizes = [
        float(numbers("bradley_terry_cycle", key, value))
        for key, value in (("spread", spread), ("cycle", cycle))
    ]
    if min(sizes) < 0:
        raise GameError(
            f"bradley_terry_cycle: spread is {spread} and cycle {cycle}, expected numbers >= 0"
        )
    r = sizes[0] * rng.standard_normal(n)
    C = hodge_margins(random(n, rng=rng)).cyclic
    C *= sizes[1] / np.sqrt((C**2).sum() / (n * (n - 1)))
    return PreferenceGame(numerics.sigmoid(r[:, None] - r + C))
