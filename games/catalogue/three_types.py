"""Three types of people in nearly equal shares: whose answer jumps when shares change a little?

Munos et al. 2023, arXiv:2312.00886, Sec. 3.2.
"""

from games.errors import GameError
from games.game import PreferenceGame
from games.known import at_zero_tau, best
from games.population import majority, rankings
from games.validation import numbers

_PAPER = "Munos et al. 2023, arXiv:2312.00886, Sec. 3.2"
_SLHF = "derived: row minima (1/3 + e/2, 1/3 - e/4, 1/3 - e/4)"


def three_types(epsilon: float = 0.1) -> PreferenceGame:
    """Type 1 (share 1/3 - epsilon) only insists on y2 > y1, type 2 on y1 > y3, type 3 on y3 > y2.

    P(y2 > y1) = 2/3 - epsilon / 2 and P(y1 > y3) = P(y3 > y2) = 2/3 + epsilon / 4. At tau = 0
    the Nash policy (1/3 + epsilon / 2, 1/3 + epsilon / 2, 1/3 - epsilon) moves continuously; RLHF
    jumps from y2 to y1 at epsilon = 0, and the SLHF leader from y2 or y3 to y1.

    Such a type is indifferent along y1, y3, y2 but not from end to end, so no utility represents
    it; ``population`` holds the three rankings whose majorities make the same P.

    Parameters
    ----------
    epsilon : float in [-1/3, 1/3]

    Raises
    ------
    GameError
        If ``epsilon`` is out of range.
    """
    e = float(numbers("three_types", "epsilon", epsilon))
    if not abs(e) <= 1 / 3:
        raise GameError(f"three_types: epsilon is {epsilon}, expected a number in [-1/3, 1/3]")
    mild, strong = 1 / 3 - e / 4, 1 / 3 + e / 2
    people = rankings([strong, mild, mild], [[0, 2, 1], [1, 0, 2], [2, 1, 0]])
    nash = (1 / 3 + e / 2, 1 / 3 + e / 2, 1 / 3 - e)
    known = at_zero_tau(_PAPER, rlhf=best((e, -e, 0)), nlhf=nash)
    known += at_zero_tau(_SLHF, slhf=best((strong, mild, mild)))
    names = ("y1", "y2", "y3")
    return PreferenceGame(majority(people), names=names, population=people, known=known)
