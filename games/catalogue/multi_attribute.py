"""Answers scored on several attributes; the majority of attributes decides.

The judge of Pasztor et al. 2025, arXiv:2512.16626, on HelpSteer2 (five attributes).
"""

import numpy as np

from games.errors import GameError
from games.game import PreferenceGame
from games.population import Population, majority
from games.validation import count, numbers


def multi_attribute(
    n: int = 10, attributes: int = 5, correlation: float = 0.5, *, rng: np.random.Generator
) -> PreferenceGame:
    """P[i, j] = share of the attributes on which i scores higher than j, ties half.

    Scores are standard normal, with the same correlation between any two attributes. The
    population has a type for each attribute, who cares about nothing else. How often the
    majorities form a cycle grows with n: with 20 answers and 5 attributes in about 100, 99.7, 93
    and 55 % of games at correlations 0, .5, .8 and .95, so a share of cyclic prompts says little
    without the number of answers.

    Parameters
    ----------
    n : int >= 2
    attributes : int in [1, 1000]
    correlation : float in [0, 1]

    Raises
    ------
    GameError
        If a number is out of range.
    """
    n = count("multi_attribute", "n", n, 2)
    k = count("multi_attribute", "attributes", attributes, 1, 1000)
    c = float(numbers("multi_attribute", "correlation", correlation))
    if not 0 <= c <= 1:
        raise GameError(f"multi_attribute: correlation is {correlation}, expected one in [0, 1]")
    shared, specific = rng.standard_normal(n), rng.standard_normal((k, n))
    people = Population(np.full(k, 1 / k), np.sqrt(c) * shared + np.sqrt(1 - c) * specific)
    return PreferenceGame(majority(people), population=people)
