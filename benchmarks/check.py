"""The contract of a plugin, by name or in a file: one line a check."""

from pathlib import Path

from benchmarks import console
from benchmarks.conformance.outcome import Outcome
from benchmarks.kinds import CHECKED, KINDS
from games import SpecError
from games.plugin_files import load_module
from games.registry import near
from solvers import ALIASES


def check(name: str, kind: str | None = None) -> list[Outcome]:
    """Run every check of a plugin and return their outcomes.

    Parameters
    ----------
    name : str
        Registry name, or an alias of a solver. Or the path of a .py file with a plugin.
    kind : str, optional
        Which plugin of that name; by default that of the first kind that has it.

    Raises
    ------
    SpecError
        If there is no such plugin, or the file holds none.
    """
    if name.endswith(".py"):
        return _check_file(Path(name))
    if kind in (None, "solver") and name in ALIASES:
        name = ALIASES[name].solver
    names = set[str](ALIASES)
    for candidate in [kind] if kind else CHECKED:
        try:
            plugins = KINDS[candidate].plugins()
        except SpecError:  # language models are not installed
            if kind:
                raise
            continue
        if kind or name in plugins:
            return KINDS[candidate].check(plugins[name], name)
        names |= {*plugins}
    raise SpecError(f"no plugin named {name!r} and not a .py file{near(name, names)}")


def _check_file(path: Path) -> list[Outcome]:
    module, name = load_module(path), path.stem
    kinds = [KINDS[kind] for kind in CHECKED]
    for kind in kinds:
        plugin = getattr(module, kind.attribute(name), None)
        if plugin is not None and kind.is_base_of(plugin):
            return kind.check(plugin, name)
    wanted = [
        f"{'function' if kind.function else 'class'} {kind.attribute(name)} (a {kind.name})"
        for kind in kinds
    ]
    raise SpecError(f"{path}: holds no {', no '.join(wanted)}; classes derive from their kind's")


def show(outcomes: list[Outcome]) -> int:
    """Print the outcomes, one a line, and return how many checks failed."""
    width = max(len(outcome.name) for outcome in outcomes)
    for outcome in outcomes:
        verdict = {True: "pass", False: "FAIL", None: "-   "}[outcome.passed]
        console.out(f"{verdict}  {outcome.name:{width}}  {outcome.reason}".rstrip())
    failed = sum(outcome.passed is False for outcome in outcomes)
    passed = sum(outcome.passed is True for outcome in outcomes)
    console.out(f"{passed} passed, {failed} failed, {len(outcomes) - passed - failed} do not apply")
    return failed
