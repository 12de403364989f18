"""The Makefile, with a stand-in for Python: nothing is installed here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKS = ["-m ruff check .", "-m ruff format --check .", "-m mypy", "-m pytest -n auto"]
DOCS = ["-m sphinx -E -W -n --keep-going -q -d build/doctrees docs build/docs"]
QUICK, LLM_QUICK = "-m benchmarks run quick", "-m benchmarks run llm_quick"
PYTHON = """\
#!/bin/sh
case "$*" in
    *version_info*) echo "${NEW_ENOUGH:-True}" ;;
    *ensurepip*) echo "${COMPLETE:-True}" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip "*) echo "pip $6 $8" >> calls; [ -z "$INTERRUPTED" ] || kill -KILL $PPID ;;
    *) echo "$*" >> calls ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder whose name has spaces, and beside it a Python whose path has spaces too."""
    place = tmp_path / "a check out's"
    place.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, place)
    (tmp_path / "my python").write_text(PYTHON)
    (tmp_path / "my python").chmod(0o755)
    return place


def make(checkout: Path, *targets: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    command = ["make", *targets, f"PYTHON={checkout.with_name('my python')}"]
    return subprocess.run(
        command, cwd=checkout, env=inherited | env, capture_output=True, text=True, check=False
    )


def calls(checkout: Path, target: str, **env: str) -> list[str]:
    """What pip and the Python in .venv were asked for by one make, in order."""
    log = checkout / "calls"
    log.write_text("")
    make(checkout, target, **env)
    return log.read_text().splitlines()


def pip(extras: str) -> str:
    return f"pip constraints.txt .{extras}"


def test_the_default_is_help_and_lists_every_target(checkout: Path) -> None:
    shown = make(checkout)
    targets = {line.split()[1] for line in shown.stdout.splitlines()}
    assert targets == {"help", "run", "llm", "test", "bench", "docs", "figures", "publish", "clean"}
    assert not (checkout / ".venv").exists()


def test_a_target_installs_what_it_lacks_once(checkout: Path) -> None:
    assert calls(checkout, "run") == [pip(""), QUICK]
    assert calls(checkout, "run") == [QUICK]
    assert calls(checkout, "llm") == [pip("[llm]"), LLM_QUICK]
    assert calls(checkout, "figures") == ["-m results.gallery_index"]
    assert calls(checkout, "docs") == [pip("[docs]"), *DOCS]
    assert calls(checkout, "test") == [pip("[test,llm]"), *CHECKS]
    everything = {"run": [QUICK], "llm": [LLM_QUICK], "docs": DOCS, "test": CHECKS}
    for target, expected in everything.items():
        assert calls(checkout, target) == expected


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(checkout: Path, name: str) -> None:
    calls(checkout, "test")
    for path in checkout.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (checkout / name).touch()
    assert calls(checkout, "llm") == [pip("[llm]"), LLM_QUICK]
    assert calls(checkout, "test") == [pip("[test,llm]"), *CHECKS]


@pytest.mark.parametrize("installed", [[], ["run"], ["test"]])
def test_an_interrupted_install_is_taken_up_again(checkout: Path, installed: list[str]) -> None:
    for target in installed:
        calls(checkout, target)
    for path in checkout.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (checkout / "pyproject.toml").touch()
    assert calls(checkout, "llm", INTERRUPTED="yes") == [pip("[llm]")]
    assert calls(checkout, "run") == [pip(""), QUICK]


@pytest.mark.parametrize(
    ("lacks", "line"),
    [
        ("NEW_ENOUGH", "prefgames needs Python 3.11 or newer, and "),
        ("COMPLETE", "has no venv or no pip; install them (Debian: apt install python3-venv)"),
    ],
)
def test_an_unfit_python_is_one_readable_line(checkout: Path, lacks: str, line: str) -> None:
    shown = make(checkout, "run", **{lacks: "False"})
    assert (shown.returncode, shown.stdout) == (2, "")
    (error,) = shown.stderr.splitlines()
    assert line in error
    assert not (checkout / ".venv").exists()


def test_clean_keeps_the_runs(checkout: Path) -> None:
    calls(checkout, "run")
    (checkout / "runs").mkdir()
    assert make(checkout, "clean").returncode == 0
    assert not (checkout / ".venv").exists()
    assert (checkout / "runs").is_dir()


def test_ci_runs_make_test_and_nothing_else() -> None:
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert script[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in script
    assert script[-1] == "make test"
    assert os.access(ROOT / ".ci/run", os.X_OK)
