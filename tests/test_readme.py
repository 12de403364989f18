"""README and docs/ do what they say: every block is run (its table: tests/test_packaging.py)."""

import contextlib
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from games import GAMES
from solvers import SOLVERS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(<!-- not run: .+ -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN: dict[str, int] = {}
"""Blocks of a page that are marked because they need hours, a cluster or a GPU."""


def blocks(page: Path, kind: str) -> list[str]:
    all_blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [text for mark, language, text in all_blocks if language == kind and not mark]


def prefgames(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=PAGES, ids=lambda path: path.name)
def page(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(scope="module")
def folder(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shell blocks of a page were run, in order."""
    cwd = tmp_path_factory.mktemp(page.stem)
    for line in "".join(blocks(page, "console")).splitlines():
        command = line.removeprefix("$ ").partition("  #")[0]
        if command.startswith("make"):
            subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, check=True)
        elif command.startswith("prefgames"):
            prefgames(*shlex.split(command)[1:], cwd=cwd)
        else:
            subprocess.run(command, cwd=cwd, shell=True, check=True)
    return cwd


def test_every_block_is_run_unless_it_says_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    all_blocks = BLOCK.findall(text)
    assert 2 * len(all_blocks) == text.count("```")
    assert {language for _, language, _ in all_blocks} <= {"console", "text", "python"}
    assert sum(bool(mark) for mark, _, _ in all_blocks) == NOT_RUN.get(page.name, 0)


def test_python_blocks_run_in_order(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    trains = importlib.util.find_spec("torch") is not None  # else what needs it is left out
    run = min((path.name for path in folder.glob("runs/*")), default="")
    module = f"blocks of {page.name}"
    names: dict[str, object] = {"__name__": module}
    monkeypatch.setitem(sys.modules, module, type(sys)(module))
    try:
        for text in blocks(page, "python"):
            if "import llm" in text and not trains:
                continue
            code = text.replace("runs/quick-00000000", f"runs/{run}")
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, page.name, "exec"), names)
    finally:
        for registry in (GAMES, SOLVERS):
            registry.added.pop("weak_cycle", None)
    if page == README:
        assert names["solution"].certificate.holds  # type: ignore[attr-defined]


def test_relative_links_lead_somewhere(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)#]+)", prose)
    assert links or page != README
    for link in links:
        if not link.startswith("https://"):
            assert (page.parent / link).is_file(), link
