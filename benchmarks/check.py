"""The contract of a solver, learner, judge or game, by name or in a file: one line a check."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import console, plugins
from games import GAMES, SpecError
from games.registry import near
from solvers import ALIASES, SOLVERS, battery, discovery, game_battery
from solvers.battery import Outcome


def check(name: str, kind: str | None = None) -> list[Outcome]:
    """What the checks of the plugin find.

    Parameters
    ----------
    name : str
        Registry name, or an alias of a solver. Or the path of a .py file with a plugin.
    kind : "solver", "game", "learner" or "judge", optional
        Which plugin of that name; by default the first of these that has it.

    Raises
    ------
    SpecError
        If there is no such plugin, or the file holds none.
    """
    if name.endswith(".py"):
        return _file(Path(name))
    if kind:
        return _CHECKS[kind](name)
    known = set[str]()
    for each, run in _CHECKS.items():
        names = _names(each)
        if name in names:
            return run(name)
        known |= names
    raise SpecError(f"no plugin named {name!r} and not a .py file{near(name, known)}")


def _names(kind: str) -> set[str]:
    if kind == "solver":
        return {*discovery.names(SOLVERS, SOLVERS.group), *ALIASES}
    if kind == "game":
        return discovery.names(GAMES, discovery.GAMES_GROUP)
    try:
        found = plugins.judges() if kind == "judge" else plugins.methods("llm")
    except SpecError:  # there are no language models here
        return set()
    return discovery.names(found, found.group)


def _solver(name: str) -> list[Outcome]:
    name = ALIASES[name].solver if name in ALIASES else name
    return battery.run(SOLVERS[name], name)


def _game(name: str) -> list[Outcome]:
    return game_battery.run(discovery.fetch(GAMES, discovery.GAMES_GROUP, name), name, SOLVERS)


def _learner(name: str) -> list[Outcome]:
    return _learner_class(plugins.methods("llm")[name], name)


def _judge(name: str) -> list[Outcome]:
    return _judge_class(plugins.judges()[name], name)


_CHECKS: dict[str, Callable[[str], list[Outcome]]] = {
    "solver": _solver,
    "game": _game,
    "learner": _learner,
    "judge": _judge,
}
"""Kind -> what runs the checks of the plugin of a name, in the order in which names are sought."""


def _file(path: Path) -> list[Outcome]:
    module = discovery.load_module(path)
    kind = discovery.camel_case(path.stem)
    if hasattr(module, f"{kind}Judge"):
        return _judge_class(getattr(module, f"{kind}Judge"), path.stem)
    if hasattr(module, kind):
        found = getattr(module, kind)
        return (_learner_class if _is_learner(found) else battery.run)(found, path.stem)
    if hasattr(module, path.stem):
        return game_battery.run(getattr(module, path.stem), path.stem, SOLVERS)
    raise SpecError(
        f"{path}: holds neither a class {kind} (a solver or a learner) nor a class {kind}Judge "
        f"(a judge) nor a function {path.stem} (a game)"
    )


def _is_learner(kind: Any) -> bool:
    there = sys.modules.get("llm.learners.learner")  # a file with a learner has imported it
    return there is not None and isinstance(kind, type) and issubclass(kind, there.Learner)


def _learner_class(kind: Any, name: str) -> list[Outcome]:
    from llm.learners import battery as contract

    return contract.run(kind, name)


def _judge_class(kind: Any, name: str) -> list[Outcome]:
    plugins.language_models()
    from llm.judges import battery as contract

    return contract.run(kind, name)


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
