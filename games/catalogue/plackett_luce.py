"""People who choose the best of what is left, one answer after the other.

Luce 1959; Plackett, Applied Statistics 1975: rankings by utility plus Gumbel noise.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from games import numerics
from games.game import Float, PreferenceGame
from games.population import MOST_RANKED, every_order, rankings
from games.validation import mixture, numbers


def plackett_luce(
    utilities: Sequence[Sequence[float]] = (
        (2.0, 0.0, -2.0, -3.0),
        (-2.0, 2.0, 0.0, -3.0),
        (0.0, -2.0, 2.0, -3.0),
    ),
    shares: Sequence[float] = (0.40, 0.35, 0.25),
) -> PreferenceGame:
    """Groups with noisy rankings: P[i, j] = sum_g share_g sigmoid(u_gi - u_gj).

    One group is a Bradley-Terry game; a mixture is none and can form a cycle, as it does by
    default. ``population`` lists all rankings up to 7 answers, else it is None.

    Parameters
    ----------
    utilities : float array (groups, n)
        In log-odds; only differences within a group matter.
    shares : floats > 0 that sum to 1
        Size of each group.

    Raises
    ------
    GameError
        If shapes do not fit or ``shares`` do not sum to 1.
    """
    u = numbers("plackett_luce", "utilities", utilities, None, None)
    weights = mixture("plackett_luce", "shares", shares, len(u))
    P = np.tensordot(weights, numerics.sigmoid(u[:, :, None] - u[:, None, :]), axes=1)
    people = None
    if u.shape[1] <= MOST_RANKED:
        every = every_order(u.shape[1])
        people = rankings(weights @ np.array([_likelihood(every, row) for row in u]), every)
    return PreferenceGame(P, population=people)


def _likelihood(orders: NDArray[np.int64], u: Float) -> Float:
    """Product over places of exp(u of the answer there) / sum of exp(u of those from there on)."""
    ranked = u[orders]
    rest = np.logaddexp.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(np.exp((ranked - rest).sum(1)))
