"""The Condorcet paradox: three groups of annotators whose majorities form a cycle.

Condorcet 1785; the worked example of Pasztor et al. 2025, arXiv:2512.16626, Sec. 4.1. The groups'
rankings are reconstructed from its reported answers.
"""

from collections.abc import Sequence

import numpy as np

from games.game import Float, Known, PreferenceGame
from games.known import at_zero_tau, best
from games.population import majority, rankings
from games.validation import mixture

_SLHF = "Pasztor et al. 2025, arXiv:2512.16626, Sec. 4.1"
_REGULARISED = (
    (0.01, (0.9933, 0.0067, 0.0)),
    (0.1, (0.5002, 0.3543, 0.1455)),
    (1.0, (0.3403, 0.3432, 0.3165)),
)


def condorcet(alpha: Sequence[float] = (0.40, 0.35, 0.25)) -> PreferenceGame:
    """Three groups rank A > B > C, B > C > A and C > A > B.

    P(A > B) = a1 + a3, P(B > C) = a1 + a2, P(C > A) = a2 + a3: a cycle unless some group is half
    of all. At tau = 0 the SLHF leader answers the favourite of the largest group, NLHF mixes
    (1 - 2 a3, 1 - 2 a1, 1 - 2 a2), and RLHF, fitted on all pairs alike, the Borda winner, which
    by default is B and not A.

    Parameters
    ----------
    alpha : 3 floats > 0 that sum to 1
        Shares of the groups.

    Raises
    ------
    GameError
        If ``alpha`` is anything else.
    """
    shares = mixture("condorcet", "alpha", alpha, 3)
    people = rankings(shares, [[0, 1, 2], [1, 2, 0], [2, 0, 1]])
    return PreferenceGame(
        majority(people), names=("A", "B", "C"), population=people, known=_known(shares)
    )


def _known(shares: Float) -> tuple[Known, ...]:
    largest = best(shares)
    known = at_zero_tau(_SLHF, slhf=largest)
    known += at_zero_tau("derived: Borda winner", rlhf=best(2 * shares + np.roll(shares, 1)))
    # a group of exactly half makes many maximal lotteries
    if shares.max() < 0.5 - 1e-9:
        known += at_zero_tau("derived: null vector of P - 1/2", nlhf=1 - 2 * np.roll(shares, 1))
    elif shares.max() > 0.5 + 1e-9:
        known += at_zero_tau("derived: Condorcet winner", nlhf=largest)
    if np.allclose(shares, (0.40, 0.35, 0.25), rtol=0, atol=1e-12):
        source = "derived: closed form of arXiv:2512.16626, Eq. (5)"
        for tau, leader in _REGULARISED:
            params = {"tau_leader": tau, "tau_follower": tau}
            known += (Known("slhf_exact", params, leader, source, atol=5e-5),)
    return known
