"""Non-transitive dice: single throws are ordered, dice are not.

Munos et al. 2023, arXiv:2312.00886, App. C.1; Efron's dice: Gardner, Scientific American 1970.
"""

from typing import Literal

import numpy as np

from games.errors import GameError
from games.game import Known, PreferenceGame
from games.known import at_zero_tau

_FACES: dict[str, dict[str, tuple[int, ...]]] = {
    "munos": {"2-4-9": (2, 4, 9), "1-6-8": (1, 6, 8), "3-5-7": (3, 5, 7)},
    "efron": {
        "A": (4, 4, 4, 4, 0, 0),
        "B": (3, 3, 3, 3, 3, 3),
        "C": (6, 6, 2, 2, 2, 2),
        "D": (5, 5, 5, 1, 1, 1),
    },
}
_KNOWN: dict[str, tuple[Known, ...]] = {
    "munos": at_zero_tau(
        "Munos et al. 2023, arXiv:2312.00886, App. C.1", nlhf=(1 / 3, 1 / 3, 1 / 3)
    ),
    # p_A = p_C = c and p_B - p_D = c / 3 for any c <= 3/7; c^12 = p_B^5 p_D^7 is nearest to uniform
    "efron": at_zero_tau(
        "derived: of a segment of maximal lotteries, the one of largest entropy",
        nlhf=(0.245011506, 0.295823745, 0.245011506, 0.214153243),
        atol=5e-10,
    ),
}


def dice(which: Literal["munos", "efron"] = "munos") -> PreferenceGame:
    """Answers are dice; P[i, j] = probability that i throws the higher number, ties half.

    munos: three dice with the numbers 1 to 9, each beats the next with 5/9; uniform Nash. efron:
    four dice, each beats the next with 2/3; C beats A with 5/9, B and D tie, and the maximal
    lotteries form a segment, so that tau = 0 takes the one nearest to the reference.

    Raises
    ------
    GameError
        If ``which`` names no set of dice.
    """
    if which not in ("munos", "efron"):
        raise GameError(f"dice: which is {which!r}, expected 'munos' or 'efron'")
    faces = np.array(list(_FACES[which].values()))
    throws = np.sign(faces[:, None, :, None] - faces[None, :, None, :])
    P = 0.5 + 0.5 * throws.mean((-1, -2))
    return PreferenceGame(P, names=tuple(_FACES[which]), known=_KNOWN[which])
