"""The README does what it says: every block is run, and its table is what is printed."""

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
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
TABLED = ("condorcet", "transitive_misranked", "glasgow_govan_2007")


def blocks(kind: str) -> list[str]:
    return [text for language, text in BLOCKS if language == kind]


def prefgames(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def words(line: str) -> str:
    return " ".join(line.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shell blocks were run, in order."""
    cwd = tmp_path_factory.mktemp("readme")
    for line in "".join(blocks("console")).splitlines():
        command = line.removeprefix("$ ").partition("  #")[0]
        if command.startswith("make"):
            subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, check=True)
        elif command.startswith("prefgames"):
            prefgames(*shlex.split(command)[1:], cwd=cwd)
        else:
            subprocess.run(command, cwd=cwd, shell=True, check=True)
    return cwd


def test_there_are_no_blocks_of_another_kind() -> None:
    assert {language for language, _ in BLOCKS} == {"console", "text", "python"}


def test_python_blocks_run_in_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    trains = importlib.util.find_spec("torch") is not None  # else what needs it is left out
    run = min((folder / "runs").iterdir())
    names: dict[str, object] = {"__name__": "readme"}
    sys.modules["readme"] = type(sys)("readme")
    try:
        for text in blocks("python"):
            if "import llm" in text and not trains:
                continue
            code = text.replace("runs/quick-00000000", f"runs/{run.name}")
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, "README.md", "exec"), names)
    finally:
        del sys.modules["readme"]
        for registry in (GAMES, SOLVERS):
            registry.added.pop("weak_cycle", None)
    assert names["solution"].certificate.holds  # type: ignore[attr-defined]


def test_the_table_is_what_the_command_prints(tmp_path: Path) -> None:
    games = [word for game in TABLED for word in ("--game", game)]
    printed = {words(line) for line in prefgames("run", "quick", *games, cwd=tmp_path).splitlines()}
    (table,) = blocks("text")
    shown = [words(line) for line in table.splitlines()]
    assert len(shown) == 1 + 3 * len(TABLED)
    assert set(shown) <= printed


def test_relative_links_lead_somewhere() -> None:
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)]+)\)", prose)
    assert links
    for link in links:
        if not link.startswith("https://"):
            assert (ROOT / link).is_file(), link
