"""Planted bugs: one replacement in a source text each, which the check beside it must notice.

A test file that plants bugs has a list ``MUTANTS`` (or ``..._MUTANTS``) beside its checks, and a
test that gives each of them to ``assert_noticed``. ``collected`` finds all these lists, and
tests/test_mutants.py states how long each is, so that a lost list fails; a snippet that is no
longer in the source fails wherever it is planted.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TESTS = Path(__file__).parent

Errors = type[BaseException] | tuple[type[BaseException], ...]


class NotPlantedError(Exception):
    """The text to be replaced does not occur exactly once in the module that should hold it.

    It is no AssertionError, so it cannot be confused with the failure that a check must show.
    """


@dataclass(frozen=True)
class Mutant:
    """What a check is given, with one snippet of its source replaced.

    Attributes
    ----------
    subject : class or module
        What the check is about.
    old, new : str
        The snippet, which must stand exactly once in the source of the subject's module or, where
        a class has it from a base, in that of the nearest base with it; and what replaces it.
    module : str
        Dotted name of another module that holds the snippet, from which the subject's module
        imports; "" for the above.
    """

    subject: Any
    old: str
    new: str
    module: str = ""

    def __str__(self) -> str:
        return f"{self.subject.__name__}: {self.old.strip()} -> {self.new.strip()}"

    def home(self) -> str:
        """Dotted name of the module that holds the snippet.

        Raises
        ------
        NotPlantedError
            If it stands nowhere, or twice in the nearest module, or replaces itself.
        """
        places = [self.module] if self.module else self._modules()[::-1]
        counts = {name: _source(name).count(self.old) for name in places}
        nearest = next((name for name, count in counts.items() if count), None)
        if nearest is None or counts[nearest] > 1:
            where = ", ".join(f"{count} times in {name}" for name, count in counts.items())
            raise NotPlantedError(f"{self.old!r} stands {where}; expected once")
        if self.old == self.new:
            raise NotPlantedError(f"{self.old!r} is replaced by itself")
        return nearest

    def plant(self, bug: bool = True) -> Any:
        """The subject as it would be with the bug, or made again in the same way without it.

        The module that holds the snippet is executed with the replacement; then the modules between
        it and the subject are executed again, so that they import the mutated code.

        Raises
        ------
        NotPlantedError
            If the snippet does not stand exactly once.
        """
        home, chain = self.home(), self._modules()
        chain = chain[chain.index(home) :] if home in chain else [home, chain[-1]]
        before = {name: sys.modules[name] for name in chain}
        try:
            for name in chain:
                text = _source(name)
                text = text.replace(self.old, self.new) if bug and name == home else text
                sys.modules[name] = made = ModuleType(name)
                exec(compile(text, f"<mutant of {name}>", "exec"), made.__dict__)
        finally:
            sys.modules.update(before)
        return made if inspect.ismodule(self.subject) else getattr(made, self.subject.__name__)

    def _modules(self) -> list[str]:
        """The subject's module, preceded by those of its bases from the most general on."""
        if inspect.ismodule(self.subject):
            return [self.subject.__name__]
        names = [kind.__module__ for kind in reversed(self.subject.__mro__)]
        return [name for name in dict.fromkeys(names) if name != "builtins"]


def mutants(snippets: Mapping[Any, Iterable[tuple[str, str]]], module: str = "") -> list[Mutant]:
    """Subject -> pairs (old, new), as a list of mutants."""
    return [
        Mutant(subject, old, new, module)
        for subject, pairs in snippets.items()
        for old, new in pairs
    ]


def assert_noticed(
    mutant: Mutant, check: Callable[[Any], object], errors: Errors = AssertionError
) -> None:
    """Assert that the check fails, with one of these errors, on what has the bug, and only then."""
    subject = mutant.plant()  # outside ``raises``: an error of planting is no failure of the check
    _assert_passes_without(mutant.subject, mutant.home(), mutant.module, check)
    with pytest.raises(errors):
        check(subject)


@cache
def _assert_passes_without(
    subject: Any, home: str, module: str, check: Callable[[Any], object]
) -> None:
    """What is executed again without a bug passes: no check fails because a class is a new one."""
    check(Mutant(subject, _source(home), "", module).plant(bug=False))


def collected() -> dict[str, list[Any]]:
    """Test file -> all its mutants, for the files that list any.

    Files that skip because an optional package is missing are left out.
    """
    mutants_of = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if not re.search(r"^\w*MUTANTS\b.* = ", path.read_text(encoding="utf-8"), re.MULTILINE):
            continue
        inside = path.relative_to(TESTS.parent)
        try:
            module = importlib.import_module(".".join(inside.with_suffix("").parts))
        except pytest.skip.Exception:  # it needs an optional package that is missing
            continue
        lists = [value for name, value in vars(module).items() if name.endswith("MUTANTS")]
        mutants_of[inside.as_posix()] = [mutant for each in lists for mutant in each]
    return mutants_of


def _source(name: str) -> str:
    return inspect.getsource(importlib.import_module(name))
