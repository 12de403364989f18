"""Margins of low rank: many answers, described by few features."""

import numpy as np

from games.catalogue.disc import MOST_ANSWERS, quarter_turns
from games.errors import GameError
from games.game import DENSE_LIMIT, PreferenceGame
from games.score_game import ScoreGame
from games.validation import count


def low_rank(n: int = 10, rank: int = 4, *, rng: np.random.Generator) -> PreferenceGame:
    """P - 1/2 = X R X' with R a quarter turn in each plane and X Gaussian, scaled down.

    The longest row of X gets length sqrt(1/2), so that margins stay within 1/2 whatever n is.
    Some maximal lottery uses at most rank + 1 answers; the one nearest to the reference may use
    all. Above 5,000 answers the game is a ``ScoreGame``.

    Parameters
    ----------
    n : int in [2, 100_000]
    rank : even int in [2, 200]
        A skew matrix has even rank.

    Raises
    ------
    GameError
        If a number is out of range, or ``rank`` is odd.
    """
    n = count("low_rank", "n", n, 2, MOST_ANSWERS)
    rank = count("low_rank", "rank", rank, 2, 200)
    if rank % 2:
        raise GameError(f"low_rank: rank is {rank}, expected an even number; try {rank + 1}")
    X = rng.standard_normal((n, rank))
    X *= np.sqrt(0.5) / np.linalg.norm(X, axis=1).max()
    R = quarter_turns(rank // 2)
    if n > DENSE_LIMIT:
        return ScoreGame(X, R, "linear")
    return PreferenceGame(0.5 + X @ R @ X.T)
