"""Condorcet's own example against positional scores: 81 voters, two different winners.

Condorcet, Essai sur l'application de l'analyse, 1785.
"""

from games.game import PreferenceGame
from games.known import at_zero_tau
from games.population import majority, rankings

_VOTES = {"ABC": 30, "ACB": 1, "BAC": 29, "BCA": 10, "CAB": 10, "CBA": 1}
_NAMES = "ABC"


def condorcet_not_borda() -> PreferenceGame:
    """A beats B by 41 votes to 40 and C by 60 to 21; yet B has the higher average rank.

    NLHF and SLHF answer A at tau = 0. RLHF, fitted on all pairs alike, ranks by Borda score and
    answers B, as does every rule that counts positions.
    """
    orders = [[_NAMES.index(name) for name in ballot] for ballot in _VOTES]
    people = rankings(list(_VOTES.values()), orders)
    known = at_zero_tau("Condorcet 1785: A beats all", nlhf=(1, 0, 0), slhf=(1, 0, 0))
    known += at_zero_tau("Condorcet 1785: Borda scores 101, 109, 33", rlhf=(0, 1, 0))
    return PreferenceGame(majority(people), names=tuple(_NAMES), population=people, known=known)
