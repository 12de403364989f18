"""Copeland's rule: the answer that beats most others.

Copeland, A reasonable social welfare function, 1951 (seminar notes, University of Michigan).
"""

from dataclasses import dataclass
from typing import ClassVar

from games import measures
from games.game import Float, PreferenceGame
from solvers.voting import Voting


@dataclass(frozen=True)
class Copeland(Voting):
    """argmax_i of the number of answers that i strictly beats, plus half of those it ties with.

    It reads majorities only, not how large they are: the answer is in the Smith set, and is the
    Condorcet winner where there is one. In a cycle of three it is a tie of all, split by ``ref``.
    """

    paper: ClassVar[str] = "Copeland 1951"

    def scores(self, game: PreferenceGame) -> Float:
        """Copeland scores (..., n), in [0, n - 1]."""
        return measures.copeland(game)
