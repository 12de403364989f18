"""The papers' games by hand, independent of the catalogue."""

import numpy as np

from games import Population, PreferenceGame

ALPHA = (0.40, 0.35, 0.25)


def three_annotators(alpha: tuple[float, float, float] = ALPHA) -> PreferenceGame:
    """Shares of A > B > C, B > C > A and C > A > B; papers.md 1.3."""
    a1, a2, a3 = alpha
    P = [[0.5, a1 + a3, a1], [a2, 0.5, a1 + a2], [a2 + a3, a3, 0.5]]
    people = Population(alpha, [[2, 1, 0], [0, 2, 1], [1, 0, 2]])
    return PreferenceGame(P, names=["A", "B", "C"], population=people)


def three_types(epsilon: float) -> PreferenceGame:
    """Type 1 only insists on y2 > y1, type 2 on y1 > y3, type 3 on y3 > y2; papers.md 2.4, 4."""
    y21, other = 2 / 3 - epsilon / 2, 2 / 3 + epsilon / 4
    P = [[0.5, 1 - y21, other], [y21, 0.5, 1 - other], [1 - other, other, 0.5]]
    return PreferenceGame(P, names=["y1", "y2", "y3"])


def random_games(seed: int, contexts: int, n: int) -> PreferenceGame:
    """Uniform lower triangles and generic references."""
    rng = np.random.default_rng(seed)
    low = np.tril(rng.uniform(size=(contexts, n, n)), -1)
    P = low + np.triu(1 - np.swapaxes(low, -1, -2), 1)
    P[:, np.arange(n), np.arange(n)] = 0.5
    ref = np.exp(rng.normal(size=(contexts, n)))
    return PreferenceGame(P, ref / ref.sum(-1, keepdims=True))


def generators(role: str, *key: object) -> np.random.Generator:
    """An rng_for for tests: the same stream for the same role and key."""
    words = np.frombuffer(repr((role, key)).encode(), dtype=np.uint8)
    return np.random.default_rng(words.tolist())
