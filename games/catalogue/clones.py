"""An answer given several times over: near-identical responses should not change the outcome.

Independence of clones: Tideman, Social Choice and Welfare 1987.
"""

import numpy as np

from games.catalogue.condorcet import condorcet
from games.errors import GameError
from games.game import Float, Known, Population, PreferenceGame
from games.validation import count

_CYCLE = condorcet()


def clones(game: PreferenceGame = _CYCLE, action: int | str = 0, copies: int = 3) -> PreferenceGame:
    """``game`` with ``copies`` of one answer, next to each other in its place.

    A copy has the original's preference probabilities against every other answer, and 1/2 against
    its siblings. It has an equal part of the original's reference probability, of the follower's
    (in the columns; in the rows each copy is answered as the original was), and of the weight of
    each of its pairs; pairs of siblings get the weight of an answer against itself, 0. NLHF
    and SLHF then give the copies together what they gave the original. So does RLHF where
    ``pairs`` are given; without them all pairs of the new game count alike, so that a copy is one
    more opponent and rewards move.

    Parameters
    ----------
    game : PreferenceGame
    action : int or str
        Which answer, by position or name.
    copies : int >= 1

    Raises
    ------
    GameError
        If there is no such answer, or too many copies for a table.
    """
    at = position("clones", game, action)
    count("clones", "copies", copies, 1)
    counts = np.where(np.arange(game.n) == at, copies, 1)
    original = np.repeat(np.arange(game.n), counts)
    part = 1 / counts[original]
    both = (..., original[:, None], original)

    def divided(policy: Float) -> Float:
        return np.asarray(policy[..., original] * part)

    follower, pairs, people = game.ref_follower, game.pairs, game.population
    names = list(game.names)
    names[at : at + 1] = [f"{game.names[at]} ({k})" for k in range(1, copies + 1)]
    return PreferenceGame(
        game.P[both],
        divided(game.ref),
        None if follower is None else follower[both] * part,
        None if pairs is None else pairs[both] * part[:, None] * part,
        names,
        None if people is None else Population(people.shares, people.utilities[..., original]),
        [
            Known(k.solver, k.params, divided(np.asarray(k.policy)), f"clones: {k.source}", k.atol)
            for k in game.known
            if k.solver in ("nlhf_exact", "slhf_exact") or pairs is not None
        ],
    )


def position(who: str, game: PreferenceGame, action: int | str) -> int:
    """The position of an answer given by position or name; a GameError if there is none."""
    if isinstance(action, str) and action in game.names:
        return game.names.index(action)
    if isinstance(action, int | np.integer) and 0 <= action < game.n:
        return int(action)
    shown = ", ".join(game.names[:8]) + (", ..." if game.n > 8 else "")
    raise GameError(
        f"{who}: no action {action!r}, expected a position in [0, {game.n - 1}] or one of: {shown}"
    )
