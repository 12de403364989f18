"""Lists of what can be used: a table of every kind of plugin, and of the built-in specs."""

import inspect
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from benchmarks.kinds import KINDS
from benchmarks.matrix import cells
from benchmarks.spec import builtin, read
from games import SpecError
from games.registry import Broken, parameters
from solvers import ALIASES

Table = tuple[list[str], list[list[Any]]]


def table(kind: str) -> Table:
    """Header and rows of a kind of plugin, in the plural, or of "specs"."""
    return _TABLES[kind]() if kind in _TABLES else _plugins(kind.removesuffix("s"))


def _plugins(kind: str) -> Table:
    """Name, parameters and first line of the docstring of each plugin."""
    plugins, broken = KINDS[kind].plugins().load_all()
    rows = [[name, _signature(plugin), _about(plugin)] for name, plugin in plugins.items()]
    rows += [[b.name, "(failed)", f"{b.package}: {b.reason}"] for b in broken]
    return [kind, "parameters", KINDS[kind].about], rows


def _solvers() -> Table:
    solvers, broken = KINDS["solver"].plugins().load_all()
    rows = [[name, s.concept, _signature(s), s.paper] for name, s in solvers.items()]
    for a in ALIASES.values():
        meaning = f"{_signature(a.params)} -> {a.solver}: {a.why}"
        rows.append([a.name, solvers[a.solver].concept, meaning, a.paper])
    return ["solver", "concept", "parameters", "paper"], rows + _failed(broken)


def _learners() -> Table:
    learners, broken = KINDS["learner"].plugins().load_all()
    rows = [
        [name, kind.concept, _signature(kind), kind.solver, kind.paper]
        for name, kind in learners.items()
    ]
    rows += [[*row[:-1], "", row[-1]] for row in _failed(broken)]
    return ["learner", "concept", "parameters", "mirrors", "paper"], rows


def _failed(broken: list[Broken]) -> list[list[Any]]:
    return [[b.name, "(failed)", b.reason, b.package] for b in broken]


def _experiments() -> Table:
    rows = []
    for kind in (KINDS["experiment"], KINDS["language_experiment"]):
        try:
            plugins = kind.plugins()
        except SpecError as error:  # language models are not installed
            rows.append(["-", kind.scale, "-", str(error)])
            continue
        rows += [[name, kind.scale, _signature(e), _about(e)] for name, e in plugins.items()]
    return ["experiment", "scale", "parameters", KINDS["experiment"].about], rows


def _specs() -> Table:
    rows = []
    for name, path in builtin().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        first = takewhile(lambda line: line.startswith("# "), lines)  # the first paragraph
        about = " ".join(line.lstrip("# ") for line in first)
        rows.append([name, len(cells(read(name, check_llm=False))), about])
    return ["spec", "cells", "what it is for"], rows


_TABLES: dict[str, Callable[[], Table]] = {
    "solvers": _solvers,
    "learners": _learners,
    "experiments": _experiments,
    "specs": _specs,
}
"""The tables with more columns than a plugin's parameters and docstring."""


def _signature(plugin: Callable[..., Any]) -> str:
    """``name=default`` of each parameter."""
    return ", ".join(
        name if p.default is p.empty else f"{name}={_value(p.default)}"
        for name, p in parameters(plugin).items()
    )


def _value(default: Any) -> str:
    """A default as a user would type it; "..." for a function."""
    return "..." if " at 0x" in repr(default) else repr(default)


def _about(plugin: Callable[..., Any]) -> str:
    """The first line of a plugin's docstring."""
    return (inspect.getdoc(plugin) or "").partition("\n")[0]
