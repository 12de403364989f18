"""Versions of one answer that do alike against all others, but not against each other.

Simpson-Kramer (maximin) is not independent of clones: Tideman, Social Choice and Welfare 1987.
"""

from dataclasses import replace

import numpy as np

from games.catalogue.clones import clones, position
from games.errors import GameError
from games.game import PreferenceGame
from games.known import at_zero_tau, best
from games.validation import numbers

_A = (1, 0)
_PAIR = PreferenceGame(
    [[0.5, 0.6], [0.4, 0.5]],
    names=("A", "B"),
    known=at_zero_tau("derived: A is the Condorcet winner", rlhf=_A, nlhf=_A, slhf=_A),
)


def near_clones(
    game: PreferenceGame = _PAIR, action: int | str = 0, inside: float = 0.95
) -> PreferenceGame:
    """``game`` with one answer replaced by three versions of it that form a cycle.

    Everything is divided among the versions as among the copies of ``clones``, but each beats the
    next with probability ``inside``, not 1/2. By default A beats B with .6 and all concepts answer
    A at tau = 0; with the versions SLHF answers B, whose worst loss is now the smallest, while
    NLHF and RLHF stay with the family. Independence of *exact* clones says nothing about these.

    Parameters
    ----------
    game : PreferenceGame
        Its population is dropped, because no copy of a type's utility makes the cycle.
    action : int or str
        Which answer, by position or name.
    inside : float in [0, 1]
        1/2 gives exact copies.

    Raises
    ------
    GameError
        If there is no such answer or ``inside`` is no probability.
    """
    p = float(numbers("near_clones", "inside", inside))
    if not 0 <= p <= 1:
        raise GameError(f"near_clones: inside is {inside}, expected a probability")
    at = position("near_clones", game, action)
    family = at + np.arange(3)
    copied = clones(game, action, 3)
    P = copied.P.copy()
    P[..., family, np.roll(family, -1)], P[..., np.roll(family, -1), family] = p, 1 - p
    lotteries = [k for k in copied.known if k.solver == "nlhf_exact" and k.params.get("tau") == 0]
    source = "derived: maximal lotteries are composition-consistent"
    known = (
        *at_zero_tau("derived: smallest loss", slhf=best(P.min(-1), copied.ref)),
        *(replace(lottery, source=f"{source}; {lottery.source}") for lottery in lotteries),
    )
    return replace(copied, P=P, population=None, known=known)
