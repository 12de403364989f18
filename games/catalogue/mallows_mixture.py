"""Groups of people with drawn central rankings and drawn sizes."""

import numpy as np

from games.catalogue.mallows import mallows
from games.game import PreferenceGame
from games.validation import count


def mallows_mixture(
    n: int = 5, groups: int = 3, phi: float = 0.4, *, rng: np.random.Generator
) -> PreferenceGame:
    """``mallows`` with ``groups`` uniform central rankings and uniform shares (Dirichlet(1, ...)).

    Parameters
    ----------
    n : int >= 2
    groups : int in [1, 1_000]
    phi : float in [0, 1]
        0: all rank as their group's centre; 1: all rankings alike.

    Raises
    ------
    GameError
        If a number is out of range.
    """
    n = count("mallows_mixture", "n", n, 2)
    groups = count("mallows_mixture", "groups", groups, 1, 1_000)
    centres = rng.permuted(np.tile(np.arange(n), (groups, 1)), axis=1)
    return mallows(centres.tolist(), rng.dirichlet(np.ones(groups)).tolist(), phi)
