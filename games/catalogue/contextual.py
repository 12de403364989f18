"""Many prompts at once, each with a different game."""

from collections.abc import Callable, Sequence

import numpy as np

from games.catalogue.multi_attribute import multi_attribute
from games.catalogue.random import random
from games.errors import GameError
from games.game import PreferenceGame
from games.validation import count

Family = Callable[[np.random.Generator], PreferenceGame]
"""A function that draws a game."""

_FAMILIES: tuple[Family, ...] = (
    lambda rng: random(rng=rng),
    lambda rng: multi_attribute(rng=rng),
)


def contextual(
    families: Sequence[Family] = _FAMILIES, contexts: int = 20, *, rng: np.random.Generator
) -> PreferenceGame:
    """``contexts`` games drawn from the families in turn, as the contexts of one game.

    Parameters
    ----------
    families : one or more functions rng -> PreferenceGame
        In a spec: games as plain data. All over equally many answers.
    contexts : int in [1, 1_000_000]

    Raises
    ------
    GameError
        If there is no family, or the games differ in shape.
    """
    contexts = count("contextual", "contexts", contexts, 1, 1_000_000)
    if not isinstance(families, list | tuple) or not families or not all(map(callable, families)):
        raise GameError(
            f"contextual: families is {families!r}, expected a list of one or more games"
        )
    drawn = [families[k % len(families)](rng) for k in range(contexts)]
    return PreferenceGame.stack(drawn)
