"""The random games that the benchmarks solve."""

import numpy as np

from games import PreferenceGame


def random_game(n: int, *contexts: int) -> PreferenceGame:
    """Uniform preferences and a reference with logits N(0, 1); the same game at every call."""
    rng = np.random.default_rng(0)
    P = np.triu(rng.random((*contexts, n, n)), 1)
    P += np.tril(1 - np.swapaxes(P, -1, -2), -1) + np.eye(n) / 2
    ref = np.exp(rng.normal(size=(*contexts, n)))
    return PreferenceGame(P, ref / ref.sum(-1, keepdims=True))
