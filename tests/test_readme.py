"""README does what it says: every block is run (its table: tests/test_packaging.py)."""

import contextlib
import importlib.util
import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from games import GAMES
from solvers import SOLVERS
from tests.documents import ROOT, blocks, links

README = ROOT / "README.md"
NOT_RUN = 0
"""Blocks that are marked because they need hours, a cluster or a GPU."""


def prefgames(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def texts(kind: str) -> list[str]:
    return [block.text for block in blocks(README) if block.kind == kind and not block.not_run]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shell blocks were run, in order."""
    cwd = tmp_path_factory.mktemp("README")
    for line in "".join(texts("console")).splitlines():
        command = line.removeprefix("$ ").partition("  #")[0]
        if command.startswith("make"):
            subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, check=True)
        elif command.startswith("prefgames"):
            prefgames(*shlex.split(command)[1:], cwd=cwd)
        else:
            subprocess.run(command, cwd=cwd, shell=True, check=True)
    return cwd


def test_every_block_is_run_unless_it_says_why_not() -> None:
    found = blocks(README)
    assert 2 * len(found) == README.read_text(encoding="utf-8").count("```")
    assert {block.kind for block in found} <= {"console", "text", "python"}
    assert sum(bool(block.not_run) for block in found) == NOT_RUN


def test_python_blocks_run_in_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    trains = importlib.util.find_spec("torch") is not None  # else what needs it is left out
    run = min((path.name for path in folder.glob("runs/*")), default="")
    module = "blocks of README.md"
    names: dict[str, object] = {"__name__": module}
    monkeypatch.setitem(sys.modules, module, type(sys)(module))
    try:
        for text in texts("python"):
            if "import llm" in text and not trains:
                continue
            code = text.replace("runs/quick-00000000", f"runs/{run}")
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, README.name, "exec"), names)
    finally:
        for registry in (GAMES, SOLVERS):
            registry.added.pop("weak_cycle", None)
    assert names["solution"].certificate.holds  # type: ignore[attr-defined]
    gaps = names["gaps"].query("game == 'condorcet'")  # type: ignore[attr-defined]
    means = gaps.groupby("concept")["value"].mean().to_dict()  # as in the table above it
    assert means == pytest.approx({"rlhf": 0.3, "nlhf": 0.0, "slhf": 0.2}, abs=1e-9)


def test_relative_links_lead_somewhere() -> None:
    assert links(README)
    for link in links(README):
        assert (ROOT / link).is_file(), link
