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
from tests.command import call
from tests.documents import ROOT, blocks, links, require_shown
from tests.outside import prefgames

README = ROOT / "README.md"
NOT_RUN = 0
"""Blocks that are marked because they need hours, a cluster or a GPU."""


def texts(kind: str) -> list[str]:
    return [block.text for block in blocks(README) if block.kind == kind and not block.not_run]


def follow(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Do what a line of a shell block says in the current directory, and return what it prints.

    A run takes one seed, and is not read. A run with a method of one's own draws its figures too;
    those of the spec are drawn by tests/test_packaging.py.
    """
    command = line.removeprefix("$ ").partition("  #")[0]
    program, *arguments = shlex.split(command)
    if program == "make":
        subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True)
    elif program != "prefgames":
        subprocess.run(command, shell=True, check=True)
    elif arguments[0] == "run":
        figures = any(argument.endswith(".py") for argument in arguments)
        done = prefgames(*arguments, "--seeds", "1", cwd=Path.cwd(), figures=figures)
        assert done.returncode == 0, done.stderr
    else:
        code, out, err = call(monkeypatch, capsys, *arguments)
        assert code == 0, out + err
        return out
    return ""


def test_every_block_is_run_unless_it_says_why_not() -> None:
    found = blocks(README)
    assert 2 * len(found) == README.read_text(encoding="utf-8").count("```")
    assert {block.kind for block in found} <= {"console", "text", "python"}
    assert sum(bool(block.not_run) for block in found) == NOT_RUN


def test_blocks_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    trains = importlib.util.find_spec("torch") is not None  # else what needs it is left out
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    printed = ""
    for block in blocks(README):
        if block.kind == "console":
            commands = block.text.splitlines()
            printed = "".join(follow(line, monkeypatch, capsys) for line in commands)
        elif block.kind == "text" and printed:
            require_shown(block.text, printed.splitlines())
    runs = {path.name: (path / "report.html").is_file() for path in tmp_path.glob("runs/*")}
    assert sorted(runs.values()) == [False, True]
    (run,) = (name for name, drawn in runs.items() if not drawn)
    module = "blocks of README.md"
    names: dict[str, object] = {"__name__": module}
    monkeypatch.setitem(sys.modules, module, type(sys)(module))
    for registry in (GAMES, SOLVERS):  # what the page adds is forgotten after the test
        monkeypatch.setattr(registry, "added", dict(registry.added))
    for text in texts("python"):
        if "import llm" in text and not trains:
            continue
        code = text.replace("runs/quick-00000000", f"runs/{run}")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, README.name, "exec"), names)
    assert names["solution"].certificate.holds  # type: ignore[attr-defined]
    gaps = names["gaps"].query("game == 'condorcet'")  # type: ignore[attr-defined]
    means = gaps.groupby("concept")["value"].mean().to_dict()  # as in the table above it
    assert means == pytest.approx({"rlhf": 0.3, "nlhf": 0.0, "slhf": 0.2}, abs=1e-9)


def test_relative_links_lead_somewhere() -> None:
    assert links(README)
    for link in links(README):
        assert (ROOT / link).is_file(), link
