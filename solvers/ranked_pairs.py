"""Ranked pairs: majorities are locked in from the strongest on, unless they close a cycle.

Tideman, Independence of clones as a criterion for voting rules, Social Choice and Welfare 1987;
that ties between majorities are what makes it hard: Brill and Fischer, AAAI 2012.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from games.game import TIE_TOL, Float, PreferenceGame
from games.measures import Mask
from solvers.voting import Voting, strengths, widest_paths


@dataclass(frozen=True)
class RankedPairs(Voting):
    """The answers that no locked majority points at, shared by ``ref``.

    Majorities are taken from the largest P - 1/2 to the smallest; one that contradicts those locked
    before it is dropped. The trap is majorities of equal strength (within 1e-9), where the order
    matters. They are taken together here: of those that do not contradict stronger ones, every one
    that lies on a cycle with the others and the locked ones is dropped. That is neutral and fast,
    and gives all answers of a balanced cycle. It is not the set of winners over all orders of tied
    majorities, which is NP-hard to decide (Brill and Fischer 2012), nor Tideman's vote to break
    ties. Without ties all of these agree.
    """

    paper: ClassVar[str] = "Tideman 1987, Social Choice and Welfare 4"

    def scores(self, game: PreferenceGame) -> Float:
        """0 for the winners and -1 for the rest, shape (..., n)."""
        n = game.n
        tables = strengths(game).reshape(-1, n, n)
        return np.array([_undefeated(table) for table in tables]).reshape(game.ref.shape) - 1.0

    def violation(self, game: PreferenceGame, scores: Float) -> tuple[str, Float]:
        """By how much the strongest majority over an answer exceeds every path back to it."""
        strength = strengths(game)
        defeats = np.swapaxes(strength, -1, -2) - widest_paths(strength)
        condition = "majorities over it are no stronger than a path from it to their winner"
        return condition, np.maximum(defeats.max(-1), 0)


def _undefeated(strength: Float) -> Mask:
    """Mask (n,) of the answers that no locked majority points at, in one context."""
    n = len(strength)
    winners, losers = np.nonzero(strength)
    order = np.argsort(-strength[winners, losers], kind="stable")
    winners, losers = winners[order], losers[order]
    falling = -strength[winners, losers]
    reaches, defeated = np.eye(n, dtype=bool), np.zeros(n, dtype=bool)
    start = 0
    while start < len(falling):
        end = int(np.searchsorted(falling, falling[start] + TIE_TOL, side="right"))
        i, j = winners[start:end], losers[start:end]
        # what is implied adds nothing, and what contradicts stronger majorities is dropped
        undecided = ~reaches[i, j] & ~reaches[j, i]
        i, j = i[undecided], j[undecided]
        kept = ~_with(reaches, i, j)[j, i]
        reaches = _with(reaches, i[kept], j[kept])
        defeated[j[kept]] = True
        start = end
    return ~defeated


def _with(reaches: Mask, i: NDArray[np.int64], j: NDArray[np.int64]) -> Mask:
    """Which answer reaches which, once the majorities of ``i`` over ``j`` are added."""
    for a, b in zip(i, j, strict=True):
        if not reaches[a, b]:
            reaches = reaches | np.outer(reaches[:, a], reaches[b])
    return reaches
