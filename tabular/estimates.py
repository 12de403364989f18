"""Games as preference models estimate them from comparisons, for experiments."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from games import Comparisons, PreferenceGame, SpecError, numerics
from games.certificate import Reasons
from games.estimation import ESTIMATORS, Estimator
from games.game import Float
from solvers import Solution, Solver
from solvers.solver import solve_defined

Choice = str | Mapping[str, Any]
"""A preference model in a spec: its registry name, or a table of its name and parameters."""

OBSERVED: Choice = {"name": "table", "prior": 0}
"""The win rates as they are observed; a pair that was never compared is 1/2."""

_UNLIMITED = 1e12


def make_estimator(experiment: str, choice: Choice) -> Estimator:
    """The preference model that a spec asks for.

    Raises
    ------
    SpecError
        If the name or a parameter is unknown, or a value is out of range.
    """
    named = dict(choice) if isinstance(choice, Mapping) else {"name": choice}
    name = named.pop("name", None)
    if not isinstance(name, str):
        raise SpecError(
            f"{experiment}: estimator is {choice!r}, expected a name or a table with the key name"
        )
    kind = ESTIMATORS[name]
    try:
        return kind(**named)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{experiment}: estimator {name}: {error}") from None


def estimator_label(choice: Choice) -> str:
    """The choice as a label of rows: "table(prior=0)"."""
    if isinstance(choice, str):
        return choice
    rest = ", ".join(f"{key}={value}" for key, value in choice.items() if key != "name")
    return f"{choice['name']}({rest})" if rest else str(choice["name"])


def unlimited(game: PreferenceGame) -> Comparisons:
    """So many comparisons, divided like ``game.pairs``, that each pair compared shows its P."""
    weights = game.pair_weights
    counts = _UNLIMITED * weights / weights.sum((-1, -2), keepdims=True)
    return Comparisons(counts * game.P, names=game.names)


@dataclass(frozen=True)
class Estimate:
    """What a preference model makes of comparisons.

    Attributes
    ----------
    game : PreferenceGame
        The estimated game, with the reference of the true one; all pairs count equally.
    message : str array (...)
        Why a context has no estimate, e.g. an infinite fit; "" where it has one.
    """

    game: PreferenceGame
    message: Reasons

    def solve(self, solver: Solver, rng: np.random.Generator) -> Solution:
        """The solver's answers; undefined where there is no estimate."""
        return solve_defined(lambda part: solver.solve(part, rng), self.game, self.message)


def estimate(
    truth: PreferenceGame,
    comparisons: Comparisons,
    estimator: Estimator,
    rng: np.random.Generator | None,
) -> Estimate:
    """Fit a preference model in each context that has a fit.

    Parameters
    ----------
    truth : PreferenceGame
        Its references and names are kept.
    comparisons : Comparisons
        In the contexts of ``truth``, without ties.
    estimator : Estimator
    rng : Generator, or None if the estimator does not draw
    """
    message = np.broadcast_to(estimator.undefined(comparisons), truth.batch)
    P = np.full(truth.P.shape, 0.5)
    defined = np.asarray(message == "")
    if defined.any():
        data = Comparisons(comparisons.wins[defined], names=comparisons.names)
        state = "" if rng is None else repr(rng.bit_generator.state)
        counts = data.wins.shape, data.wins.tobytes()
        P[defined] = _fitted(_Question(estimator, counts, state, data, rng))
    return Estimate(replace(truth, P=P, pairs=None), message)


@dataclass(frozen=True)
class _Question:
    """What a fit depends on, equal for equal counts and equal random numbers."""

    estimator: Estimator
    counts: tuple[tuple[int, ...], bytes]
    state: str
    data: Comparisons = field(compare=False)
    rng: np.random.Generator | None = field(compare=False)


@lru_cache(maxsize=4)
def _fitted(question: _Question) -> Float:
    """P (contexts, n, n); kept because the cells of all methods ask for the same fit in turn."""
    return question.estimator.fit(question.data, question.rng).P


def imputation_shift(
    truth: PreferenceGame,
    comparisons: Comparisons,
    fitted: Estimate,
    answer: Solution,
    solver: Solver,
    rng: np.random.Generator,
) -> tuple[Float, Reasons]:
    """How far answers move when pairs never compared get their true P instead of the estimate.

    Every other pair keeps its estimate, and all pairs count equally; 0 where every pair was
    compared.

    Returns
    -------
    shift : float array (...)
        Total variation; NaN where one of the two answers does not exist.
    message : str array (...)
        Why the answer with the true P does not exist; "" where it does.
    """
    some = comparisons.unseen.any((-1, -2))
    shift, message = np.zeros(truth.batch), np.full(truth.batch, "", dtype=object)
    if some.any():
        P = np.where(comparisons.unseen, truth.P, fitted.game.P)[some]
        mended = Estimate(replace(fitted.game.at(some), P=P), fitted.message[some])
        other = mended.solve(solver, rng)
        shift[some] = numerics.total_variation(answer.policy[some], other.policy)
        message[some] = other.message
    return shift, message.astype(np.str_)
