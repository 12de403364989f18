"""From the plain data of a spec to games, solvers and experiments, and what is wrong with it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from games import GAMES, PreferenceGame, PrefgamesError, SpecError
from games.catalogue import make, makes_draws
from games.registry import near, parameters
from solvers import ALIASES, SOLVERS, Solver, discovery, taus
from tabular import EXPERIMENTS, Experiment, MatchedKl

Params = Mapping[str, Any]
T = TypeVar("T")


def game(name: str, params: Params, rng: np.random.Generator | None = None) -> PreferenceGame:
    """The game of the catalogue, or of an installed package, with these parameters."""
    discovery.fetch(GAMES, discovery.GAMES_GROUP, name)
    return make({"name": name, **params}, rng)


def game_draws(name: str, params: Params) -> bool:
    """Whether the game is drawn; a user's data (parameter ``data``) is not."""
    if "data" in params:
        return False
    discovery.fetch(GAMES, discovery.GAMES_GROUP, name)
    return makes_draws({"name": name, **params})


def named(text: str) -> str:
    """The registry name that a user's ``--solver`` stands for; a file is registered under its own.

    Raises
    ------
    SpecError
        If the file is of no use, or the name is another one's alias, which is not run twice.
    """
    if text.endswith(".py"):
        return discovery.add_file(SOLVERS, text)
    if text in ALIASES:
        alias = ALIASES[text]
        told = " ".join(f"-p {key}={value:g}" for key, value in alias.params().items())
        raise SpecError(
            f"{text} has the update of {alias.solver} and is run under that name: "
            f"--solver {alias.solver} {told}"
        )
    return text


def keep_files(params: Iterable[tuple[str, Params]], folder: Path) -> None:
    """Write the files of the solvers that came from one where workers and resumed runs look."""
    for name, given in params:
        if "source" in given:
            held, _ = discovery.source(SOLVERS[name])
            path = _file(name, given, folder)
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(held)


def bring(name: str, params: Params, folder: Path) -> None:
    """Register the solver in this process, if it comes from a file that the run keeps."""
    if "source" in params:
        there = SOLVERS.get(name)
        if there is None or discovery.source(there)[1] != params["source"]:
            discovery.add_file(SOLVERS, _file(name, params, folder))


def _file(name: str, params: Params, folder: Path) -> Path:
    return folder / "solvers" / str(params["source"]) / f"{name}.py"


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
    params = {key: value for key, value in params.items() if key != "source"}
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
    """The parameters with every KL weight by its own name: as given, else ``tau``, else default.

    A solver from a file also has ``source``, the hash of what the file held: another file, another
    run.
    """
    if discovery.from_file(SOLVERS[name]):
        params = {**params, "source": discovery.source(SOLVERS[name])[1]}
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
