"""What there is: tables of games, solvers, learners, judges, experiments and specs."""

import inspect
from collections.abc import Callable
from typing import Any

from benchmarks import plugins
from benchmarks.matrix import cells
from benchmarks.spec import builtin, read
from games import GAMES, SpecError
from games.registry import parameters
from solvers import ALIASES, SOLVERS, discovery
from tabular import EXPERIMENTS

Table = tuple[list[str], list[list[Any]]]


def table(kind: str) -> Table:
    """Header and rows of "games", "solvers", "learners", "judges", "experiments" or "specs"."""
    return _TABLES[kind]()


def _games() -> Table:
    broken = discovery.outside(GAMES, discovery.GAMES_GROUP)
    rows = [[name, _signature(game), _about(game)] for name, game in GAMES.items()]
    rows += [[b.name, "(failed)", f"{b.package}: {b.reason}"] for b in broken]
    return ["game", "parameters", "what it is"], rows


def _solvers() -> Table:
    broken = discovery.outside(SOLVERS, SOLVERS.group)
    rows = [[name, s.concept, _signature(s), s.paper] for name, s in SOLVERS.items()]
    for a in ALIASES.values():
        told = f"{_signature(a.params)} -> {a.solver}: {a.why}"
        rows.append([a.name, SOLVERS[a.solver].concept, told, a.paper])
    rows += [[b.name, "(failed)", b.reason, b.package] for b in broken]
    return ["solver", "concept", "parameters", "paper"], rows


def _learners() -> Table:
    learners = plugins.methods("llm")
    broken = discovery.outside(learners, learners.group)
    rows = [
        [name, kind.concept, _signature(kind), kind.solver, kind.paper]
        for name, kind in learners.items()
    ]
    rows += [[b.name, "(failed)", b.reason, "", b.package] for b in broken]
    return ["learner", "concept", "parameters", "mirrors", "paper"], rows


def _judges() -> Table:
    judges = plugins.judges()
    broken = discovery.outside(judges, judges.group)
    rows = [[name, _signature(judge), _about(judge)] for name, judge in judges.items()]
    rows += [[b.name, "(failed)", f"{b.package}: {b.reason}"] for b in broken]
    return ["judge", "parameters", "what it prefers"], rows


def _experiments() -> Table:
    rows = [[name, "tabular", _signature(e), _about(e)] for name, e in EXPERIMENTS.items()]
    try:
        learnt = plugins.experiments("llm")
    except SpecError as error:
        rows.append(["-", "llm", "-", str(error)])
    else:
        rows += [[name, "llm", _signature(e), _about(e)] for name, e in learnt.items()]
    return ["experiment", "scale", "parameters", "what it measures"], rows


def _specs() -> Table:
    rows = []
    for name, path in builtin().items():
        comment = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        rows.append([name, len(cells(read(name, check_llm=False))), comment])
    return ["spec", "cells", "what it is for"], rows


_TABLES: dict[str, Callable[[], Table]] = {
    "games": _games,
    "solvers": _solvers,
    "learners": _learners,
    "judges": _judges,
    "experiments": _experiments,
    "specs": _specs,
}


def _signature(plugin: Callable[..., Any]) -> str:
    """``name=default`` of each parameter."""
    return ", ".join(
        name if p.default is p.empty else f"{name}={_value(p.default)}"
        for name, p in parameters(plugin).items()
    )


def _value(default: Any) -> str:
    """As it would be typed; functions have no such text."""
    return "..." if " at 0x" in repr(default) else repr(default)


def _about(plugin: Callable[..., Any]) -> str:
    """First line of its docstring."""
    return (inspect.getdoc(plugin) or "").partition("\n")[0]
