"""Random dictator: a user type is drawn by its share, and its favourite is the answer.

Gibbard, Manipulation of schemes that mix voting with chance, Econometrica 1977.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from games.population import Population
from solvers.solver import Certificate, Concept, ExactSolver, Reasons, Solution


@dataclass(frozen=True)
class RandomDictator(ExactSolver):
    """pi(i) = sum over types of share times [i is its favourite], tied favourites by ``ref``.

    The only baseline that reads people and not P. No type with one favourite gains by reporting
    another one; otherwise a type's report changes nothing. Without a population the answer is
    undefined.
    """

    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = "Gibbard 1977, Econometrica 45"

    def undefined(self, game: PreferenceGame) -> Reasons:
        """That the game has no population, in every context; else ""."""
        reason = (
            "RandomDictator: the game has no population to draw a type from; choose a game with "
            "user types, or give it a Population"
        )
        return np.full(game.batch, "" if game.population is not None else reason)

    def compute(self, game: PreferenceGame) -> Solution:
        """The closed form, certified by what every answer gets from types with one favourite."""
        people = game.population
        assert people is not None  # else undefined
        weights = people.favourites * game.ref[..., None, :]
        weights = weights / weights.sum(-1, keepdims=True)
        policy = (people.shares[..., None] * weights).sum(-2)
        policy = policy / policy.sum(-1, keepdims=True)
        condition = "each answer has the shares of its types, and at most those of who ties on it"
        certificate = Certificate(condition, _outside(people, policy), 1e-9)
        return Solution(numerics.log(policy), certificate)


def _outside(people: Population, policy: Float) -> Float:
    """How far the policy leaves the bounds that the favourites set, shape (...)."""
    favourites = people.favourites
    sole = favourites & (favourites.sum(-1, keepdims=True) == 1)
    least, most = ((people.shares[..., None] * some).sum(-2) for some in (sole, favourites))
    return np.asarray(np.maximum(least - policy, policy - most).max(-1).clip(0))
