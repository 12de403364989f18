"""What fits to a data set of comparisons share: parameters, data, and a bound on the step size."""

from abc import ABC
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from games.comparisons import Comparisons
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.solver import Open, require

Table = tuple[Float, Float]
"""Shares of the pairs, summing to 1 over i < j, and win rates of i against j; both (..., n, n)."""


@dataclass(frozen=True)
class DatasetFit(IterativeSolver, ABC):
    """Gradient descent on a loss over compared pairs: the population, or a sample of it.

    The population is ``game.pairs`` with the true preferences; a sample is drawn once, in ``init``.
    A method of the family writes ``step``. Its step size is eta over a bound of the Hessian, so
    that the loss decreases for every eta < 2.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in (0, 2)
        Step size, as a multiple of 1 / (bound of the Hessian).
    n_comparisons : int >= 0
        Comparisons in the data set; 0 for the loss of the whole population under ``game.pairs``.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = field(default=1.0, kw_only=True)
    n_comparisons: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), Open(2)), n_comparisons=(0, 2**53))

    def data(self, game: PreferenceGame, rng: np.random.Generator) -> Table:
        """The table that is fitted: the population, or a sample of it."""
        table = population(game)
        return sample_pairs(game, self.n_comparisons, rng) if self.n_comparisons > 0 else table

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Any, ...]:
        """Log of the reference, and the data."""
        return game.log_ref, self.data(game, rng)


def population(game: PreferenceGame) -> Table:
    """The table of all pairs, weighted by ``game.pairs``, with their true preferences."""
    return _shares(game.pair_weights), game.P


def sample_pairs(game: PreferenceGame, n_comparisons: int, rng: np.random.Generator) -> Table:
    """The table of ``n_comparisons`` drawn from the population; 1/2 for a pair not drawn."""
    data = Comparisons.sample(game, n_comparisons, rng)
    return _shares(data.pairs), data.game(game.ref).P


def _shares(weights: Float) -> Float:
    total = weights.sum((-1, -2), keepdims=True) / 2
    return np.asarray(weights / np.where(total > 0, total, 1).astype(total.dtype))


def max_degree(shares: Float) -> Float:
    """Largest share of pairs that contain one answer, (..., 1).

    Twice this bounds the eigenvalues of the Laplacian of the shares. It is 1 without any pairs.
    """
    most = shares.sum(-1).max(-1, keepdims=True)
    return np.asarray(np.where(most > 0, most, 1).astype(most.dtype))
