"""Changes of which pairs are compared, and how often."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from games import PreferenceGame
from games.game import Float

_CONCENTRATION = 0.8
_MOST_SAMPLERS = 12


def changes(game: PreferenceGame, most_pairs: int) -> Iterator[tuple[dict[str, Any], Float]]:
    """Pairs of the labels of a change and the pair weights (..., n, n) that it leads to.

    First no change; then each compared pair is left out in turn, unless nothing remains; then both
    answers of a comparison are drawn from the same policy: the reference, and for each answer the
    policy that gives it .8 and the others the rest in equal parts.

    Parameters
    ----------
    game : PreferenceGame
    most_pairs : int >= 1
        With more pairs than this, only evenly spaced ones are left out in turn; the label
        ``pairs_in_all`` gives their number.
    """
    weights, names = game.pair_weights, game.names
    yield {"change": "none"}, weights
    i, j = np.triu_indices(game.n, 1)
    compared = np.flatnonzero((weights[..., i, j] > 0).any(axis=tuple(range(len(game.batch)))))
    stride = -(-len(compared) // most_pairs)
    thinned = {"pairs_in_all": len(compared)} if stride > 1 else {}
    for k in compared[::stride]:
        without = weights.copy()
        without[..., i[k], j[k]] = without[..., j[k], i[k]] = 0
        if (without.sum((-1, -2)) > 0).all():
            pair = [names[i[k]], names[j[k]]]
            yield {"change": "missing", "pair": pair, **thinned}, without
    samplers = {"ref": game.ref}
    for k, name in enumerate(names[:_MOST_SAMPLERS] if game.n > 1 else ()):
        rest = (1 - _CONCENTRATION) / (game.n - 1)
        samplers[name] = np.where(np.arange(game.n) == k, _CONCENTRATION, rest)
    for name, mu in samplers.items():
        product = mu[..., :, None] * mu[..., None, :]
        yield {"change": "sampled_from", "policy": name}, np.broadcast_to(product, game.P.shape)
