"""Rock, paper, scissors, and its kin with more odd numbers of answers."""

import numpy as np

from games.errors import GameError
from games.game import PreferenceGame
from games.known import at_zero_tau
from games.validation import count, numbers

_NAMES = {
    3: ("rock", "scissors", "paper"),
    5: ("rock", "scissors", "lizard", "paper", "Spock"),
}


def rock_paper_scissors(n: int = 3, margin: float = 0.4) -> PreferenceGame:
    """Each answer beats the next (n - 1) / 2, in a circle, by the same margin.

    n = 5 is rock, paper, scissors, lizard, Spock. All answers are alike, so every concept gives
    the reference at tau = 0, here uniform: of no use to tell right solvers from wrong ones.

    Parameters
    ----------
    n : odd int in [3, 4999]
    margin : float in (0, 1/2]
        P - 1/2 of the winner of each pair; at 1/2 the log-odds are infinite.

    Raises
    ------
    GameError
        If n is even or a parameter is out of range.
    """
    n = count("rock_paper_scissors", "n", n, 3)
    if n % 2 == 0:
        raise GameError(f"rock_paper_scissors: n is {n}, expected an odd number; try {n + 1}")
    m = float(numbers("rock_paper_scissors", "margin", margin))
    if not 0 < m <= 0.5:
        raise GameError(f"rock_paper_scissors: margin is {margin}, expected a number in (0, 1/2]")
    steps = (np.arange(n) - np.arange(n)[:, None]) % n
    P = np.where(steps == 0, 0.5, np.where(steps <= n // 2, 0.5 + m, 0.5 - m))
    uniform = np.full(n, 1 / n)
    known = at_zero_tau("derived: symmetry", rlhf=uniform, nlhf=uniform, slhf=uniform)
    return PreferenceGame(P, names=_NAMES.get(n, ()), known=known)
