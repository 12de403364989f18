"""A game in which the references of leader and follower are far from uniform."""

from dataclasses import replace

import numpy as np

from games import validation
from games.catalogue.condorcet import condorcet
from games.errors import GameError
from games.game import PreferenceGame

_CYCLE = condorcet((1 / 3, 1 / 3, 1 / 3))


def laddered(game: PreferenceGame = _CYCLE, ratio: float = 8.0) -> PreferenceGame:
    """The game with references that fall geometrically, ``ratio`` times from first to last answer.

    The leader's falls in the order of the answers; the follower's, given an answer, falls around
    the circle of answers that begins with it, so it mostly repeats the answer, whatever P is.
    Language models learn this behaviour by supervised fine-tuning before preference training.

    Parameters
    ----------
    game : PreferenceGame
    ratio : float > 0
        First over last; 1 is uniform, below 1 the references rise.

    Raises
    ------
    GameError
        If the ratio is not a positive number.
    """
    size = float(validation.numbers("laddered", "ratio", ratio))
    if not size > 0:
        raise GameError(f"laddered: ratio is {ratio!r}, expected a number > 0")
    ladder = size ** (-np.arange(game.n) / max(1, game.n - 1))
    ladder = ladder / ladder.sum()
    circle = np.array([np.roll(ladder, y) for y in range(game.n)])
    return replace(
        game,
        ref=np.broadcast_to(ladder, (*game.batch, game.n)),
        ref_follower=np.broadcast_to(circle, (*game.batch, game.n, game.n)),
        known=(),
    )
