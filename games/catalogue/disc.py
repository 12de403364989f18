"""Disc games: preferences from a rotation of random features.

Balduzzi et al. 2019, arXiv:1901.08106; Bertrand et al. 2023, arXiv:2206.12301.
"""

import numpy as np

from games import numerics
from games.game import DENSE_LIMIT, Float, PreferenceGame
from games.score_game import ScoreGame
from games.validation import count

MOST_ANSWERS = 100_000
"""Most answers of a game that is stored as factors."""


def disc(n: int = 10, discs: int = 1, *, rng: np.random.Generator) -> PreferenceGame:
    """P[i, j] = sigmoid(x_i' R x_j), x from N(0, 1), R a quarter turn in each plane.

    With one disc there is a Condorcet winner exactly where all points lie on one side of a line
    through the origin. Above 5,000 answers the game is a ``ScoreGame``.

    Parameters
    ----------
    n : int in [2, 100_000]
    discs : int in [1, 100]
        Number of planes; the log-odds have rank 2 * discs.

    Raises
    ------
    GameError
        If a number is out of range.
    """
    n = count("disc", "n", n, 2, MOST_ANSWERS)
    discs = count("disc", "discs", discs, 1, 100)
    X, R = rng.standard_normal((n, 2 * discs)), quarter_turns(discs)
    if n > DENSE_LIMIT:
        return ScoreGame(X, R, "logistic")
    return PreferenceGame(numerics.sigmoid(X @ R @ X.T))


def quarter_turns(planes: int) -> Float:
    """Skew and orthogonal matrix (2 planes, 2 planes) that turns each plane by 90 degrees."""
    return np.asarray(np.kron(np.eye(planes), [[0.0, 1.0], [-1.0, 0.0]]), dtype=np.float64)
