"""My game: what it is and where it comes from.

Try it:  prefgames check my_game.py
"""

from games.errors import GameError
from games.game import Known, PreferenceGame


# The function is called like its file. Its parameters have defaults and can be set on the command
# line (-g margin=0.2) and in specs; one more, `rng`, if the game is drawn at random.
def my_game(margin: float = 0.1) -> PreferenceGame:
    """Each of three answers beats the next by a margin.

    Parameters
    ----------
    margin : float in (0, 1/2]
        By how much, above 1/2.

    Raises
    ------
    GameError
        If the margin is out of range.
    """
    if not 0 < margin <= 0.5:
        raise GameError(f"my_game: margin is {margin!r}, expected a number in (0, 1/2]")
    win, lose = 0.5 + margin, 0.5 - margin
    # P[i, j]: probability that answer i is preferred to answer j; P + P^T = 1
    P = [[0.5, win, lose], [lose, 0.5, win], [win, lose, 0.5]]
    # Answers that you know, from a paper or by hand; `prefgames check` compares the solvers with
    # them. Leave the list out if there are none.
    known = [Known("nlhf_exact", {"tau": 0.0}, [1 / 3] * 3, "by symmetry")]
    return PreferenceGame(P, names=["A", "B", "C"], known=known)
