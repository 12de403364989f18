"""The Makefile, with a stand-in for Python: nothing is installed here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PYTHON = """\
#!/bin/sh
case "$*" in
    *version_info*) echo "${FAKE_VERSION:-3.12}" ;;
    *ensurepip*) exit "${FAKE_NO_VENV:-0}" ;;
    "-m venv "*)
        echo "venv" >> calls
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        printf '#!/bin/sh\\necho "prefgames $*" >> calls\\n' > "$3/bin/prefgames"
        chmod +x "$3/bin/prefgames"
        ;;
    "-m pip install"*)
        echo "pip ${*##* }" >> calls
        exit "${FAKE_BROKEN_PIP:-0}"
        ;;
    "-m "*) echo "$*" >> calls ;;
esac
"""


class Checkout:
    """A folder with the project's Makefile, and a PATH on which ``python3`` is a stand-in."""

    def __init__(self, place: Path) -> None:
        self.place = place / "a check out's"
        self.bin = place / "bin"
        self.place.mkdir()
        self.bin.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.place)
        for tool in ("sh", "sed", "cat", "cp", "mkdir", "rm", "touch", "chmod", "date", "find"):
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.python("python3")

    def python(self, name: str) -> None:
        (self.bin / name).write_text(PYTHON)
        (self.bin / name).chmod(0o755)

    def make(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        make = str(shutil.which("make"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "PYTHON"}
        return subprocess.run(
            [make, *arguments],
            cwd=self.place,
            env={**kept, **env, "PATH": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, *arguments: str, **env: str) -> list[str]:
        """What one make did, in order."""
        log = self.place / "calls"
        log.unlink(missing_ok=True)
        self.make(*arguments, **env)
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_default_is_help_and_lists_every_target(checkout: Checkout) -> None:
    shown = checkout.make()
    assert shown.stderr == ""
    targets = {line.split()[1] for line in shown.stdout.splitlines()}
    assert targets == {"help", "run", "llm", "test", "bench", "clean"}
    assert not (checkout.place / ".venv").exists()


def test_a_first_run_installs_the_core_and_a_second_only_runs(checkout: Checkout) -> None:
    assert checkout.calls("run") == ["venv", "pip .", "prefgames run quick"]
    assert checkout.calls("run") == ["prefgames run quick"]
    again = checkout.make("run")
    assert (again.stdout, again.stderr) == ("", "")


def test_the_check_is_ruff_mypy_and_pytest(checkout: Checkout) -> None:
    checks = ["-m ruff check .", "-m ruff format --check .", "-m mypy", "-m pytest -n auto"]
    assert checkout.calls("test") == ["venv", "pip .[test,llm]", *checks]
    assert checkout.calls("test") == checks
    assert checkout.calls("run") == ["prefgames run quick"]
    assert checkout.calls("llm") == ["prefgames run llm_quick"]


def test_language_models_are_installed_when_they_are_asked_for(checkout: Checkout) -> None:
    assert checkout.calls("llm") == ["venv", "pip .[llm]", "prefgames run llm_quick"]
    assert checkout.calls("llm") == ["prefgames run llm_quick"]
    assert checkout.calls("run") == ["prefgames run quick"]


def test_what_a_target_needs_is_added_to_what_is_there(checkout: Checkout) -> None:
    checkout.calls("run")
    assert checkout.calls("llm")[0] == "pip .[llm]"
    assert checkout.calls("test")[0] == "pip .[test,llm]"


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
@pytest.mark.parametrize(
    ("target", "extras"), [("run", ""), ("llm", "[llm]"), ("test", "[test,llm]")]
)
def test_changed_requirements_are_installed(
    checkout: Checkout, name: str, target: str, extras: str
) -> None:
    checkout.calls("test")
    for path in checkout.place.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (checkout.place / name).touch()
    assert checkout.calls(target)[0] == f"pip .{extras}"
    assert checkout.calls(target)[0] != f"pip .{extras}"


def test_an_interrupted_install_starts_anew(checkout: Checkout) -> None:
    assert checkout.make("run", FAKE_BROKEN_PIP="1").returncode != 0
    half = checkout.place / ".venv/half"
    half.touch()
    assert checkout.calls("run") == ["venv", "pip .", "prefgames run quick"]
    assert not half.exists()


def test_an_interrupted_upgrade_starts_anew(checkout: Checkout) -> None:
    checkout.calls("run")
    assert checkout.calls("test", FAKE_BROKEN_PIP="1") == ["pip .[test,llm]"]
    assert checkout.calls("run") == ["venv", "pip .", "prefgames run quick"]


def test_a_moved_checkout_starts_anew(checkout: Checkout) -> None:
    checkout.calls("run")
    checkout.place = checkout.place.rename(checkout.place.with_name("moved"))
    assert checkout.calls("run") == ["venv", "pip .", "prefgames run quick"]


def test_a_lost_python_starts_anew(checkout: Checkout) -> None:
    checkout.calls("run")
    (checkout.place / ".venv/bin/python").unlink()
    assert checkout.calls("run") == ["venv", "pip .", "prefgames run quick"]


def test_an_environment_made_by_hand_is_kept(checkout: Checkout) -> None:
    checkout.calls("run")
    for stamp in ("home", "core"):
        (checkout.place / ".venv" / stamp).unlink()
    assert checkout.calls("run") == ["pip .", "prefgames run quick"]


@pytest.mark.parametrize(
    ("env", "others", "line"),
    [
        (
            {"FAKE_VERSION": "3.10"},
            [],
            "prefgames needs Python 3.11 or newer, python3 is 3.10; "
            "install one and run make with PYTHON=python3.11",
        ),
        (
            {"PYTHON": "python3.10"},
            ["python3.12"],
            "prefgames needs Python 3.11 or newer, python3.10 is missing; "
            "python3.12 is on the PATH, run make with PYTHON=python3.12",
        ),
        (
            {"FAKE_NO_VENV": "1"},
            [],
            "python3 has no venv or no pip; install them (Debian: apt install python3-venv)",
        ),
    ],
)
def test_an_unfit_python_is_one_readable_line(
    checkout: Checkout, env: dict[str, str], others: list[str], line: str
) -> None:
    for name in others:
        checkout.python(name)
    told = checkout.make("run", **env)
    assert told.returncode == 2
    assert told.stdout == ""
    (shown,) = told.stderr.splitlines()
    assert line in shown
    assert not (checkout.place / ".venv").exists()


@pytest.mark.parametrize("version", ["3.11", "3.14", "3.20"])
def test_newer_pythons_will_do(checkout: Checkout, version: str) -> None:
    assert checkout.calls("run", FAKE_VERSION=version)[0] == "venv"


def test_the_path_of_a_python_may_hold_a_space(checkout: Checkout) -> None:
    checkout.python("my python")
    assert checkout.calls("run", PYTHON=str(checkout.bin / "my python"))[0] == "venv"


def test_clean_keeps_the_runs(checkout: Checkout) -> None:
    checkout.calls("run")
    (checkout.place / "runs").mkdir()
    assert checkout.make("clean").returncode == 0
    assert not (checkout.place / ".venv").exists()
    assert (checkout.place / "runs").is_dir()


def test_ci_adds_no_check_of_its_own() -> None:
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert script[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in script
    assert script[-1] == "make test"
    assert os.access(ROOT / ".ci/run", os.X_OK)
