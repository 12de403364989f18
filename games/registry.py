"""Registries of plugins: dictionaries whose misses and clashes explain, and entry points.

A package offers a solver by a line in its ``pyproject.toml``, the name being the module's::

    [project.entry-points."prefgames.solvers"]
    my_method = "their_package.my_method:MyMethod"

and a game by one under ``prefgames.games``. Nothing is imported before its name is asked for.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from games.errors import PrefgamesError, SpecError

T = TypeVar("T")

GAMES_GROUP = "prefgames.games"


def near(name: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the nearest known names, then all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ";"
    return f"{hint} known: {', '.join(names)}"


class Registry(dict[str, T]):
    """Name -> plugin.

    Raises
    ------
    SpecError
        On an unknown name (with the nearest known ones) and on a name given twice.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def register(self, plugin: T) -> T:
        """Add a function or class under the name of its module; usable as a decorator."""
        name = str(getattr(plugin, "__module__", "")).rpartition(".")[2]
        return self.add(name, plugin)

    def add(self, name: str, plugin: T) -> T:
        """Add ``plugin`` under ``name``."""
        if name in self:
            raise SpecError(f"{self.kind} {name!r} is already registered, by {self[name]!r}")
        self[name] = plugin
        return plugin

    def __missing__(self, name: str) -> T:
        raise SpecError(f"no {self.kind} named {name!r}{near(str(name), self)}")


class Discovered(Registry[T]):
    """A registry that also looks among the entry points of a group.

    Raises
    ------
    SpecError
        On an unknown name (with the known ones, outside ones included), on a name given twice,
        and when an entry point cannot be loaded; the message tells why.
    """

    def __init__(self, kind: str, group: str) -> None:
        super().__init__(kind)
        self.group = group

    def __missing__(self, name: str) -> T:
        return fetch(self, self.group, str(name))


@dataclass(frozen=True)
class Broken:
    """An entry point that is of no use, and why."""

    name: str
    package: str
    reason: str


def fetch(registry: Registry[T], group: str, name: str) -> T:
    """The plugin of that name: from the registry, else loaded from an entry point and added.

    Raises
    ------
    SpecError
        If there is none, two packages offer one, or it cannot be loaded.
    """
    if name in registry:
        return dict.__getitem__(registry, name)
    offered = [point for point in entry_points(group=group) if point.name == name]
    if not offered:
        raise SpecError(f"no {registry.kind} named {name!r}{near(name, names(registry, group))}")
    if len({point.value for point in offered}) > 1:
        packages = " and ".join(sorted(map(_package, offered)))
        raise SpecError(f"{registry.kind} {name!r} is offered by {packages}; uninstall one")
    return registry.add(name, _load(registry.kind, offered[0]))


def names(registry: Registry[Any], group: str) -> set[str]:
    """The names that ``fetch`` knows, loaded or not."""
    return {*registry, *(point.name for point in entry_points(group=group))}


def outside(registry: Registry[T], group: str) -> list[Broken]:
    """Load every entry point of the group into the registry; those that are of no use, and why.

    One that fails stops neither the others nor the caller.
    """
    broken = []
    loaded = {name: getattr(plugin, "__module__", "") for name, plugin in registry.items()}
    for point in sorted(entry_points(group=group), key=lambda p: (p.name, p.value)):
        if point.name in loaded and loaded[point.name] != point.module:
            reason = f"the name is taken by {loaded[point.name]}"
            broken.append(Broken(point.name, _package(point), reason))
            continue
        try:
            fetch(registry, group, point.name)
        except PrefgamesError as error:
            broken.append(Broken(point.name, _package(point), str(error)))
    return broken


def _load(kind: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # a plugin may raise anything, and none may end us
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise SpecError(
            f"{kind} {point.name!r} of {_package(point)} cannot be loaded: {told}"
        ) from error


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module.partition(".")[0]


def parameters(plugin: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters a user may set; ``rng`` is given by whoever runs the plugin."""
    found = dict(inspect.signature(plugin).parameters)
    found.pop("rng", None)
    return found


def draws(plugin: Callable[..., Any]) -> bool:
    """Whether the plugin draws random numbers, i.e. asks for an ``rng``."""
    return "rng" in inspect.signature(plugin).parameters
