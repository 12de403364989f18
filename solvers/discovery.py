"""Plugins from single files; those of installed packages are found by ``games.registry``."""

import hashlib
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from games.errors import SpecError
from games.registry import GAMES_GROUP as GAMES_GROUP
from games.registry import Broken as Broken
from games.registry import Discovered as Discovered
from games.registry import Registry
from games.registry import fetch as fetch
from games.registry import names as names
from games.registry import outside as outside

_FILE_MODULES = "prefgames_files"


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
