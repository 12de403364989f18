"""Making a plugin from the plain data of a spec: games here, methods in ``benchmarks.methods``."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Integral, Real
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import numpy as np

from benchmarks import files
from games import PreferenceGame, PrefgamesError, SpecError
from games.catalogue import GAMES, make, makes_draws
from games.plugin_files import place
from games.registry import near, parameters

Params = Mapping[str, Any]
T = TypeVar("T")

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
    require_types(name, params, parameters(GAMES[name]))
    return construct(name, partial(make, {"name": name, **params}, rng))


def game_draws(name: str, params: Params) -> bool:
    """Whether the game is drawn; a user's data (parameter ``data``) is not."""
    return "data" not in params and makes_draws({"name": name, **files.without_source(params)})


def game_parameters(name: str, params: Params) -> list[str]:
    """The names of the game's parameters; a user's data has none."""
    return [] if "data" in params else list(parameters(GAMES[name]))


def require_parameters(name: str, params: Params, accepted: Iterable[str]) -> None:
    """Raise a SpecError for a parameter that is not accepted."""
    names = list(accepted)
    for key in params:
        if key not in names:
            raise SpecError(f"{name} has no parameter {key!r}{near(key, names)}")


def require_types(name: str, params: Params, accepted: Mapping[str, inspect.Parameter]) -> None:
    """Raise a SpecError for a value that is no number, text or switch as annotated."""
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


def construct(name: str, plugin: Callable[[], T]) -> T:
    """What ``plugin`` makes; an error of another package's becomes a SpecError that names it."""
    try:
        return plugin()
    except PrefgamesError:
        raise
    except (TypeError, ValueError) as error:  # a plugin that leaves checking to Python
        raise SpecError(f"{name}: {error}") from None
    except Exception as error:  # of a plugin, which may raise anything
        raise SpecError(f"{name}: {reason(error)}") from error
