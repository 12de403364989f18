"""One kind of registry for every kind of plugin: a dictionary whose misses and clashes explain."""

import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from games.errors import SpecError

T = TypeVar("T")


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


def parameters(plugin: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters a user may set; ``rng`` is given by whoever runs the plugin."""
    found = dict(inspect.signature(plugin).parameters)
    found.pop("rng", None)
    return found


def draws(plugin: Callable[..., Any]) -> bool:
    """Whether the plugin draws random numbers, i.e. asks for an ``rng``."""
    return "rng" in inspect.signature(plugin).parameters
