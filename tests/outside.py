"""Plugins from outside: a package, a file, and the command in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

SPEC = """
name = "small"

[[games]]
name = "condorcet"

[[solvers]]
name = "nlhf_exact"

[[experiments]]
name = "refinement"
"""

SOLVER = '''"""A fixed policy."""

from dataclasses import dataclass

import numpy as np

from solvers import Certificate, Solution, Solver


@dataclass(frozen=True)
class FixedPolicy(Solver):
    """The reference."""

    concept = "other"
    paper = "unpublished"
    tau: float = 0.1

    def solve(self, game, rng=None):
        residual = np.zeros(game.batch)
        return Solution(game.log_ref, Certificate("the reference", residual, 0.0))
'''


def install(folder: Path) -> Path:
    """A folder with the package; put on the path it is as good as in site-packages."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests" / "plugin_package", folder / "source", ignore=ignored)
    target = folder / "installed"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    command = [sys.executable, "-m", "pip", "install", *options, str(target)]
    done = subprocess.run(
        [*command, str(folder / "source")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target


def prefgames(
    *arguments: str | Path, cwd: Path, path: Path | None = None, figures: bool = False
) -> subprocess.CompletedProcess[str]:
    """The command, with or without figures and reports, which take longest."""
    folders = [str(folder) for folder in (ROOT, path) if folder]
    fake = [str(ROOT / "tests" / "programs" / "fake_prefgames.py")]
    return subprocess.run(
        [sys.executable, *(["-m", "benchmarks"] if figures else fake), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def plugin_file(folder: Path, text: str = SOLVER, name: str = "fixed_policy.py") -> Path:
    """A file of that name with that text."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
