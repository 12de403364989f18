"""Which pair, comparison or rater does the answer rest on?

Expected (derived; Xu and Kankanhalli 2024, arXiv:2410.02451, recalled, not checked): near
deterministic preferences make a Bradley-Terry reward ever more sensitive to them, because its
curvature s (1 - s) vanishes; whether the policy is too depends on tau. At tau = 0 the answers of
RLHF and SLHF do not move at all until they jump: what counts there is the smallest set of reversed
labels that changes the answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from games import Comparisons, PreferenceGame, SpecError, numerics
from games.game import Float
from results.rows import Status
from solvers import Solver
from tabular.derivatives import Derivative, derivative
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.smallest_flip import smallest_flip

SHARPNESS = (1.0, 2.0, 4.0, 8.0)
"""Factors of the log-odds at which the condition number is measured."""


def influence(
    solver: Solver,
    comparisons: Comparisons,
    left_out: ArrayLike,
    game: PreferenceGame | None = None,
) -> Float:
    """First-order change of the answer to the observed game when labels are left out.

    What is left out may be one comparison, the labels of one rater or those of one prompt.

    Parameters
    ----------
    solver : Solver
        An exact solver of one of the three concepts, or ``MatchedKl`` of one.
    comparisons : Comparisons
        Of one context.
    left_out : float array (..., n, n), >= 0
        Wins to be left out, at most as many as there are; leading axes are separate sets.
    game : PreferenceGame, optional
        Gives the references; uniform if left out.

    Returns
    -------
    float array (..., n)
        Change of the probabilities; NaN where the answer has no derivative.
    """
    observed = comparisons.game(None if game is None else game.ref)
    if game is not None:
        observed = replace(observed, ref_follower=game.ref_follower)
    sets = np.asarray(left_out, dtype=np.float64)
    fewer = Comparisons(
        comparisons.wins - sets, np.broadcast_to(comparisons.ties, sets.shape), comparisons.names
    )
    rest = fewer.game()
    dw = _weights(rest.pair_weights) - _weights(observed.pair_weights)
    return derivative(solver, observed).change(rest.P - observed.P, dw)


def pair_influence(response: Derivative) -> Float:
    """|d policy|_1 per unit of dP_ij = -dP_ji, shape (..., n, n), symmetric."""
    return np.asarray(abs(response.by_P).sum(-3))


def condition_number(response: Derivative, pairs: Float) -> Float:
    """The largest |d policy|_1 per unit of dP, when the error of P_ij is of size n_ij^(-1/2).

    Parameters
    ----------
    response : Derivative
    pairs : float array (..., n, n)
        How often each pair was compared, n_ij; pairs that never were are left out.
    """
    compared = pairs > 0
    scaled = pair_influence(response) / np.sqrt(np.where(compared, pairs, 1))
    return np.asarray(np.where(compared, scaled, 0.0).max((-1, -2)))


@dataclass(frozen=True)
class Influence(Experiment):
    """Derivatives of the answer in every pair, and the fewest reversed labels that change it.

    The condition number is measured on the game and on games with the same order of answers whose
    log-odds are 2, 4 and 8 times as large, with each pair's n_ij relative to the mean.

    Attributes
    ----------
    labels_a_pair : int >= 1
        The labels that are reversed are those of a data set in which every pair was compared so
        often, with win rates as near to P as whole numbers allow; nothing is drawn.
    most_answers : int >= 2
        In games with more answers, nothing is measured.
    most_sets : int >= 1
        No size of sets of labels with more sets than this is tried exhaustively.
    most_contexts : int >= 0
        In games of more contexts the smallest flip is skipped; the derivatives are not.

    Raises
    ------
    SpecError
        If a number is out of range.
    """

    labels_a_pair: int = 100
    most_answers: int = 20
    most_sets: int = 2_000
    most_contexts: int = 10

    def __post_init__(self) -> None:
        if self.labels_a_pair < 1 or self.most_answers < 2 or self.most_sets < 1:
            raise SpecError(
                f"influence: labels_a_pair {self.labels_a_pair} and most_sets {self.most_sets} "
                f"must be at least 1, most_answers {self.most_answers} at least 2"
            )

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the influence of every pair, the condition numbers, then the smallest flip."""
        del rng_for
        if not 2 <= game.n <= self.most_answers:
            reason = f"{game.n} answers; influence needs 2 to most_answers = {self.most_answers}"
            yield Measurement("condition_number", np.nan, status="skipped", message=reason)
            return
        names = game.names
        for factor in SHARPNESS:
            sharper = replace(game, P=_sharpened(game.P, factor), population=None)
            solution = solver.solve(sharper)
            response = derivative(solver, sharper, solution)
            pairs = game.pair_weights
            pairs = pairs / pairs.mean((-1, -2), where=pairs > 0, keepdims=True)
            value = condition_number(response, pairs)
            labels = {"sharpness": factor}
            yield from each("condition_number", value, game, solution, response.message, **labels)
            if factor == 1:
                size = pair_influence(response)
                for i, j in zip(*np.triu_indices(game.n, 1), strict=True):
                    pair = [names[i], names[j]]
                    at_pair = size[..., i, j]
                    against = response.message
                    yield from each("pair_influence", at_pair, game, solution, against, pair=pair)
        yield from self._smallest_flip(game, solver)

    def _smallest_flip(self, game: PreferenceGame, solver: Solver) -> Iterator[Measurement]:
        labels = {"labels_a_pair": self.labels_a_pair}
        contexts = list(np.ndindex(game.batch))
        if len(contexts) > self.most_contexts:
            reason = f"{len(contexts)} contexts, more than most_contexts = {self.most_contexts}"
            yield Measurement("smallest_flip", np.nan, None, labels, "skipped", reason)
            return
        for k, index in enumerate(contexts):
            context = k if game.batch else None
            yield from self._in_context(game.at(index), solver, context, labels)

    def _in_context(
        self, game: PreferenceGame, solver: Solver, context: int | None, labels: dict[str, int]
    ) -> Iterator[Measurement]:
        upper = np.round(np.triu(game.P, 1) * self.labels_a_pair)
        lower = np.triu(np.full((game.n, game.n), float(self.labels_a_pair)), 1) - upper
        comparisons = Comparisons(upper + lower.T, names=game.names)
        found = smallest_flip(solver, comparisons, game, most_sets=self.most_sets)
        at_least, reason = float(found.at_least), found.message
        if not reason:
            yield Measurement("smallest_flip_at_least", at_least, context, labels)
            reason = "" if found.flips is not None else "no set that changes the answer was found"
        status: Status = "undefined" if reason else "ok"
        yield Measurement("smallest_flip", found.size, context, labels, status, reason)


def _weights(pairs: Float) -> Float:
    """Pair weights that sum to 1 over pairs."""
    return np.asarray(pairs / (pairs.sum((-1, -2), keepdims=True) / 2))


def _sharpened(P: Float, factor: float) -> Float:
    """P with its log-odds multiplied; probabilities of 0 and 1 stay."""
    log_odds = numerics.log(P) - numerics.log(1 - P)
    sharp = numerics.sigmoid(factor * log_odds)
    return np.asarray(np.where(P <= 0.5, sharp, 1 - np.swapaxes(sharp, -1, -2)))
