"""Preferences that a reward explains: Bradley and Terry, Biometrika 1952."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from games import numerics
from games.game import DENSE_LIMIT, Known, PreferenceGame
from games.known import at_zero_tau, best
from games.score_game import ScoreGame
from games.validation import numbers


def bradley_terry(
    rewards: Sequence[float] = (1.2, 0.7, 0.1, -0.6, -1.4), ref: Sequence[float] | None = None
) -> PreferenceGame:
    """P[i, j] = sigmoid(r_i - r_j): transitive, and the one case in which RLHF's model is true.

    RLHF then is ref exp(r / tau) whichever pairs were compared, and at tau = 0 all concepts give
    the answers of highest reward. Above 5,000 answers the game is a ``ScoreGame``.

    Parameters
    ----------
    rewards : n floats
        In log-odds; only differences matter.
    ref : n floats > 0 that sum to 1; uniform if left out

    Raises
    ------
    GameError
        If ``rewards`` is empty or not finite.
    """
    r = numbers("bradley_terry", "rewards", rewards, None)
    if len(r) > DENSE_LIMIT:
        return ScoreGame(np.stack([r, np.ones_like(r)], 1), [[0, 1], [-1, 0]], "logistic", ref)
    game = PreferenceGame(numerics.sigmoid(r[:, None] - r), ref)
    top = best(r, game.ref)
    source = "derived: the reward is recovered"
    known = at_zero_tau(source, rlhf=top, nlhf=top, slhf=top)
    tilted = np.exp(numerics.log_softmax(game.log_ref + r / 0.1))
    known += (Known("rlhf_exact", {"tau": 0.1}, tilted, source),)
    return replace(game, known=known)
