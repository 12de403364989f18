"""The contract of a solver or a game, by name or in a file: one line a check."""

from pathlib import Path

from benchmarks import console
from games import GAMES, SpecError
from games.registry import near
from solvers import ALIASES, SOLVERS, battery, discovery, game_battery
from solvers.battery import Outcome


def check(name: str) -> list[Outcome]:
    """What the checks of the solver or game find.

    Parameters
    ----------
    name : registry name of a solver or a game, an alias, or path of a .py file with either

    Raises
    ------
    SpecError
        If there is no such plugin, or the file holds neither.
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
    known = {*solvers, *games, *ALIASES}
    raise SpecError(f"no solver or game named {name!r} and not a .py file{near(name, known)}")


def _file(path: Path) -> list[Outcome]:
    module = discovery.load_module(path)
    kind = discovery.camel_case(path.stem)
    if hasattr(module, kind):
        return battery.run(getattr(module, kind), path.stem)
    if hasattr(module, path.stem):
        return game_battery.run(getattr(module, path.stem), path.stem, SOLVERS)
    raise SpecError(
        f"{path}: holds neither a class {kind} (a solver) nor a function {path.stem} (a game)"
    )


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
