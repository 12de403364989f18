"""Plugins from outside: entry points of installed packages, and single files.

A package offers a solver by a line in its ``pyproject.toml``, the name being the module's::

    [project.entry-points."prefgames.solvers"]
    my_method = "their_package.my_method:MyMethod"

and a game by one under ``prefgames.games``. Nothing is imported before its name is asked for.
"""

import hashlib
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

from games.errors import PrefgamesError, SpecError
from games.registry import Registry, near

T = TypeVar("T")

GAMES_GROUP = "prefgames.games"
_FILE_MODULES = "prefgames_files"


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


def load_file(path: str | Path) -> Any:
    """The class that a file holds, called like the file but in CamelCase.

    Raises
    ------
    SpecError
        If there is no such file, it cannot be imported, or holds no such class.
    """
    path = Path(path)
    module, wanted = load_module(path), camel_case(path.stem)
    if not hasattr(module, wanted):
        raise SpecError(f"{path}: holds no class {wanted}; the file my_method.py holds MyMethod")
    return getattr(module, wanted)


class _Loader(SourceFileLoader):
    """Reads the file itself, never cached bytecode, which may be of what it held a second ago."""

    source = b""

    def get_code(self, fullname: str) -> CodeType:
        self.source = self.get_data(self.path)
        return self.source_to_code(self.source, self.path)


def load_module(path: Path) -> ModuleType:
    """The module in a file, under a name by which dataclasses and pickles find it.

    Raises
    ------
    SpecError
        If there is no such file, or it cannot be imported.
    """
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise SpecError(f"{path}: expected a Python file called like my_method.py")
    if not path.is_file():
        raise SpecError(f"{path}: no such file")
    name = f"{_FILE_MODULES}.{path.stem}"
    loader = _Loader(name, str(path.resolve()))
    spec = spec_from_loader(name, loader)
    assert spec is not None  # it is None for loaders that are not
    module = module_from_spec(spec)
    sys.modules.setdefault(_FILE_MODULES, ModuleType(_FILE_MODULES))
    before = sys.modules.pop(name, None)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise SpecError(f"{path}: cannot be imported: {told}") from error
    return module


def add_file(registry: Registry[Any], path: str | Path) -> str:
    """Register the solver that a file holds under the file's stem; its name.

    A solver of the same name that came from a file is replaced.

    Raises
    ------
    SpecError
        If the name belongs to a plugin that is not from a file, or the file is of no use.
    """
    name = Path(path).stem
    if name in registry and not from_file(registry[name]):
        where = registry[name].__module__
        raise SpecError(f"{path}: a {registry.kind} {name!r} exists, in {where}; rename the file")
    found = load_file(path)
    registry.pop(name, None)
    registry.add(name, found)
    return name


def from_file(plugin: Any) -> bool:
    """Whether it was loaded from a file."""
    return str(plugin.__module__).startswith(f"{_FILE_MODULES}.")


def source(plugin: Any) -> tuple[bytes, str]:
    """What the file of a plugin ``from_file`` held, and 16 hex of its SHA-256."""
    loader: Any = sys.modules[plugin.__module__].__loader__
    return loader.source, hashlib.sha256(loader.source).hexdigest()[:16]


def camel_case(name: str) -> str:
    """The class that a module of that name holds: ``nash_md`` -> ``NashMd``."""
    return "".join(map(str.capitalize, name.split("_")))
