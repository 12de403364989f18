"""From a ranking to a pure cycle, by one weight.

Hodge decomposition of rankings: Jiang, Lim, Yao and Ye, Mathematical Programming 2011.
"""

import numpy as np

from games import measures
from games.catalogue.bradley_terry import bradley_terry
from games.catalogue.rock_paper_scissors import rock_paper_scissors
from games.errors import GameError
from games.game import Float, Known, PreferenceGame
from games.known import at_zero_tau, best
from games.validation import numbers

_RANKING = bradley_terry()
_CYCLE = rock_paper_scissors(5)


def hodge_mix(
    transitive: PreferenceGame = _RANKING,
    cyclic: PreferenceGame = _CYCLE,
    weight: float = 0.5,
    margin: float = 0.4,
) -> PreferenceGame:
    """P - 1/2 = (1 - weight) T + weight C, each part scaled to the same largest ``margin``.

    T is the transitive part of the margins of one game (differences of row means), C the cyclic
    part of another (its rows sum to 0). A reward fitted on all pairs alike sees row sums only, so
    RLHF answers as if there were no cycle, for every weight below 1.

    Parameters
    ----------
    transitive, cyclic : PreferenceGame
        With equally many answers and contexts. References, pairs and names are taken from
        ``transitive``.
    weight : float in [0, 1]
    margin : float in (0, 1/2)

    Raises
    ------
    GameError
        If the games do not fit, a part is zero, or a number is out of range.
    """
    w = float(numbers("hodge_mix", "weight", weight))
    m = float(numbers("hodge_mix", "margin", margin))
    if not (0 <= w <= 1 and 0 < m < 0.5):
        raise GameError(
            f"hodge_mix: weight {weight} and margin {margin}, "
            "expected a weight in [0, 1] and a margin in (0, 1/2)"
        )
    if transitive.P.shape != cyclic.P.shape:
        raise GameError(
            f"hodge_mix: transitive has shape {transitive.P.shape}, cyclic {cyclic.P.shape}; "
            "they must agree"
        )
    split = measures.hodge_margins(transitive)
    T = _scaled("transitive", transitive.P - 0.5 - split.cyclic, m)
    C = _scaled("cyclic", measures.hodge_margins(cyclic).cyclic, m)
    known: tuple[Known, ...] = ()
    if transitive.pairs is None:
        source = "derived: Bradley-Terry on all pairs alike depends on row sums only"
        known = at_zero_tau(source, rlhf=best(split.scores * (w < 1), transitive.ref))
    return PreferenceGame(
        0.5 + (1 - w) * T + w * C,
        transitive.ref,
        transitive.ref_follower,
        transitive.pairs,
        transitive.names,
        known=known,
    )


def _scaled(which: str, part: Float, margin: float) -> Float:
    largest = abs(part).max((-1, -2), keepdims=True)
    if not (largest > 1e-12).all():
        raise GameError(f"hodge_mix: {which} has no {which} part; give another game")
    return np.asarray(margin * part / largest)
