"""The contract of an estimator: the laws that every built-in preference model keeps.

A check returns a figure that it measured, or raises ``Failed`` or ``DoesNotApply``. The data are
by raters who agree, in several contexts; their truth is a Bradley-Terry model, which every model
must be able to express.
"""

from collections.abc import Callable
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from benchmarks.conformance.outcome import (
    DoesNotApply,
    Failed,
    Outcome,
    outcomes_of,
)
from games import numerics
from games.comparisons import Comparisons
from games.errors import GameError
from games.estimation import Estimator, Fit, log_loss
from games.game import Float, PreferenceGame
from games.registry import camel_case

_RATERS = 4
_CONTEXTS = 3
_FEW, _MANY = 25, 5_000
_NEAR = 0.03
_RELABELLING = 1e-5
_REWARDS = np.array([[1.4, 0.2, -0.6, -1.0], [0.5, 0.4, -0.2, -0.7], [-1.0, 1.0, 0.3, -0.3]])


def run(kind: type[Estimator], name: str | None = None) -> list[Outcome]:
    """Run every check of an estimator class, with default parameters.

    Parameters
    ----------
    kind : Estimator class
    name : str, optional
        Registry name; the last part of the module's name if left out.
    """
    name = name or kind.__module__.rpartition(".")[2]
    of_class = {"name": partial(_name, kind, name), "claims": partial(_claims, kind)}
    return outcomes_of(kind, of_class, CHECKS)[1]


def _name(kind: type[Estimator], name: str) -> None:
    module = kind.__module__.rpartition(".")[2]
    if not (name.isidentifier() and name == name.lower()):
        raise Failed(f"the name {name!r} is not of the form my_estimator")
    if module != name:
        raise Failed(f"registered as {name!r} but the module is called {module!r}")
    if kind.__name__ != camel_case(name):
        raise Failed(f"the class is called {kind.__name__}, expected {camel_case(name)}")


def _claims(kind: type[Estimator]) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Estimator)):
        raise Failed(f"{kind!r} is not a subclass of Estimator")
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if "__dataclass_params__" not in vars(kind) or not parameters.frozen:
        raise Failed("the class is not a frozen dataclass: decorate it @dataclass(frozen=True)")
    if not kind.paper.strip():
        raise Failed('paper is empty; say authors, year, arXiv id or venue, or "unpublished"')
    text = vars(kind).get("__doc__") or ""
    if not text.strip() or text.startswith(f"{kind.__name__}("):
        raise Failed("the class has no docstring; state the model in its first line")


# Data


def _truth() -> PreferenceGame:
    gaps = _REWARDS[..., :, None] - _REWARDS[..., None, :]
    return PreferenceGame(numerics.sigmoid(gaps), names=["a", "b", "c", "d"])


def _data(n_comparisons: int, seed: int = 0) -> Comparisons:
    """Comparisons by each of a few raters, in each context."""
    raters = PreferenceGame.stack([_truth()] * _RATERS)
    return Comparisons.sample_raters(raters, n_comparisons, np.random.default_rng(seed))


def _by_rater(raters: Float) -> Comparisons:
    return Comparisons.by_rater(raters, _truth().names)


def _at(comparisons: Comparisons, index: Any) -> Comparisons:
    assert comparisons.raters is not None
    return _by_rater(comparisons.raters[:, index])


def _fitted(estimator: Estimator, comparisons: Comparisons, seed: int = 0) -> Fit:
    return estimator.fitted(comparisons, _generator(estimator, seed))


def _generator(estimator: Estimator, seed: int = 0) -> np.random.Generator | None:
    return np.random.default_rng(seed) if estimator.draws else None


def _require_near(what: str, first: Float, second: Float, tolerance: float) -> str:
    off = float(abs(first - second).max())
    if not off <= tolerance:
        raise Failed(f"{what}: P differs by {off:.2g}, allowed {tolerance:g}")
    return f"within {off:.0e}"


# Checks


def game(estimator: Estimator) -> None:
    """The estimate is a game over the same answers, with the counts of comparisons as pairs."""
    data = _data(_FEW)
    made: Any = estimator.fit(data, _generator(estimator))
    if not isinstance(made, PreferenceGame):
        raise Failed(f"fit returns {type(made).__name__}, expected PreferenceGame")
    if made.P.shape != data.wins.shape:
        raise Failed(f"P has shape {made.P.shape} for comparisons of shape {data.wins.shape}")
    if made.names != data.names:
        raise Failed(f"its names are {made.names}, expected {data.names}")
    if made.pairs is None or abs(made.pairs - data.pairs).max() > 1e-9:
        raise Failed("its pairs are not the counts of comparisons; give pairs=comparisons.pairs")


def purity(estimator: Estimator) -> None:
    """The same comparisons and seed give the same estimate, and the comparisons stay as they are.

    A generator is used by what draws only, which refuses to do without one.
    """
    data, copy = _data(_FEW), _data(_FEW)
    first, second = (_fitted(estimator, data).game for _ in range(2))
    if first != second:
        raise Failed("two fits to the same comparisons with the same seed give two games")
    assert data.raters is not None
    assert copy.raters is not None
    if not np.array_equal(data.wins, copy.wins) or not np.array_equal(data.raters, copy.raters):
        raise Failed("it changes the comparisons that it is given")
    if estimator.draws:
        _require_game_error("without rng", partial(estimator.fit, data))
        return
    rng = np.random.default_rng(0)
    if estimator.fit(data, rng) != first or rng.random() != np.random.default_rng(0).random():
        raise Failed("it uses rng but says that it does not draw; let the property draws be True")


def contexts(estimator: Estimator) -> str:
    """Contexts fitted together and one by one give the same estimates."""
    data = _data(_FEW)
    together = _fitted(estimator, data).game.P
    alone = [_fitted(estimator, _at(data, k)).game.P for k in range(_CONTEXTS)]
    return _require_near("together and one by one", together, np.stack(alone), 1e-12)


def relabelling(estimator: Estimator) -> str:
    """Answers in another order get the same probabilities, in that order."""
    data, order = _data(_MANY), np.array([2, 0, 3, 1])
    assert data.raters is not None
    other = Comparisons.by_rater(data.raters[..., order, :][..., order])
    P = _fitted(estimator, data).game.P[..., order, :][..., order]
    return _require_near("another order", _fitted(estimator, other).game.P, P, _RELABELLING)


def truth(estimator: Estimator) -> str:
    """With more comparisons the estimate comes nearer to the Bradley-Terry model they are from."""
    few, many = (_fitted(estimator, _data(n)).game.P for n in (_FEW, _MANY))
    P = _truth().P
    before, after = (float(abs(estimate - P).mean()) for estimate in (few, many))
    if not after < min(before / 2, _NEAR):
        raise Failed(
            f"the mean error of P is {before:.2g} with {_FEW * _RATERS} comparisons and "
            f"{after:.2g} with {_MANY * _RATERS}; expected half of that, and below {_NEAR:g}"
        )
    return f"mean error {before:.1g}, then {after:.1g}"


def ties(estimator: Estimator) -> None:
    """A tie counts as half a win each way."""
    data = _data(_FEW)
    tied = np.triu(np.arange(16).reshape(4, 4) % 3, 1)
    tied = np.broadcast_to(tied + tied.T, data.wins.shape)
    separate, half = Comparisons(data.wins, tied), Comparisons(data.wins + tied / 2)
    reasons = estimator.undefined(separate)
    if (reasons != "").any():
        raise DoesNotApply(str(reasons[reasons != ""][0]))
    first, second = (_fitted(estimator, each).game for each in (separate, half))
    _require_near("ties and half wins", first.P, second.P, _RELABELLING)


def held_out(estimator: Estimator) -> str:
    """The log-loss on other comparisons is finite, and below that of a guess."""
    estimate = _fitted(estimator, _data(_FEW)).game
    loss = log_loss(estimate, _data(_FEW, seed=1))
    if not np.isfinite(loss).all():
        raise Failed("it gives probability 0 to what happens in other comparisons; add a prior")
    if not loss.mean() < np.log(2):
        raise Failed(f"the log-loss is {loss.mean():.3f}, no better than a guess, {np.log(2):.3f}")
    return f"{loss.mean():.3f} nats"


def unseen(estimator: Estimator) -> str:
    """A pair that was never compared, and one with a single winner, have a fit or a reason."""
    data = _data(_FEW)
    assert data.raters is not None
    raters = data.raters.copy()
    raters[:, 0, 0, 1] = raters[:, 0, 1, 0] = 0  # a and b were never compared
    raters[:, 1, 3, :] = 0  # d never won
    raters[:, 2] = 0  # nothing was compared
    changed = _by_rater(raters)
    reasons = estimator.undefined(changed)
    if np.shape(reasons) != (_CONTEXTS,):
        raise Failed(f"undefined has shape {np.shape(reasons)} for {_CONTEXTS} contexts")
    if not reasons[2]:
        raise Failed("a context without comparisons has no reason; call super().undefined")
    _require_game_error("a context without comparisons", partial(_fitted, estimator, changed))
    defined = np.flatnonzero(reasons == "")
    if not defined.size:
        raise DoesNotApply(f"no fit: {reasons[0]}")
    P = _fitted(estimator, _at(changed, defined)).game.P
    return f"the unseen pair gets {P[0, 0, 1]:.2f}" if reasons[0] == "" else str(reasons[0])


def certificate(estimator: Estimator) -> str:
    """The residual is within its tolerance, and every start has a finite loss."""
    fit = _fitted(estimator, _data(_FEW))
    shape = fit.game.batch
    if np.shape(fit.certificate.residual) != shape or np.shape(fit.losses)[:-1] != shape:
        raise Failed("certificate and losses have other contexts than the game")
    if not fit.certificate.holds.all():
        worst = float(np.max(fit.certificate.residual))
        raise Failed(f"{fit.certificate.condition} is off by {worst:.2g}")
    if not np.isfinite(fit.losses).all():
        raise Failed("the loss of some start is not finite")
    return f"{fit.certificate.condition}, spread of losses {fit.spread.max():.1g}"


def pickling(estimator: Estimator) -> None:
    """The estimator goes to a worker process and back unchanged."""
    if ForkingPickler.loads(ForkingPickler.dumps(estimator)) != estimator:
        raise Failed("the estimator comes back changed")


def _require_game_error(when: str, call: Callable[[], object]) -> None:
    try:
        call()
    except GameError:
        return
    raise Failed(f"{when}, fit gives an answer; a GameError was expected")


CHECKS: tuple[Callable[[Any], str | None], ...] = (
    game,
    purity,
    contexts,
    relabelling,
    truth,
    ties,
    held_out,
    unseen,
    certificate,
    pickling,
)
"""The checks of an instance."""
