"""Borda's rule: the answer with the highest mean win rate.

Borda, Mémoire sur les élections au scrutin, 1781; on pairwise shares as here: the rule that
Bradley-Terry rewards follow, e.g. Siththaranjan et al. 2023, arXiv:2312.08358.
"""

from dataclasses import dataclass
from typing import ClassVar

from games import measures
from games.game import Float, PreferenceGame
from solvers.voting import Voting


@dataclass(frozen=True)
class Borda(Voting):
    """argmax_i of the mean of P[i, j] over j != i, ties split by ``ref``.

    This is RLHF at tau = 0 where every pair was compared equally often, and it exists where the
    Bradley-Terry maximum is infinite too. It may pass over a Condorcet winner, and clones move it.
    """

    paper: ClassVar[str] = "Borda 1781; Siththaranjan et al. 2023, arXiv:2312.08358"

    def scores(self, game: PreferenceGame) -> Float:
        """Mean win rates (..., n) against the other answers, in [0, 1]."""
        return measures.borda(game)
