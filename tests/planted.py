"""Planted bugs: a module with one snippet of its source replaced, which some test must notice."""

import importlib
import inspect
from types import ModuleType
from typing import Any


def planted(name: str, old: str, new: str) -> ModuleType:
    """The module of that dotted name with ``old``, which must stand in it once, made ``new``."""
    source = inspect.getsource(importlib.import_module(name))
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {name}"
    mutant = ModuleType(f"planted_in_{name.replace('.', '_')}")
    exec(compile(source.replace(old, new), f"<{mutant.__name__}>", "exec"), mutant.__dict__)
    return mutant


def planted_class(cls: type[Any], old: str, new: str) -> Any:
    """The class of that name in the planted module of ``cls``."""
    return getattr(planted(cls.__module__, old, new), cls.__name__)
