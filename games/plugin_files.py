"""Plugins from single files that a user names on the command line."""

import hashlib
import sys
import traceback
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from games.errors import SpecError

_PACKAGE = "prefgames_files"


class _Loader(SourceFileLoader):
    """Compiles the source each time; cached bytecode may belong to an earlier version."""

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
    name = f"{_PACKAGE}.{path.stem}"
    loader = _Loader(name, str(path.resolve()))
    spec = spec_from_loader(name, loader)
    assert spec is not None  # it is None for loaders that are not
    module = module_from_spec(spec)
    sys.modules.setdefault(_PACKAGE, ModuleType(_PACKAGE))
    before = sys.modules.pop(name, None)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SpecError(f"{path}: cannot be imported: {reason}") from error
    return module


def from_file(plugin: Any) -> bool:
    """Whether the plugin was loaded from a file that a user named."""
    return str(plugin.__module__).startswith(f"{_PACKAGE}.")


def place(error: BaseException) -> str:
    """Where an error was raised: "my_method.py, line 7", in the file of a user if one took part."""
    loaded = {
        module.__file__
        for name, module in list(sys.modules.items())
        if name.startswith(f"{_PACKAGE}.")
    }
    frames = traceback.extract_tb(error.__traceback__)
    of_user = [frame for frame in frames if frame.filename in loaded]
    frame = (of_user or frames)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def source(plugin: Any) -> tuple[bytes, str]:
    """The text of the file that a plugin ``from_file`` came from, and 16 hex of its SHA-256."""
    loader: Any = sys.modules[plugin.__module__].__loader__
    return loader.source, hashlib.sha256(loader.source).hexdigest()[:16]
