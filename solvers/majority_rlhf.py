"""RLHF on majority labels: a Bradley-Terry reward fitted to who wins, not to how clearly.

After Xiao et al. 2025, arXiv:2506.12350: with labels by majority RLHF is Condorcet-consistent
(as recalled; their proof and their modified objective were not checked).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import measures
from games.game import Float, PreferenceGame
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Concept, Reasons, Solution, WeightedSolver, Weights, require


@dataclass(frozen=True)
class MajorityRlhf(WeightedSolver):
    """``rlhf_exact`` on labels that are 1 where i beats j, 0 where j beats i, 1/2 where they tie.

    Pairs keep their weights. Where all were compared equally often the rewards are in the order of
    Copeland scores, whatever the ridge, so that, as long as rewards differ by more than 1e-9, at
    tau = 0 this is Copeland's rule and a Condorcet winner is the answer, which is not so for RLHF
    itself. Under other weights it need not be.

    The trap is the scale. Without a ridge the rewards are finite only if every answer reaches every
    other by majorities; with a Condorcet winner they never are, and the answer is undefined. With a
    ridge it is the ridge that sets their size, which grows like log(1 / ridge): compare at equal KL
    or at tau = 0, because no tau has a meaning of its own.

    Attributes
    ----------
    tau : float >= 0
        Weight of the KL penalty to ``ref``, in reward units (log-odds).
    ridge : float >= 0
        Weight of ridge / 2 |r|^2 in the mean loss over compared pairs.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    ridge: float = 0.01
    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "after Xiao et al. 2025, arXiv:2506.12350"

    def __post_init__(self) -> None:
        require(self, tau=(0, np.inf), ridge=(0, np.inf))

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the rewards of a context are infinite; "" where they are finite."""
        reasons = self._fit.undefined(_hardened(game))
        return np.char.replace(reasons, "RlhfExact: ", "MajorityRlhf: ")

    def compute_at(self, game: PreferenceGame, weights: Weights) -> Solution:
        """The answer of RLHF to the majorities, with its certificate."""
        return self._fit.compute_at(_hardened(game), weights)

    def at_weights(self, game: PreferenceGame) -> Callable[[Weights], Float]:
        """Policies of one fit, at any tau > 0."""
        return self._fit.at_weights(_hardened(game))

    @property
    def _fit(self) -> RlhfExact:
        return RlhfExact(self.tau, self.ridge)


def _hardened(game: PreferenceGame) -> PreferenceGame:
    """The game of majority labels."""
    return PreferenceGame(measures.majorities(game), game.ref, pairs=game.pairs, names=game.names)
