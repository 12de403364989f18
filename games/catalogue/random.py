"""Random preferences and a random reference.

Zhou et al. 2025, arXiv:2503.08942 (EGPO), numerical simulations.
"""

import numpy as np

from games import numerics
from games.game import PreferenceGame
from games.validation import count


def random(n: int = 10, *, rng: np.random.Generator) -> PreferenceGame:
    """P uniform in [0, 1] below the diagonal; reference logits from N(0, 1).

    Raises
    ------
    GameError
        If n is below 2 or more than a table holds.
    """
    n = count("random", "n", n, 2)
    below = np.tril(rng.random((n, n)) - 0.5, -1)
    ref = np.exp(numerics.log_softmax(rng.standard_normal(n)))
    return PreferenceGame(0.5 + below - below.T, ref)
