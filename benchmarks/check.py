"""The contract of a solver, learner, judge or game, by name or in a file: one line a check."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import console, plugins
from games import GAMES, SpecError
from games.registry import near
from solvers import ALIASES, SOLVERS, battery, discovery, game_battery
from solvers.battery import Outcome
from solvers.discovery import Discovered


def check(name: str) -> list[Outcome]:
    """What the checks of the plugin find.

    Parameters
    ----------
    name : str
        Registry name of a solver (or an alias), a game, a learner or a judge: the first of these
        that has it. Or the path of a .py file with one of them.

    Raises
    ------
    SpecError
        If there is no such plugin, or the file holds none.
    """
    if name.endswith(".py"):
        return _file(Path(name))
    solver = ALIASES[name].solver if name in ALIASES else name
    solvers = discovery.names(SOLVERS, SOLVERS.group)
    games = discovery.names(GAMES, discovery.GAMES_GROUP)
    if solver in solvers:
        return battery.run(SOLVERS[solver], solver)
    if name in games:
        made = discovery.fetch(GAMES, discovery.GAMES_GROUP, name)
        return game_battery.run(made, name, SOLVERS)
    learners, judges = _names(lambda: plugins.methods("llm")), _names(plugins.judges)
    if name in learners:
        return _learner(plugins.methods("llm")[name], name)
    if name in judges:
        return _judge(plugins.judges()[name], name)
    known = {*solvers, *games, *ALIASES, *learners, *judges}
    raise SpecError(f"no plugin named {name!r} and not a .py file{near(name, known)}")


def _names(registry: Callable[[], Discovered[Any]]) -> set[str]:
    try:
        found = registry()
    except SpecError:  # there are no language models here
        return set()
    return discovery.names(found, found.group)


def _file(path: Path) -> list[Outcome]:
    module = discovery.load_module(path)
    kind = discovery.camel_case(path.stem)
    if hasattr(module, f"{kind}Judge"):
        return _judge(getattr(module, f"{kind}Judge"), path.stem)
    if hasattr(module, kind):
        found = getattr(module, kind)
        return (_learner if _is_learner(found) else battery.run)(found, path.stem)
    if hasattr(module, path.stem):
        return game_battery.run(getattr(module, path.stem), path.stem, SOLVERS)
    raise SpecError(
        f"{path}: holds neither a class {kind} (a solver or a learner) nor a class {kind}Judge "
        f"(a judge) nor a function {path.stem} (a game)"
    )


def _is_learner(kind: Any) -> bool:
    there = sys.modules.get("llm.learners.learner")  # a file with a learner has imported it
    return there is not None and isinstance(kind, type) and issubclass(kind, there.Learner)


def _learner(kind: Any, name: str) -> list[Outcome]:
    found: list[Outcome] = import_module("llm.learners.battery").run(kind, name)
    return found


def _judge(kind: Any, name: str) -> list[Outcome]:
    plugins.language_models()
    found: list[Outcome] = import_module("llm.judges.battery").run(kind, name)
    return found


def show(outcomes: list[Outcome]) -> int:
    """Print them; the number of checks that failed."""
    width = max(len(found.name) for found in outcomes)
    for found in outcomes:
        verdict = {True: "pass", False: "FAIL", None: "-   "}[found.passed]
        console.out(f"{verdict}  {found.name:{width}}  {found.reason}".rstrip())
    failed = sum(found.passed is False for found in outcomes)
    passed = sum(found.passed is True for found in outcomes)
    console.out(f"{passed} passed, {failed} failed, {len(outcomes) - passed - failed} do not apply")
    return failed
