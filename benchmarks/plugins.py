"""From the plain data of a spec to games, solvers and experiments, and what is wrong with it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np

from games import PreferenceGame, PrefgamesError, SpecError
from games.catalogue import make, makes_draws
from games.registry import near, parameters
from solvers import SOLVERS, Solver, taus
from tabular import EXPERIMENTS, Experiment, MatchedKl

Params = Mapping[str, Any]
T = TypeVar("T")


def game(name: str, params: Params, rng: np.random.Generator | None = None) -> PreferenceGame:
    """The game of the catalogue with these parameters."""
    return make({"name": name, **params}, rng)


def game_draws(name: str, params: Params) -> bool:
    """Whether the game is drawn; a user's data (parameter ``data``) is not."""
    return "data" not in params and makes_draws({"name": name, **params})


def solver(name: str, params: Params) -> Solver:
    """The solver, or with the parameter kl the solver at that KL.

    Raises
    ------
    SpecError
        If a name is unknown, or kl and a tau are both given.
    SolverError
        If a value is out of range.
    """
    kind = SOLVERS[name]
    _require_known(name, params, solver_parameters(name))
    if "kl" not in params:
        return _construct(name, partial(kind, **params))
    given = [key for key in ("tau", *taus(kind)) if key in params]
    if given:
        raise SpecError(f"{name}: kl finds the tau by itself; drop {' and '.join(given)}, or kl")
    rest = {key: value for key, value in params.items() if key != "kl"}
    _construct(name, partial(kind, **rest))
    return _construct(name, partial(MatchedKl, kind, params["kl"], rest))


def solver_parameters(name: str) -> list[str]:
    """Its fields, and what specs and the command line add: tau (all KL weights at once) and kl."""
    kind = SOLVERS[name]
    extra = ["tau", "kl"] if taus(kind) else []
    return list(dict.fromkeys([*parameters(kind), *extra]))


def with_weights(name: str, params: Params) -> dict[str, Any]:
    """The parameters with every KL weight by its own name: as given, else ``tau``, else default."""
    weights = taus(SOLVERS[name])
    if "kl" in params or not weights:
        return dict(params)
    default = {key: parameters(SOLVERS[name])[key].default for key in weights}
    if "tau" in params:
        default = dict.fromkeys(weights, params["tau"])
    return {**default, **{key: value for key, value in params.items() if key != "tau"}}


def experiment(name: str, params: Params) -> Experiment:
    """The experiment with these parameters.

    Raises
    ------
    SpecError
        If a name is unknown or a value impossible.
    """
    _require_known(name, params, parameters(EXPERIMENTS[name]))
    return _construct(name, partial(EXPERIMENTS[name], **params))


def _require_known(name: str, params: Params, known: Iterable[str]) -> None:
    names = list(known)
    for key in params:
        if key not in names:
            raise SpecError(f"{name} has no parameter {key!r}{near(key, names)}")


def _construct(name: str, plugin: Callable[[], T]) -> T:
    try:
        return plugin()
    except PrefgamesError:
        raise
    except (TypeError, ValueError) as error:  # a plugin that leaves checking to Python
        raise SpecError(f"{name}: {error}") from None
