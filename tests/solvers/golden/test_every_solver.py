"""Every solver has its step by hand, and bugs that it notices, in one file of this folder.

``grep check_nash_rs tests/solvers/golden`` finds the step of ``nash_rs``.
"""

import importlib
from collections import Counter
from pathlib import Path
from types import ModuleType

from solvers import SOLVERS


def families() -> list[ModuleType]:
    """The other files of this folder."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
    return [importlib.import_module(f"{__package__}.{stem}") for stem in stems]


def test_every_solver_has_one_check_called_like_it_and_bugs_beside_it() -> None:
    checked: Counter[str] = Counter()
    for family in families():
        checks = getattr(family, "CHECKS", {})
        for kind, check in checks.items():
            name = kind.__module__.rpartition(".")[2]
            assert check.__name__ == f"check_{name}"
            checked[name] += 1
        assert {mutant.subject for mutant in getattr(family, "MUTANTS", [])} == set(checks)
    assert checked == Counter(list(SOLVERS))
