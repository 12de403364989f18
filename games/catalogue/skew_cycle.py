"""A three-cycle with unequal margins and an unequal reference."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from games.errors import GameError
from games.game import PreferenceGame
from games.known import at_zero_tau, best
from games.validation import numbers


def skew_cycle(
    margins: Sequence[float] = (0.1, 0.3, 0.2), ref: Sequence[float] = (0.2, 0.3, 0.5)
) -> PreferenceGame:
    """A beats B, B beats C and C beats A, each with its own margin.

    P - 1/2 is skew of rank 2; its null vector (m_BC, m_CA, m_AB) is the only maximal lottery. The
    SLHF leader is the answer that loses least, RLHF's the one that wins most beyond its loss.

    Parameters
    ----------
    margins : 3 floats in (0, 1/2]
        P - 1/2 for A over B, B over C, C over A.
    ref : 3 floats > 0 that sum to 1
        Reference policy; unequal, so that no solver starts at an answer.

    Raises
    ------
    GameError
        If a margin leaves (0, 1/2]: the cycle would break.
    """
    m = numbers("skew_cycle", "margins", margins, 3)
    if not ((m > 0) & (m <= 0.5)).all():
        raise GameError(
            f"skew_cycle: margins are {margins!r}, expected three in (0, 1/2]; "
            "to turn the cycle round, swap two answers"
        )
    wins, losses = m, np.roll(m, 1)
    M = np.zeros((3, 3))
    M[[0, 1, 2], [1, 2, 0]] = wins
    game = PreferenceGame(0.5 + M - M.T, ref, names=("A", "B", "C"))
    known = at_zero_tau(
        "derived: Borda winner, null vector and smallest loss",
        rlhf=best(wins - losses, game.ref),
        nlhf=np.roll(m, -1) / m.sum(),
        slhf=best(-losses, game.ref),
    )
    return replace(game, known=known)
