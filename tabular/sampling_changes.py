"""Changes of which pairs are compared, and how often."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from games import Comparisons, PreferenceGame
from games.game import Float
from tabular.estimates import unlimited
from tabular.experiment import RngFor

Change = tuple[dict[str, Any], Float]
"""The labels of a change, and the pair weights (..., n, n) that it leads to."""

_CONCENTRATION = 0.8
_MOST_SAMPLERS = 12


def changes(game: PreferenceGame, most_pairs: int) -> Iterator[Change]:
    """Changes of the sampling, one at a time.

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
    for k in compared[:: max(1, stride)]:
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


def compared(
    game: PreferenceGame, listed: list[Change], n_comparisons: int | None, rng_for: RngFor
) -> Comparisons:
    """The comparisons under each change, one context a change.

    Finite data has one context more: a second, independent data set under the first change.
    """
    sampled = [replace(game, pairs=weights) for _, weights in listed]
    if n_comparisons is None:
        return unlimited(PreferenceGame.stack(sampled))
    keys: list[tuple[Any, ...]] = [(change, n_comparisons) for change, _ in listed]
    keys.append((*keys[0], "second data set"))
    wins = [
        Comparisons.sample(under, n_comparisons, rng_for("data", *key)).wins
        for under, key in zip([*sampled, sampled[0]], keys, strict=True)
    ]
    return Comparisons(np.stack(wins), names=game.names)
