"""Equally good answers above a worse one: what is left is the reference's choice."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from games.errors import GameError
from games.game import PreferenceGame
from games.known import at_zero_tau
from games.validation import numbers


def ties(ref: Sequence[float] = (0.4, 0.3, 0.2, 0.1), margin: float = 0.3) -> PreferenceGame:
    """All answers tie except the last, which loses to each of the others.

    Every lottery over the tied answers is maximal; at tau = 0 all three concepts give ``ref``
    restricted to them.

    Parameters
    ----------
    ref : n >= 2 floats > 0 that sum to 1
    margin : float in (0, 1/2)
        P - 1/2 of the others against the last.

    Raises
    ------
    GameError
        If a parameter is out of range.
    """
    weights = numbers("ties", "ref", ref, None)
    m = float(numbers("ties", "margin", margin))
    if len(weights) < 2 or not 0 < m < 0.5:
        raise GameError(
            f"ties: got {len(weights)} answers and margin {margin}, "
            "expected at least 2 answers and a margin in (0, 1/2)"
        )
    P = np.full((len(weights), len(weights)), 0.5)
    P[:-1, -1] += m
    P[-1, :-1] -= m
    game = PreferenceGame(P, weights)
    tied = np.append(game.ref[:-1], 0) / game.ref[:-1].sum()
    known = at_zero_tau("derived: symmetry", rlhf=tied, nlhf=tied, slhf=tied)
    return replace(game, known=known)
