"""The wheel: what is in it, and that it runs the quick matrix where no checkout is."""

import email
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.compare_runs import GOLDEN, compare, read

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
NOT_SHIPPED = ("benchmarks.perf",)


def pip(*arguments: str | Path, python: Path | None = None) -> None:
    chosen = ["--python", str(python)] if python else []
    command = [sys.executable, "-m", "pip", *chosen, "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because setuptools leaves its work in the source tree."""
    place = tmp_path_factory.mktemp("wheel")
    leave = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "runs")
    shutil.copytree(ROOT, place / "source", ignore=leave)
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", place / "dist", place / "source")
    (built,) = (place / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``prefgames`` in an environment that has the wheel and our dependencies, not the checkout."""
    place = tmp_path_factory.mktemp("installed") / "an environment"
    venv.create(place, with_pip=False)
    python = place / "bin/python"
    pip("install", "--no-deps", "--no-index", wheel, python=python)
    # A .pth file adds folders without reading the .pth files in them, such as the editable install.
    (site,) = (place / "lib").glob("python*/site-packages")
    ours = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    (site / "dependencies.pth").write_text("\n".join(ours))
    return python.with_name("prefgames")


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    return subprocess.run(
        [command, *arguments],
        cwd=cwd,
        env=env | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_every_package_is_listed() -> None:
    tops = {name for name in PACKAGES if "." not in name}
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in tops
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(PACKAGES) == packages - set(NOT_SHIPPED)
    assert "tests" not in tops


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package.replace(".", "/")).iterdir()
        if path.is_file()
    }
    files = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in files if ".dist-info/" not in name} == expected
    assert {f"{name}/py.typed" for name in PACKAGES if "." not in name} <= files
    assert "benchmarks/specs/quick.toml" in files
    page = ("page.html", "chapter.html", "style.css", "script.js", "cycle.svg", "glossary.md")
    assert {f"results/page/{name}" for name in page} <= files
    assert "results/papers.bib" in files


def test_the_wheel_tells_its_licence_command_and_requirements(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    members = {name.partition(".dist-info/")[2]: name for name in archive.namelist()}
    assert archive.read(members["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
    assert "prefgames = benchmarks.cli:main" in archive.read(members["entry_points.txt"]).decode()
    metadata = email.message_from_bytes(archive.read(members["METADATA"]))
    assert metadata["Requires-Python"] == ">=3.11"
    core = [r for r in metadata.get_all("Requires-Dist", []) if "extra ==" not in r]
    assert len(core) == len(PROJECT["project"]["dependencies"])
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", requirement) for requirement in core), core
    assert not any(requirement.startswith("torch") for requirement in core)
    extra = PROJECT["project"]["optional-dependencies"]["llm"]
    assert {r.partition(">")[0] for r in extra} >= {"torch", "transformers"}
    assert set(extra).isdisjoint(PROJECT["project"]["dependencies"])
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", requirement) for requirement in extra), extra
    assert set(metadata.get_all("Provides-Extra", [])) == {"docs", "llm", "test"}


def test_one_version_of_torch_is_installed_everywhere() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    (pinned,) = (line for line in lines if line and not line.startswith("#"))
    assert re.fullmatch(r"torch==2\.\d+\.\d+", pinned)
    assert "torch>=2.6" in PROJECT["project"]["optional-dependencies"]["llm"]


def test_the_installed_modules_are_the_wheels(command: Path, tmp_path: Path) -> None:
    tops = [name for name in PACKAGES if "." not in name]
    code = (
        "from importlib.util import find_spec\n"  # finds them without what the extras bring
        f"for name in {tops!r}: print(find_spec(name).origin)"
    )
    done = run(command.with_name("python"), "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(
        Path(line).is_relative_to(command.parents[1]) for line in done.stdout.splitlines()
    ), done.stdout


def test_the_quick_matrix_runs_elsewhere_and_is_not_run_again(
    command: Path, tmp_path: Path
) -> None:
    place = tmp_path / "an empty folder"
    place.mkdir()
    first = run(command, "run", "quick", cwd=place)
    assert first.returncode == 0, first.stderr
    table, *_ = re.findall(r"^```text\n(at tau.*?)^```$", README, re.MULTILINE | re.DOTALL)
    printed = [line.split() for line in first.stdout.splitlines()]
    missing = [line for line in table.splitlines() if line.split() not in printed]
    assert not missing, f"README.md shows lines that `run quick` does not print: {missing}"
    assert len(table.splitlines()) == 13

    (folder,) = (place / "runs").iterdir()
    assert re.fullmatch(r"quick-[0-9a-f]{8}", folder.name)
    before = contents(folder)
    assert {"spec.json", "environment.json", "table.parquet", "report.html"} <= before.keys()
    assert {Path(name).suffix for name in before if name.startswith("figures/")} == {
        ".svg",
        ".md",
    }
    assert any(name.startswith("rows/") for name in before)

    # Not to the last bit: another machine has other kernels. Choices among ties are made within
    # tie_tol = 1e-9, so no row should jump between machines; no whole run elsewhere was compared.
    comparison = compare(read(GOLDEN), read(folder), tabular=1e-9)
    assert comparison.equal, f"{comparison.report()}\nOn purpose? See tests/compare_runs.py."

    second = run(command, "run", "quick", cwd=place)
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout
    after = contents(folder)
    for name in before:
        if name.startswith(("rows/", "games/", "table")):
            assert after[name] == before[name], f"{name} was written again"
    assert after.keys() == before.keys()
    assert [path.name for path in place.iterdir()] == ["runs"]
