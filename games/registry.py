"""Registries of plugins: they know every name, and import a module when its name is asked for.

A package offers a solver by a line in its ``pyproject.toml``, the name being the module's::

    [project.entry-points."prefgames.solvers"]
    my_method = "their_package.my_method:MyMethod"

a game by one under ``prefgames.games``, and an estimator by one under ``prefgames.estimators``.
"""

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

from games.errors import PrefgamesError, SpecError
from games.plugin_files import from_file, load_module

T = TypeVar("T")


def camel_case(name: str, suffix: str = "") -> str:
    """The class that a module of that name holds: ``nash_md`` -> ``NashMd``.

    With the suffix "Judge" both ``coin`` -> ``CoinJudge`` and ``my_judge`` -> ``MyJudge``.
    """
    stem = name.removesuffix(f"_{suffix.lower()}") if suffix else name
    return "".join(map(str.capitalize, stem.split("_"))) + suffix


def near(name: str, choices: Iterable[str]) -> str:
    """The end of an error message: the names closest to ``name``, then all that exist."""
    names = sorted(choices)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ";"
    return f"{hint} known: {', '.join(names)}"


@dataclass(frozen=True)
class Broken:
    """An entry point that cannot be used, and the reason."""

    name: str
    package: str
    reason: str


class Registry(Mapping[str, T]):
    """Name -> plugin, for the files of a package, entry points, and what is added.

    A file of the package is a plugin if it defines, at the beginning of a line, the class of its
    own name in CamelCase with a base class other than ``ABC`` (``nash_md.py``: ``class
    NashMd(IterativeSolver)``), or for functions ``def`` and its own name. Files are read for that
    and not imported. A base class in a file of its own name therefore derives from ``ABC`` too.

    Looking a name up does not change which names exist.

    Attributes
    ----------
    added : dict
        Name -> plugin of what ``add`` and ``add_file`` registered; these come before files and
        entry points of the same name.

    Parameters
    ----------
    kind : str
        What error messages call such a plugin, e.g. "solver".
    package : str
        The package whose files are plugins.
    group : str, optional
        Group of the entry points; without it, other packages can offer none.
    base : str, optional
        The base class that a plugin of the package names first, where classes of another kind
        stand beside it; any if left out.
    suffix : str
        What class names end in; the class then needs no base class.
    function : bool
        Whether plugins are functions, called like their modules.

    Raises
    ------
    SpecError
        If a name is unknown (the message lists the closest ones) or given twice, or a plugin
        cannot be loaded (the message says why).
    """

    def __init__(
        self,
        kind: str,
        package: str,
        group: str | None = None,
        *,
        base: str | None = None,
        suffix: str = "",
        function: bool = False,
    ) -> None:
        self.kind, self.package, self.group = kind, package, group
        self.base, self.suffix, self.function = base, suffix, function
        self.added: dict[str, T] = {}
        self._loaded: dict[str, T] = {}

    def __repr__(self) -> str:
        return f"<registry of {self.kind}s in {self.package}>"

    @cached_property
    def _files(self) -> tuple[str, ...]:
        """Names of the package's files that are plugins, in alphabetical order."""
        folders = sys.modules[self.package].__path__
        paths = sorted(path for folder in folders for path in Path(folder).glob("*.py"))
        texts = {path.stem: path.read_text(encoding="utf-8") for path in paths}
        return tuple(name for name, text in texts.items() if self._defines(text, name))

    def _defines(self, text: str, name: str) -> bool:
        if self.function:
            return f"\ndef {name}(" in text
        bases = rf"\({self.base or ''}\b[^)]*\)" if not self.suffix else r"\b[^:]*"
        match = re.search(rf"^class {self.attribute(name)}({bases})", text, re.MULTILINE)
        return match is not None and not re.search(r"\b(ABC|Protocol)\b", match[1])

    def attribute(self, name: str) -> str:
        """The name of the class or function in the plugin's module."""
        return name if self.function else camel_case(name, self.suffix)

    def _offers(self) -> list[EntryPoint]:
        """All entry points of the group, sorted by name."""
        points = entry_points(group=self.group) if self.group else ()
        return sorted(points, key=lambda point: (point.name, point.value))

    def __iter__(self) -> Iterator[str]:
        """Names of the package's files, then of entry points, then of added plugins."""
        offered = (point.name for point in self._offers())
        return iter(dict.fromkeys((*self._files, *offered, *self.added)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self.added or name in self._files or name in set(self)

    def get(self, name: str, default: Any = None, /) -> Any:
        """The plugin, or ``default`` if there is none of that name."""
        return self[name] if name in self else default  # noqa: SIM401  # this is that method

    def __getitem__(self, name: str) -> T:
        if name in self.added:
            return self.added[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> T:
        if name in self._files:
            plugin: T = getattr(import_module(f"{self.package}.{name}"), self.attribute(name))
            return plugin
        offered = [point for point in self._offers() if point.name == name]
        if not offered:
            raise SpecError(f"no {self.kind} named {name!r}{near(str(name), self)}")
        if len({point.value for point in offered}) > 1:
            packages = " and ".join(sorted(map(_package, offered)))
            raise SpecError(f"{self.kind} {name!r} is offered by {packages}; uninstall one")
        try:
            plugin = offered[0].load()
        except (Exception, SystemExit) as error:  # a plugin may raise anything, and none may end us
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise SpecError(
                f"{self.kind} {name!r} of {_package(offered[0])} cannot be loaded: {reason}"
            ) from error
        return plugin

    def add(self, name: str, plugin: T) -> T:
        """Register ``plugin`` under ``name`` and return it.

        Raises
        ------
        SpecError
            If the name is taken.
        """
        if name in self:
            raise SpecError(f"{self.kind} {name!r} is already registered, by {self[name]!r}")
        self.added[name] = plugin
        return plugin

    def add_file(self, path: str | Path) -> str:
        """Register the plugin in a file under the file's stem, and return that name.

        A plugin of the same name that came from a file is replaced.

        Raises
        ------
        SpecError
            If the name belongs to a plugin that is not from a file, or the file cannot be loaded.
        """
        name = Path(path).stem
        if name in self and not from_file(self[name]):
            where = getattr(self[name], "__module__", "")
            raise SpecError(f"{path}: a {self.kind} {name!r} exists, in {where}; rename the file")
        module, wanted = load_module(Path(path)), self.attribute(name)
        if not hasattr(module, wanted):
            what, example = ("function", "my_method") if self.function else ("class", "MyMethod")
            raise SpecError(
                f"{path}: holds no {what} {wanted}; the file my_method.py holds {example}"
            )
        self.added[name] = getattr(module, wanted)
        return name

    def load_all(self) -> tuple[dict[str, T], list[Broken]]:
        """All plugins by name, and the entry points that cannot be used.

        A plugin that fails to load is listed as broken; nothing is raised.
        """
        plugins = {name: self[name] for name in self._files}
        broken = []
        for point in self._offers():
            if point.name in self._files or point.name in self.added:
                reason = f"the name is taken by {getattr(self[point.name], '__module__', '')}"
                broken.append(Broken(point.name, _package(point), reason))
                continue
            try:
                plugins[point.name] = self[point.name]
            except PrefgamesError as error:
                broken.append(Broken(point.name, _package(point), str(error)))
        return {**plugins, **self.added}, broken


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module.partition(".")[0]


def parameters(plugin: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters that a user may set: all but ``rng``, which the caller supplies."""
    return {name: p for name, p in _signature(plugin).parameters.items() if name != "rng"}


def draws(plugin: Callable[..., Any]) -> bool:
    """Whether the plugin draws random numbers, i.e. has a parameter ``rng``."""
    return "rng" in _signature(plugin).parameters


@cache  # a family of games asks for every game that it draws
def _signature(plugin: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(plugin)
