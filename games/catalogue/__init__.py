"""The game catalogue: one file a game, named after it, and games built from plain data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

import numpy as np

from games.catalogue.contextual import Family
from games.errors import GameError, SpecError
from games.game import PreferenceGame
from games.registry import Registry, draws, near, parameters

GAMES: Registry[Callable[..., PreferenceGame]] = Registry(
    "game", __name__, "prefgames.games", function=True
)

GameSpec = str | Mapping[str, Any]
"""A game as plain data: its name, or ``{"name": ..., parameter: value}``."""


def make(spec: GameSpec, rng: np.random.Generator | None = None) -> PreferenceGame:
    """Build a game from plain data.

    The value of a parameter annotated ``PreferenceGame`` is a spec too and is built first, with
    the same ``rng``; the value of one annotated ``Family`` becomes a function that builds the game
    anew at each call. Lists of either are built item by item. Parameters are built in the order
    of the signature, so the order of a mapping does not change what is drawn.

    Raises
    ------
    SpecError
        If no game or parameter has that name.
    GameError
        If a value is wrong, or the game draws and ``rng`` is None.
    """
    name, given = _read(spec)
    game = GAMES[name]
    built = {
        key: _built(f"{name}: {key}", given[key], parameter.annotation, rng)
        for key, parameter in parameters(game).items()
        if key in given
    }
    if not draws(game):
        return game(**built)
    if rng is None:
        raise GameError(f"{name} draws random numbers: give rng, e.g. numpy.random.default_rng(0)")
    return game(**built, rng=rng)


def makes_draws(spec: GameSpec) -> bool:
    """Whether ``make(spec)`` needs an ``rng``: the game draws, or one inside it does."""
    name, given = _read(spec)
    accepted = parameters(GAMES[name])
    inner = [s for key, value in given.items() for s in _specs(value, accepted[key].annotation)]
    return draws(GAMES[name]) or any(map(makes_draws, inner))


def _read(spec: GameSpec) -> tuple[str, dict[str, Any]]:
    """The name and the parameters of a spec; a SpecError if either does not exist."""
    given = {"name": spec} if isinstance(spec, str) else spec
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise SpecError(f"a game is a name or a mapping with the key 'name', got {spec!r}")
    name = given["name"]
    accepted = parameters(GAMES[name])
    for key in given:
        if key != "name" and key not in accepted:
            raise SpecError(f"{name} has no parameter {key!r}{near(str(key), accepted)}")
    return name, {key: value for key, value in given.items() if key != "name"}


def _specs(value: Any, kind: Any) -> list[GameSpec]:
    """The specs within the value of a parameter with this annotation."""
    if get_origin(kind) is Sequence and isinstance(value, list | tuple):
        return [spec for item in value for spec in _specs(item, get_args(kind)[0])]
    return [value] if kind in (PreferenceGame, Family) and isinstance(value, str | Mapping) else []


def _built(what: str, value: Any, kind: Any, rng: np.random.Generator | None) -> Any:
    """``value`` with every spec in it replaced by the game that it describes."""
    if get_origin(kind) is Sequence and isinstance(value, list | tuple):
        return [_built(what, item, get_args(kind)[0], rng) for item in value]
    if _specs(value, kind):
        return make(value, rng) if kind is PreferenceGame else lambda rng: make(value, rng)
    if kind is PreferenceGame and not isinstance(value, PreferenceGame):
        raise SpecError(f"{what} is {value!r}, expected the name of a game or a mapping with one")
    return value
