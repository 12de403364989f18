"""A real election with a cycle at the top: Glasgow City Council, ward 5 (Govan), 3 May 2007.

Pairwise counts of the published ballots; PrefLib, data set 00008 (Glasgow City Council 2007).
"""

from typing import Literal

import numpy as np

from games.comparisons import Comparisons
from games.errors import GameError
from games.game import PreferenceGame
from games.known import at_zero_tau

# row candidate ranked above column candidate, number of ballots
_BALLOTS = """
Shaukat Butt            0 3392 2165 2201 3612 3162 3471 3461 3562 3544 3578
Michael Cobley       1464    0 1458 1482 1856 1214 1555 1706 1751 1816 1845
Stephen Dornan       3089 3905    0 2992 4119 3557 3965 3944 4074 4060 4090
John Flanagan        3226 3953 2390    0 4198 3654 4029 4023 4145 4133 4155
Alan L Hughes         630  610  593  586    0  560  701  730  627  689  778
Allison Hunter       3641 3826 3578 3568 4035    0 3866 3843 3986 4015 3999
Will Jess            1635 1521 1630 1608 1886 1118    0 1743 1853 1905 1894
Irene Lang           1540 1692 1458 1431 1850 1047 1564    0 1880 1877 1800
Patricia Mcintyre    1086 1002 1046 1041 1136  878 1095 1168    0 1164 1276
George Douglas Mcnee 1000  969  966  967 1127  808  921  996 1067    0 1195
Carolina Perez        762  771  743  731  919  501  665  587  922  847    0
"""
_ROWS = [line.rsplit(maxsplit=11) for line in _BALLOTS.strip().splitlines()]
_NAMES = tuple(row[0] for row in _ROWS)
_WINS = np.array([row[1:] for row in _ROWS], dtype=np.float64)
_TOP = ("Stephen Dornan", "John Flanagan", "Allison Hunter")
_LOTTERY = {"dropped": (0.0940, 0.0232, 0.8828), "half": (0.1213, 0.0296, 0.8491)}


def glasgow_govan_2007(silent: Literal["dropped", "half"] = "dropped") -> PreferenceGame:
    """Eleven candidates; Dornan beats Flanagan, Flanagan beats Hunter, Hunter beats Dornan.

    The three beat all others, so no one beats everybody. Voters need not rank all candidates, so
    every pair has ballots that are silent on it.

    The maximal lottery weighs each of the three by the margin between the other two, and what a
    margin is depends on the silent ballots. Dropped: Dornan's lead of 602 over Flanagan is a
    share of 5,382 ballots, Flanagan's of 86 over Hunter one of 7,222 and Hunter's of 21 over
    Dornan one of 7,135, so the lottery on (Dornan, Flanagan, Hunter) is (.0940, .0232, .8828).
    Half: all leads are shares of the same number and it is (86, 21, 602) / 709 = (.1213, .0296,
    .8491).

    Parameters
    ----------
    silent : "dropped" or "half"
        dropped: P = W / (W + W^T), with as many comparisons as ballots that speak. half: silent
        ballots are ties, P = 1/2 + (W - W^T) / 2N, pairs alike. N is the largest W + W^T, as the
        table does not tell the number of ballots; a larger N shrinks all margins alike, which
        leaves the maximal lottery and the SLHF answer at tau = 0 as they are.

    Raises
    ------
    GameError
        If ``silent`` is anything else.
    """
    if silent not in ("dropped", "half"):
        raise GameError(f"glasgow_govan_2007: silent is {silent!r}, expected 'dropped' or 'half'")
    spoken = _WINS + _WINS.T
    ties = (spoken.max() - spoken) * (1 - np.eye(len(_WINS)))
    observed = Comparisons(_WINS, ties if silent == "half" else None, names=_NAMES).game()
    nash, dornan = np.zeros(len(_NAMES)), np.zeros(len(_NAMES))
    nash[[_NAMES.index(name) for name in _TOP]] = _LOTTERY[silent]
    dornan[_NAMES.index("Stephen Dornan")] = 1
    known = at_zero_tau("derived: margins among the three", nlhf=nash, atol=5e-5)
    known += at_zero_tau("derived: Dornan's only defeat is the narrowest", slhf=dornan)
    return PreferenceGame(observed.P, pairs=observed.pairs, names=_NAMES, known=known)
