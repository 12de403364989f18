"""Schulze's rule (beatpath): the answer that reaches every other by the wider path of majorities.

Schulze, A new monotonic, clone-independent, reversal symmetric, and Condorcet-consistent
single-winner election method, Social Choice and Welfare 2011.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import Float, PreferenceGame
from solvers.voting import Voting, strengths, widest_paths


@dataclass(frozen=True)
class Schulze(Voting):
    """The answers i with w(i, j) >= w(j, i) for all j; w is the width of the widest path.

    A path goes from each answer to one that it strictly beats, and is as wide as its smallest
    P - 1/2. Several such answers share by ``ref``. The answer is in the Smith set; it is the
    Condorcet winner where there is one.
    """

    paper: ClassVar[str] = "Schulze 2011, Social Choice and Welfare 36"

    def scores(self, game: PreferenceGame) -> Float:
        """min_j w(i, j) - w(j, i), shape (..., n): 0 for the winners, negative for the rest."""
        widest = widest_paths(strengths(game))
        ahead = widest - np.where(np.isinf(widest), 0, np.swapaxes(widest, -1, -2))
        return np.asarray(np.minimum(ahead.min(-1), 0))
