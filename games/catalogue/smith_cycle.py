"""A cycle that beats everything below it."""

from collections.abc import Sequence

import numpy as np

from games.catalogue.skew_cycle import skew_cycle
from games.errors import GameError
from games.game import PreferenceGame
from games.known import at_zero_tau, best
from games.validation import numbers


def smith_cycle(
    margins: Sequence[float] = (0.1, 0.3, 0.2), below: Sequence[float] = (0.35, 0.45)
) -> PreferenceGame:
    """The cycle of ``skew_cycle`` on A, B, C, and answers that lose to all before them.

    The Smith set is {A, B, C}, and NLHF stays in it. SLHF need not: the leader loses as little as
    it can to its best follower, so an answer below whose margin is smaller than every margin of
    the cycle is chosen although all of A, B and C beat it; try ``below=(0.05,)``. By default the
    answers below are dominated and never chosen.

    Parameters
    ----------
    margins : 3 floats in (0, 1/2]
        P - 1/2 for A over B, B over C, C over A.
    below : floats in (0, 1/2]
        By how much each further answer loses to every answer before it.

    Raises
    ------
    GameError
        If a margin leaves (0, 1/2].
    """
    top = skew_cycle(margins)
    losses = numbers("smith_cycle", "below", below, None)
    if not ((losses > 0) & (losses <= 0.5)).all():
        raise GameError(f"smith_cycle: below is {below!r}, expected margins in (0, 1/2]")
    n = 3 + len(losses)
    M = np.zeros((n, n))
    M[:3, :3] = top.P - 0.5
    for k, loss in enumerate(losses, start=3):
        M[k, :k], M[:k, k] = -loss, loss
    nash, values = np.zeros(n), M.min(1)
    nash[:3] = np.roll(margins, -1) / np.sum(margins)
    known = at_zero_tau("derived: null vector of the cycle", nlhf=nash)
    known += at_zero_tau("derived: smallest loss", slhf=best(values))
    names = (*top.names, *(f"below {k}" for k in range(1, n - 2)))
    return PreferenceGame(0.5 + M, names=names, known=known)
