"""From the plain data of a spec to games, methods and experiments, and what is wrong with it.

Methods are solvers at the scale "tabular" and learners at the scale "llm". The package llm, and
with it torch, is loaded when something of that scale is first asked for.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Integral, Real
from pkgutil import resolve_name
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

import numpy as np

from benchmarks import files
from benchmarks.kinds import KINDS, Scale
from games import PreferenceGame, PrefgamesError, SpecError
from games.catalogue import GAMES, make, makes_draws
from games.plugin_files import place
from games.registry import Registry, near, parameters
from solvers import ALIASES, taus

Params = Mapping[str, Any]
T = TypeVar("T")

EXACT = "_exact"
"""What the names of the exact solvers of the three concepts end in."""

_CONCEPTS = ("RLHF", "NLHF", "SLHF")

_EXPECTED: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "null",
}
"""The types of parameters that are checked before a plugin is made, and their names for users."""

_NUMBERS: dict[type, type] = {int: Integral, float: Real}


def game(name: str, params: Params, rng: np.random.Generator | None = None) -> PreferenceGame:
    """The game of the catalogue, of an installed package or of a file, with these parameters.

    Raises
    ------
    SpecError
        If a name is unknown, or a value of another type than its parameter.
    GameError
        If a value is wrong.
    """
    params = files.without_source(params)
    _require_types(name, params, parameters(GAMES[name]))
    return _construct(name, partial(make, {"name": name, **params}, rng))


def game_draws(name: str, params: Params) -> bool:
    """Whether the game is drawn; a user's data (parameter ``data``) is not."""
    return "data" not in params and makes_draws({"name": name, **files.without_source(params)})


def game_parameters(name: str, params: Params) -> list[str]:
    """The names of the game's parameters; a user's data has none."""
    return [] if "data" in params else list(parameters(GAMES[name]))


class Methods:
    """What the experiments of a scale cross with the games, and those experiments.

    Attributes
    ----------
    kind, experiment_kind : str
        Keys of ``KINDS``.
    shorthands : tuple of str
        What specs and the command line may give in place of a method's KL weights.
    folders : tuple of str
        Folders of a run directory that its experiments write to.
    trains : bool
        Whether its methods train a model, so that every cell draws.
    """

    kind: ClassVar[str]
    experiment_kind: ClassVar[str]
    shorthands: ClassVar[tuple[str, ...]]
    folders: ClassVar[tuple[str, ...]] = ()
    trains: ClassVar[bool] = False

    @property
    def registry(self) -> Registry[Any]:
        """The methods: name -> class."""
        return KINDS[self.kind].plugins()

    def parameters(self, name: str) -> Mapping[str, inspect.Parameter]:
        """The parameters of a method: the fields of its class, unless the scale has more."""
        return parameters(self.registry[name])

    def make(self, name: str, params: Params) -> Any:
        """The method with these parameters.

        Raises
        ------
        SpecError
            If a name is unknown, or language models are needed and cannot be loaded.
        SolverError
            If a value is out of range.
        """
        params = files.without_source(params)
        _require_parameters(name, params, self.parameter_names(name))
        _require_types(name, params, self.parameters(name))
        return self._build(name, params)

    def _build(self, name: str, params: dict[str, Any]) -> Any:
        raise NotImplementedError

    def draws(self, name: str, params: Params) -> bool:
        """Whether the method draws random numbers."""
        return self.trains or bool(self.make(name, params).draws)

    def experiment(self, name: str, params: Params) -> Any:
        """The experiment with these parameters.

        Raises
        ------
        SpecError
            If a name is unknown or a value impossible.
        """
        kind = KINDS[self.experiment_kind].plugins()[name]
        _require_parameters(name, params, parameters(kind))
        _require_types(name, params, parameters(kind))
        return _construct(name, partial(kind, **params))

    def experiment_draws(self, name: str, params: Params) -> bool:
        """Whether the experiment draws random numbers."""
        return self.trains or bool(self.experiment(name, params).draws)

    def settable(self, experiment: str) -> Iterable[str]:
        """Parameters of an experiment that ``-p`` sets besides those of methods: none."""
        del experiment
        return ()

    def named(self, text: str) -> str:
        """The registry name of a user's text; a file is registered under its stem.

        Raises
        ------
        SpecError
            If the file is of no use, or the name is another one's alias, which is not run twice.
        """
        return files.registered(self.kind, text)

    def frontier(self, name: str) -> list[dict[str, Any]]:
        """The parameters of a method at every KL of ``tabular.matching.FRONTIER``."""
        del name
        from tabular.matching import FRONTIER

        return [{"kl": kl} for kl in FRONTIER]

    def weights(self, name: str) -> list[str]:
        """Names of the KL weights of a method: its parameters called tau or tau_*."""
        return [key for key in self.parameters(name) if key == "tau" or key.startswith("tau_")]

    def parameter_names(self, name: str) -> list[str]:
        """The names of its parameters, and the shorthands for KL weights if it has any."""
        shorthands = self.shorthands if self.weights(name) else ()
        return list(dict.fromkeys([*self.parameters(name), *shorthands]))

    def with_weights(self, name: str, params: Params) -> dict[str, Any]:
        """The parameters with every KL weight by its name: as set, else ``tau``, else default.

        A method from a file also has its ``source`` (see ``files.with_source``).
        """
        params = files.with_source(self.kind, name, params)
        weights = self.weights(name)
        if "kl" in params or not weights:
            return dict(params)
        default = {key: self.parameters(name)[key].default for key in weights}
        if "tau" in params:
            default = dict.fromkeys(weights, params["tau"])
        return {**default, **{key: value for key, value in params.items() if key != "tau"}}


class Solvers(Methods):
    """Solvers, alone or at a given KL to the reference.

    The parameter ``kl`` asks for the latter; it finds the tau's that are not given.
    """

    kind = "solver"
    experiment_kind = "experiment"
    shorthands = ("tau", "kl")

    def _build(self, name: str, params: dict[str, Any]) -> Any:
        kind = self.registry[name]
        if "kl" not in params:
            return _construct(name, partial(kind, **params))
        fixed = [key for key in ("tau", *taus(kind)) if key in params]
        if "tau" in fixed or len(fixed) == len(taus(kind)):
            raise SpecError(f"{name}: kl finds the tau by itself; drop {' or '.join(fixed)}, or kl")
        from tabular import MatchedKl

        rest = {key: value for key, value in params.items() if key != "kl"}
        _construct(name, partial(kind, **rest))
        return _construct(name, partial(MatchedKl, kind, params["kl"], rest))

    def frontier(self, name: str) -> list[dict[str, Any]]:
        """Also tau = 0, and where there is a tau_follower each KL again with that fixed at 0."""
        levels = super().frontier(name)
        follower = "tau_follower" in self.weights(name)
        sharp = [{**level, "tau_follower": 0.0} for level in levels] if follower else []
        return [*levels, *sharp, {"tau": 0.0}]

    def named(self, text: str) -> str:
        """The registry name of a user's text, which may be a concept as tables print it.

        An alias is refused, with what to write instead.
        """
        if text in ALIASES:
            alias = ALIASES[text]
            params = " ".join(f"-p {key}={value:g}" for key, value in alias.params().items())
            raise SpecError(
                f"{text} has the update of {alias.solver} and is run under that name: "
                f"--solver {alias.solver} {params}"
            )
        return super().named(f"{text.lower()}{EXACT}" if text in _CONCEPTS else text)


class Learners(Methods):
    """Learners; their parameters are their fields and those of their training, which draws.

    Their KL weights are given, or found by the parameter ``kl`` (see ``llm.method.Method``).
    """

    kind = "learner"
    experiment_kind = "language_experiment"
    shorthands = ("tau", "kl")
    folders = ("models",)
    trains = True

    def parameters(self, name: str) -> Mapping[str, inspect.Parameter]:
        """The parameters of the training, then those of the learner."""
        self.registry[name]  # a SpecError if torch is missing
        names: Mapping[str, inspect.Parameter] = resolve_name("llm:learner_parameters")(name)
        return names

    def _build(self, name: str, params: dict[str, Any]) -> Any:
        return _construct(name, partial(resolve_name("llm:make_learner"), name, params))

    def settable(self, experiment: str) -> Iterable[str]:
        """Every parameter of the experiment, the language model among them."""
        return parameters(KINDS[self.experiment_kind].plugins()[experiment])


METHODS: dict[Scale, Methods] = {"tabular": Solvers(), "llm": Learners()}


def _require_parameters(name: str, params: Params, accepted: Iterable[str]) -> None:
    names = list(accepted)
    for key in params:
        if key not in names:
            raise SpecError(f"{name} has no parameter {key!r}{near(key, names)}")


def _require_types(name: str, params: Params, accepted: Mapping[str, inspect.Parameter]) -> None:
    """Check the values of parameters that are annotated as whole numbers, numbers or switches."""
    for key, value in params.items():
        if key not in accepted:
            continue
        annotation = accepted[key].annotation
        union = get_origin(annotation) in (Union, UnionType)
        kinds = set(get_args(annotation) if union else [annotation])
        if kinds <= _EXPECTED.keys() and not any(_is_a(value, kind) for kind in kinds):
            expected = " or ".join(_EXPECTED[kind] for kind in _EXPECTED if kind in kinds)
            raise SpecError(f"{name}: {key} is {value!r}, expected {expected}")


def _is_a(value: Any, kind: type) -> bool:
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is int and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _NUMBERS.get(kind, kind))


def reason(error: Exception) -> str:
    """What went wrong in one line; of an error that no one meant to raise also where."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if isinstance(error, PrefgamesError) else f"{text} ({place(error)})"


def _construct(name: str, plugin: Callable[[], T]) -> T:
    try:
        return plugin()
    except PrefgamesError:
        raise
    except (TypeError, ValueError) as error:  # a plugin that leaves checking to Python
        raise SpecError(f"{name}: {error}") from None
    except Exception as error:  # of a plugin, which may raise anything
        raise SpecError(f"{name}: {reason(error)}") from error
