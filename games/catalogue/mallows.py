"""People who rank around a few central rankings, with mistakes.

Mallows, Biometrika 1957 (Kendall distance); pairwise probabilities: Fligner and Verducci, J. R.
Stat. Soc. B 1986.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from games.errors import GameError
from games.game import Float, PreferenceGame
from games.population import MOST_RANKED, every_order, rankings
from games.validation import mixture, numbers


def mallows(
    centres: Sequence[Sequence[int]] = ((0, 1, 2, 3), (1, 2, 0, 3), (2, 0, 1, 3)),
    shares: Sequence[float] = (0.40, 0.35, 0.25),
    phi: float = 0.2,
) -> PreferenceGame:
    """Groups whose members rank with probability proportional to phi^(swaps from the centre).

    One group is transitive; several can form a cycle, as they do by default. P is exact for any
    number of answers; ``population`` lists all rankings up to 7 answers, else it is None.

    Parameters
    ----------
    centres : one permutation of 0 .. n - 1 a group, best first
    shares : floats > 0 that sum to 1
        Size of each group.
    phi : float in [0, 1]
        0: all rank as the centre; 1: all rankings alike.

    Raises
    ------
    GameError
        If a centre is no permutation, or a parameter is out of range.
    """
    orders = numbers("mallows", "centres", centres, None, None)
    k, n = orders.shape
    if not (np.sort(orders, axis=1) == np.arange(n)).all():
        raise GameError(
            f"mallows: centres are {centres!r}, expected rankings of 0 to {n - 1}, each once a row"
        )
    weights = mixture("mallows", "shares", shares, k)
    spread = float(numbers("mallows", "phi", phi))
    if not 0 <= spread <= 1:
        raise GameError(f"mallows: phi is {phi}, expected a number in [0, 1]")
    places = np.argsort(orders, axis=1)
    offsets = places[:, None, :] - places[:, :, None]  # > 0: i before j
    ahead = _order_probability(spread, n)[abs(offsets)]
    P = np.tensordot(weights, np.where(offsets >= 0, ahead, 1 - ahead), axes=1)
    people = None
    if n <= MOST_RANKED:
        every = every_order(n)
        likely = np.array([_likelihood(every, row, spread) for row in places])
        people = rankings(weights @ likely, every)
    return PreferenceGame(P, population=people)


def _order_probability(phi: float, n: int) -> Float:
    """Probability that two answers at distance d keep their order, for d = 0 .. n - 1.

    sum_{t < d} (t + 1) phi^t / (S_d S_{d+1}) with S_d = sum_{t < d} phi^t, which is the quotient
    (d + 1) / (1 - phi^{d+1}) - d / (1 - phi^d) without its cancellation near phi = 1.
    """
    powers = phi ** np.arange(n)
    sums = np.cumsum(powers)
    probability = np.cumsum(np.arange(1, n) * powers[:-1]) / (sums[:-1] * sums[1:])
    return np.append(0.5, probability)


def _likelihood(orders: NDArray[np.int64], places: NDArray[np.int64], phi: float) -> Float:
    """phi^(number of pairs that each of ``orders`` inverts), normalised over the orders."""
    ranks = places[orders]
    i, j = np.triu_indices(orders.shape[1], 1)
    likely = phi ** (ranks[:, i] > ranks[:, j]).sum(1)
    return np.asarray(likely / likely.sum())
