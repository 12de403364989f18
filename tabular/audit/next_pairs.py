"""What to ask next: the pairs whose comparison would tell most."""

from dataclasses import dataclass

import numpy as np

from games import numerics
from games.estimation.rewards import fit_rewards, mean_weights
from games.game import Float
from solvers import Solver
from tabular.audit.pair_tests import PairTests
from tabular.audit.votes import Votes, game_of
from tabular.derivatives import derivative

_RIDGE = 1e-9


@dataclass(frozen=True)
class NextPairs:
    """How much ``more`` further comparisons of each pair would tell; arrays (n, n), symmetric.

    Attributes
    ----------
    more : float > 0
        Further comparisons of the pair.
    answer : float array, in [0, 1], or NaN
        Share of the variance of the policy that they would remove, if only they were made.
    d_optimal : float array >= 0
        Growth of the log determinant of the information on the rewards.
    a_optimal : float array, in [0, 1]
        Share of the mean variance of the rewards' differences that they would remove.
    """

    more: float
    answer: Float
    d_optimal: Float
    a_optimal: Float


def next_pairs(votes: Votes, tests: PairTests, solver: Solver, more: float) -> NextPairs:
    """Rank the pairs for the answer of a solver, and for the Bradley-Terry rewards.

    The variance of the answer is, to first order, the sum over pairs of |d policy / d P_ij|^2
    times the variance s_ij / n_ij of an observed rate, s_ij estimated from the votes, or 1/4 for
    pairs that were never compared, of which a first half comparison is taken as known. With
    ``more`` comparisons n_ij grows by that.

    Parameters
    ----------
    votes : Votes
    tests : PairTests
        Of the same votes.
    solver : Solver
        An exact solver whose policy moves smoothly, such as ``MatchedKl`` of one.
    more : float > 0
    """
    game, n = game_of(votes.points), votes.n
    pairs = votes.points + votes.points.T
    response = derivative(solver, game).by_P
    size = (response**2).sum(0)
    error = np.where(np.isfinite(tests.error), tests.error, np.sqrt(0.5))
    variance = error**2
    grown = variance * pairs / (pairs + more)
    grown = np.where(pairs > 0, grown, 0.25 / (0.5 + more))
    off_diagonal = ~np.eye(n, dtype=bool)
    removed = np.where(off_diagonal, size * (variance - grown), 0.0)
    total = np.where(off_diagonal, size * variance, 0.0).sum() / 2
    answer = removed / total if total > 0 else np.full((n, n), np.nan)
    r = fit_rewards(game.P, mean_weights(pairs), _RIDGE)
    rate = numerics.sigmoid(r[:, None] - r[None, :])
    curvature = rate * (1 - rate)
    information = -pairs * curvature
    information[np.diag_indices(n)] = -information.sum(-1)
    inverse = np.linalg.pinv(information, hermitian=True)
    spread = inverse.diagonal()[:, None] + inverse.diagonal()[None, :] - 2 * inverse
    gained = more * curvature * spread
    column = inverse[:, :, None] - inverse[:, None, :]  # [k, i, j]: L^+ (e_i - e_j)
    centred = column - column.mean(0)
    lost = more * curvature * (centred**2).sum(0) / (1 + gained)
    return NextPairs(
        more,
        answer,
        np.where(off_diagonal, np.log1p(gained), 0.0),
        np.where(off_diagonal, lost / np.trace(inverse), 0.0),
    )
