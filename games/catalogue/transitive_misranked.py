"""Transitive preferences that a Bradley-Terry reward ranks wrongly.

The claim is that of Pasztor et al. 2025, arXiv:2512.16626; Elo ratings fail alike: Bertrand et al.
2023, arXiv:2206.12301. The numbers are ours.
"""

from games.game import PreferenceGame
from games.known import at_zero_tau


def transitive_misranked() -> PreferenceGame:
    """A beats B and C narrowly (.51), B beats C almost always (.99).

    A beats every other answer, so NLHF and SLHF answer A at tau = 0; the reward learns from the
    lopsided pair and puts B first, be all pairs compared alike or sampled mostly from A, B or C.
    """
    P = [[0.50, 0.51, 0.51], [0.49, 0.50, 0.99], [0.49, 0.01, 0.50]]
    known = at_zero_tau("derived: Borda winner", rlhf=(0, 1, 0))
    known += at_zero_tau("derived: Condorcet winner", nlhf=(1, 0, 0), slhf=(1, 0, 0))
    return PreferenceGame(P, names=("A", "B", "C"), known=known)
