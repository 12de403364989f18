"""Voters who know nothing of each other: every ranking is equally likely for each.

Guilbaud 1952; Gehrlein and Fishburn, Public Choice 1976 (recalled, not checked).
"""

import numpy as np

from games.game import PreferenceGame
from games.population import majority, rankings
from games.validation import count


def impartial_culture(n: int = 5, voters: int = 25, *, rng: np.random.Generator) -> PreferenceGame:
    """P[i, j] = share of ``voters`` uniform, independent rankings that put i above j.

    With 3 answers and 3 voters the majority has no winner with probability 1/18, with many voters
    .0877. An even number of voters can tie.

    Parameters
    ----------
    n : int >= 2
    voters : int in [1, 100_000]
        Each is a user type of the population, although some may rank alike.

    Raises
    ------
    GameError
        If a number is out of range.
    """
    n = count("impartial_culture", "n", n, 2)
    voters = count("impartial_culture", "voters", voters, 1, 100_000)
    orders = rng.permuted(np.tile(np.arange(n), (voters, 1)), axis=1)
    people = rankings(np.ones(voters), orders)
    return PreferenceGame(majority(people), population=people)
