"""Three answers that Elo ratings describe perfectly.

Munos et al. 2023, arXiv:2312.00886, App. A.
"""

import numpy as np

from games.game import Known, PreferenceGame
from games.known import at_zero_tau

_PAPER = "Munos et al. 2023, arXiv:2312.00886, App. A"


def elo_example() -> PreferenceGame:
    """Ratings (0, log 9, log 2): P[i, j] = w_i / (w_i + w_j) with w = (1, 9, 2).

    Unconstrained, all concepts answer y2. Among policies with pi(y1) = 2 pi(y2), the largest
    expected rating is (2/3, 1/3, 0), yet y3 is preferred to it with probability 50/99: under a
    constraint reward and preference disagree even where Bradley-Terry holds.
    """
    w = np.array([1.0, 9.0, 2.0])
    y2 = (0.0, 1.0, 0.0)
    tilted = Known("rlhf_exact", {"tau": 1.0}, w / 12, "derived: ref exp(rating), normalised")
    known = (*at_zero_tau(_PAPER, rlhf=y2, nlhf=y2, slhf=y2), tilted)
    return PreferenceGame(w[:, None] / (w[:, None] + w), names=("y1", "y2", "y3"), known=known)
