"""From the plain data of a spec to games, methods and experiments, and what is wrong with it.

Methods are solvers at the scale "tabular" and learners at the scale "llm". The package llm, and
with it torch, is loaded when something of that scale is first asked for.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

import numpy as np

from games import GAMES, PreferenceGame, PrefgamesError, SpecError
from games.catalogue import make, makes_draws
from games.registry import Registry, near, parameters
from solvers import ALIASES, SOLVERS, Solver, discovery, taus
from solvers.discovery import Discovered
from tabular import EXPERIMENTS, MatchedKl

Params = Mapping[str, Any]
Scale = Literal["tabular", "llm"]
Methods = Literal["solvers", "learners"]
T = TypeVar("T")

METHODS: dict[Scale, Methods] = {"tabular": "solvers", "llm": "learners"}
"""Scale -> what an experiment of that scale crosses with the games."""


def language_models() -> ModuleType:
    """The package llm, with its learners and judges.

    Raises
    ------
    SpecError
        If it, or what it needs, cannot be imported; the message names the extra to install.
    """
    try:
        import llm.judges
        import llm.learners
    except ImportError as error:
        raise SpecError(
            f'language models cannot be loaded ({error}); pip install "prefgames[llm]"'
        ) from error
    return llm


def methods(scale: Scale) -> Discovered[Any]:
    """The registry of solvers, or of learners."""
    return SOLVERS if scale == "tabular" else language_models().learners.LEARNERS


def judges() -> Discovered[Any]:
    """The registry of judges."""
    found: Discovered[Any] = language_models().judges.JUDGES
    return found


def experiments(scale: Scale) -> Registry[Any]:
    """The registry of the questions at that scale."""
    return EXPERIMENTS if scale == "tabular" else language_models().EXPERIMENTS


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


def named(text: str, scale: Scale = "tabular") -> str:
    """The registry name of a user's ``--solver`` or ``--learner``; a file is registered by its own.

    Raises
    ------
    SpecError
        If the file is of no use, or the name is another one's alias, which is not run twice.
    """
    if text.endswith(".py"):
        return discovery.add_file(methods(scale), text)
    if scale == "tabular" and text in ALIASES:
        alias = ALIASES[text]
        told = " ".join(f"-p {key}={value:g}" for key, value in alias.params().items())
        raise SpecError(
            f"{text} has the update of {alias.solver} and is run under that name: "
            f"--solver {alias.solver} {told}"
        )
    return text


def keep_files(params: Iterable[tuple[str, Params]], folder: Path, scale: Scale) -> None:
    """Write the files of the methods that came from one where workers and resumed runs look."""
    for name, given in params:
        if "source" in given:
            held, _ = discovery.source(methods(scale)[name])
            path = _file(name, given, folder, scale)
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(held)


def bring(name: str, params: Params, folder: Path, scale: Scale) -> None:
    """Register the method in this process, if it comes from a file that the run keeps."""
    if "source" in params:
        there = methods(scale).get(name)
        if there is None or discovery.source(there)[1] != params["source"]:
            discovery.add_file(methods(scale), _file(name, params, folder, scale))


def _file(name: str, params: Params, folder: Path, scale: Scale) -> Path:
    return folder / METHODS[scale] / str(params["source"]) / f"{name}.py"


def method(name: str, params: Params, scale: Scale) -> Any:
    """The solver or learner with these parameters."""
    return solver(name, params) if scale == "tabular" else learner(name, params)


def learner(name: str, params: Params) -> Any:
    """The learner; its parameters are its own and those of its training.

    Raises
    ------
    SpecError
        If a name is unknown, or language models cannot be loaded.
    SolverError
        If a value is out of range.
    """
    params = {key: value for key, value in params.items() if key != "source"}
    _require_known(name, params, parameter_names(name, "llm"))
    return _construct(name, partial(language_models().make_learner, name, params))


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
    _require_known(name, params, parameter_names(name, "tabular"))
    if "kl" not in params:
        return _construct(name, partial(kind, **params))
    given = [key for key in ("tau", *taus(kind)) if key in params]
    if given:
        raise SpecError(f"{name}: kl finds the tau by itself; drop {' and '.join(given)}, or kl")
    rest = {key: value for key, value in params.items() if key != "kl"}
    _construct(name, partial(kind, **rest))
    return _construct(name, partial(MatchedKl, kind, params["kl"], rest))


def parameter_names(name: str, scale: Scale) -> list[str]:
    """Its fields, for a learner those of its training, and what specs and the command line add.

    Those are tau (all KL weights at once) and, for solvers, kl.
    """
    extra = ["tau", "kl"] if scale == "tabular" else ["tau"]
    extra = extra if weights(name, scale) else []
    return list(dict.fromkeys([*_parameters(name, scale), *extra]))


def experiment_parameters(name: str) -> Mapping[str, inspect.Parameter]:
    """The parameters of an experiment of scale "llm"."""
    return parameters(experiments("llm")[name])


def weights(name: str, scale: Scale) -> list[str]:
    """Names of the KL weights of a method: its parameters called tau or tau_*."""
    return [key for key in _parameters(name, scale) if key == "tau" or key.startswith("tau_")]


def _parameters(name: str, scale: Scale) -> Mapping[str, inspect.Parameter]:
    kind = methods(scale)[name]
    if scale == "tabular":
        return parameters(kind)
    own: dict[str, inspect.Parameter] = language_models().learner_parameters(name)
    return own


def with_weights(name: str, params: Params, scale: Scale = "tabular") -> dict[str, Any]:
    """The parameters with every KL weight by its own name: as given, else ``tau``, else default.

    A method from a file also has ``source``, the hash of what the file held: another file, another
    run.
    """
    kind = methods(scale)[name]
    if discovery.from_file(kind):
        params = {**params, "source": discovery.source(kind)[1]}
    own = weights(name, scale)
    if "kl" in params or not own:
        return dict(params)
    default = {key: _parameters(name, scale)[key].default for key in own}
    if "tau" in params:
        default = dict.fromkeys(own, params["tau"])
    return {**default, **{key: value for key, value in params.items() if key != "tau"}}


def experiment(name: str, params: Params, scale: Scale) -> Any:
    """The experiment with these parameters.

    Raises
    ------
    SpecError
        If a name is unknown or a value impossible.
    """
    kind = experiments(scale)[name]
    _require_known(name, params, parameters(kind))
    return _construct(name, partial(kind, **params))


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
