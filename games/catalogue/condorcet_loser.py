"""An answer that loses to every other one, but never by much."""

import numpy as np

from games.errors import GameError
from games.game import Known, PreferenceGame
from games.known import at_zero_tau
from games.validation import TIE_TOL, numbers


def condorcet_loser(cycle: float = 0.9, lead: float = 0.51) -> PreferenceGame:
    """A beats B, B beats C, C beats A with probability ``cycle``; each beats D with ``lead``.

    D is the Condorcet loser. Because its worst loss is the smallest, the SLHF leader answers D
    with probability 1 at tau = 0 and, at the defaults, .81 at tau = .1. RLHF and NLHF mix A, B and
    C at tau = 0.

    Parameters
    ----------
    cycle, lead : float in (1/2, 1]
        ``lead`` < ``cycle``, else D loses as much as the others.

    Raises
    ------
    GameError
        If a probability is out of range.
    """
    p = float(numbers("condorcet_loser", "cycle", cycle))
    q = float(numbers("condorcet_loser", "lead", lead))
    if not (0.5 + TIE_TOL < q < p - TIE_TOL and p <= 1):
        raise GameError(
            f"condorcet_loser: cycle is {cycle} and lead {lead}, expected 1/2 < lead < cycle <= 1, "
            "by more than 1e-9"
        )
    P = np.full((4, 4), 0.5)
    P[[0, 1, 2], [1, 2, 0]], P[[1, 2, 0], [0, 1, 2]] = p, 1 - p
    P[:3, 3], P[3, :3] = q, 1 - q
    thirds, loser = (1 / 3, 1 / 3, 1 / 3, 0), (0, 0, 0, 1)
    known = at_zero_tau(
        "derived: symmetry of the cycle; smallest loss", rlhf=thirds, nlhf=thirds, slhf=loser
    )
    weights = 1 / np.exp(-P / 0.1).sum(1)
    soft = {"tau_leader": 0.1, "tau_follower": 0.1}
    source = "derived: leader proportional to 1 / sum_y' exp(-P[y, y'] / tau)"
    known += (Known("slhf_exact", soft, weights / weights.sum(), source),)
    return PreferenceGame(P, names=("A", "B", "C", "D"), known=known)
