"""Voters who prefer what is near: answers and voters are points.

Hotelling 1929; Downs 1957; as a random family e.g. Merrill 1984 (recalled, not checked).
"""

import numpy as np

from games.game import PreferenceGame
from games.population import Population, majority
from games.validation import count


def spatial(
    n: int = 5, voters: int = 25, dimensions: int = 2, *, rng: np.random.Generator
) -> PreferenceGame:
    """Answers and voters from N(0, I); utility = -distance; P[i, j] = share of voters nearer to i.

    On a line preferences are single-peaked and the majority never cycles (Black 1948); in the
    plane it rarely does.

    Parameters
    ----------
    n : int >= 2
    voters : int in [1, 100_000]
        Each is a user type of the population. An even number of them can tie.
    dimensions : int in [1, 1_000]

    Raises
    ------
    GameError
        If a number is out of range.
    """
    n = count("spatial", "n", n, 2)
    voters = count("spatial", "voters", voters, 1, 100_000)
    dimensions = count("spatial", "dimensions", dimensions, 1, 1_000)
    answers = rng.standard_normal((n, dimensions))
    points = rng.standard_normal((voters, dimensions))
    utilities = np.stack([-np.linalg.norm(points - answer, axis=1) for answer in answers], axis=1)
    people = Population(np.full(voters, 1 / voters), utilities)
    return PreferenceGame(majority(people), population=people)
