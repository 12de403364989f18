"""Plugins from outside: packages, files, templates, and the commands that show them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from games import GAMES, SpecError
from games.catalogue import make
from results import load
from solvers import SOLVERS, battery, discovery, nash_md
from solvers.discovery import Discovered

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parents[1] / "plugin_package"
FAKE = Path(__file__).parents[1] / "programs" / "fake_prefgames.py"
GROUP = "prefgames.solvers"

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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package; put on the path it is as good as in site-packages."""
    place = tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE, place / "source", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(place / "there")]
    done = subprocess.run(
        [*command, str(place / "source")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return place / "there"


@pytest.fixture
def outside(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Discovered[object]]:
    """A registry with one built-in, and the package on the path."""
    monkeypatch.syspath_prepend(installed)
    registry: Discovered[object] = Discovered("solver", GROUP)
    registry.add("nash_md", nash_md.NashMd)
    yield registry
    for name in [name for name in sys.modules if name.startswith("outside_methods")]:
        del sys.modules[name]


@pytest.fixture
def registries() -> Iterator[None]:
    """Whatever a test registers is gone afterwards."""
    before = dict(SOLVERS), dict(GAMES)
    yield
    for name in SOLVERS.keys() - before[0].keys():
        SOLVERS.pop(name)
    for name in GAMES.keys() - before[1].keys():
        GAMES.pop(name)


def prefgames(
    *arguments: str | Path, cwd: Path, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, without figures and reports."""
    folders = [str(folder) for folder in (ROOT, path) if folder]
    return subprocess.run(
        [sys.executable, str(FAKE), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


# packages


def test_an_entry_point_is_loaded_when_its_name_is_asked_for(
    outside: Discovered[object],
) -> None:
    assert outside["nash_md"] is nash_md.NashMd
    assert "outside_methods" not in sys.modules
    found = outside["slow_mirror"]
    assert found is sys.modules["outside_methods.slow_mirror"].SlowMirror
    assert outside["slow_mirror"] is found
    assert "outside_methods.needs_more" not in sys.modules


def test_importing_solvers_loads_no_package(installed: Path, tmp_path: Path) -> None:
    code = "import sys, solvers, games; print(*sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(installed)])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "solvers" in done.stdout.split()
    assert "outside_methods" not in done.stdout


def test_a_package_that_fails_is_listed_and_stops_nothing(outside: Discovered[object]) -> None:
    broken = {found.name: found for found in discovery.outside(outside, GROUP)}
    assert set(outside) == {"nash_md", "slow_mirror"}
    assert set(broken) == {"nash_md", "needs_more", "leaves"}
    assert {found.package for found in broken.values()} == {"outside-methods"}
    assert broken["nash_md"].reason == "the name is taken by solvers.nash_md"
    assert "ImportError: a library that is not installed" in broken["needs_more"].reason
    assert "SystemExit: 7" in broken["leaves"].reason
    assert {found.name for found in discovery.outside(outside, GROUP)} == set(broken)


def test_asking_for_a_package_that_fails_says_why(outside: Discovered[object]) -> None:
    told = r"solver 'needs_more' of outside-methods cannot be loaded: ImportError: a library that"
    with pytest.raises(SpecError, match=told):
        outside["needs_more"]


def test_unknown_names_say_what_exists_outside_too(outside: Discovered[object]) -> None:
    told = r"no solver named 'slow_miror'; did you mean slow_mirror.*known: .*nash_md.*slow_mirror"
    with pytest.raises(SpecError, match=told):
        outside["slow_miror"]


def test_a_name_that_two_packages_offer_is_refused(
    outside: Discovered[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "rival-2.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 2.0\n")
    (other / "entry_points.txt").write_text(f"[{GROUP}]\nslow_mirror = json:JSONDecoder\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = "solver 'slow_mirror' is offered by outside-methods and rival; uninstall one"
    with pytest.raises(SpecError, match=told):
        outside["slow_mirror"]
    reasons = [b.reason for b in discovery.outside(outside, GROUP) if b.name == "slow_mirror"]
    assert reasons == [told, told]
    assert "slow_mirror" not in outside


def test_a_package_keeps_the_contract(outside: Discovered[object]) -> None:
    found = battery.run(outside["slow_mirror"])  # type: ignore[arg-type]  # it is a solver class
    assert not [outcome for outcome in found if outcome.passed is False]


def test_the_catalogue_finds_a_game_of_a_package_itself(
    outside: Discovered[object], registries: None
) -> None:
    assert "weak_cycle" not in GAMES
    with pytest.raises(SpecError, match=r"no game named 'weak_cyle'; did you mean weak_cycle"):
        make("weak_cyle")
    game = make({"name": "weak_cycle", "margin": 0.2})
    assert game.P[0, 1] == pytest.approx(0.7)
    many = {"name": "contextual", "families": ["weak_cycle"], "contexts": 2}
    assert make(many, np.random.default_rng(0)).P[1, 0, 1] == pytest.approx(0.6)
    assert GAMES["weak_cycle"] is sys.modules["outside_methods.weak_cycle"].weak_cycle
    assert "outside_methods.slow_mirror" not in sys.modules


def test_the_command_knows_packages(installed: Path, tmp_path: Path) -> None:
    listed = prefgames("ls", "solvers", cwd=tmp_path, path=installed)
    assert listed.returncode == 0, listed.stderr
    assert re.search(r"^slow_mirror +nlhf +tau=0\.2, eta=0\.2", listed.stdout, re.M)
    assert re.search(
        r"^needs_more +\(failed\) .*ImportError: a library.*outside-", listed.stdout, re.M
    )
    assert re.search(
        r"^nash_md +\(failed\) +the name is taken by solvers\.nash_md", listed.stdout, re.M
    )
    games = prefgames("ls", "games", cwd=tmp_path, path=installed).stdout
    assert re.search(r"^weak_cycle +margin=0\.1 +Each of three", games, re.M)
    solved = prefgames(
        *("solve", "weak_cycle", "--solver", "slow_mirror", "--json"), cwd=tmp_path, path=installed
    )
    assert json.loads(solved.stdout)["policy"] == pytest.approx([1 / 3] * 3)
    checked = prefgames("check", "slow_mirror", cwd=tmp_path, path=installed)
    assert checked.returncode == 0, checked.stdout
    (tmp_path / "small.toml").write_text(SPEC)
    order = ["run", "small.toml", "--game", "weak_cycle", "--solver", "slow_mirror"]
    ran = prefgames(*order, cwd=tmp_path, path=installed)
    assert ran.returncode == 0, ran.stderr
    (run_dir,) = (tmp_path / "runs").iterdir()
    frame = load(run_dir)
    assert set(frame["solver"]) == {"slow_mirror"}
    assert set(frame["game"]) == {"weak_cycle"}
    assert not set(frame["status"]) & {"error", "crashed", "timeout"}


# files


def written(folder: Path, text: str = SOLVER, name: str = "fixed_policy.py") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_a_solver_of_its_name(tmp_path: Path, registries: None) -> None:
    path = written(tmp_path)
    assert discovery.add_file(SOLVERS, path) == "fixed_policy"
    first = SOLVERS["fixed_policy"]
    assert (first.__name__, first().solve(GAMES["condorcet"]()).policy.sum()) == ("FixedPolicy", 1)
    held, digest = discovery.source(first)
    assert held == path.read_bytes()
    path.write_text(SOLVER.replace("0.1", "0.2"), encoding="utf-8")  # as long, as old
    assert discovery.add_file(SOLVERS, path) == "fixed_policy"
    assert SOLVERS["fixed_policy"]().tau == 0.2  # type: ignore[attr-defined]  # a field of the file's class
    assert discovery.source(SOLVERS["fixed_policy"])[1] != digest
    assert [p.name for p in tmp_path.iterdir()] == ["fixed_policy.py"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("nash_md.py", SOLVER, r"a solver 'nash_md' exists, in solvers\.nash_md; rename the file"),
        ("other.py", SOLVER, r"holds no class Other; the file my_method\.py holds MyMethod"),
        ("fixed_policy.py", "import no_such_thing", r"ModuleNotFoundError: No module named"),
        ("fixed_policy.py", "x = (", r"cannot be imported: SyntaxError"),
        ("fixed_policy.py", "raise SystemExit(0)", r"cannot be imported: SystemExit: 0"),
        ("two words.py", SOLVER, r"expected a Python file called like my_method\.py"),
    ],
)
def test_a_file_of_no_use_says_why(
    tmp_path: Path, registries: None, name: str, text: str, told: str
) -> None:
    with pytest.raises(SpecError, match=told):
        discovery.add_file(SOLVERS, written(tmp_path, text, name))
    with pytest.raises(SpecError, match="no such file"):
        discovery.add_file(SOLVERS, tmp_path / "nowhere.py")


def test_a_run_takes_a_file_into_its_workers_and_its_identity(tmp_path: Path) -> None:
    path = written(tmp_path / "mine")
    (tmp_path / "small.toml").write_text(SPEC)
    order = ["run", "small.toml", "--solver", str(path), "--jobs", "1"]
    assert prefgames(*order, cwd=tmp_path).returncode == 0
    (first,) = (tmp_path / "runs").iterdir()
    frame = load(first)
    assert set(frame["solver"]) == {"fixed_policy"}
    assert set(frame["concept"]) == {"other"}
    assert "error" not in set(frame["status"])
    (kept,) = first.glob("solvers/*/fixed_policy.py")
    assert kept.read_text(encoding="utf-8") == SOLVER
    assert set(map(json.loads, frame["params"]).__next__()) == {"tau", "source"}
    assert str(tmp_path) not in (first / "spec.json").read_text(encoding="utf-8")

    again = prefgames(*order, cwd=tmp_path)
    assert "(0 now)" in again.stderr
    moved = [word.replace(f"mine{os.sep}", "") for word in order]
    path.rename(tmp_path / "fixed_policy.py")
    assert "(0 now)" in prefgames(*moved, cwd=tmp_path).stderr
    written(tmp_path, SOLVER + "# changed\n")
    assert "(0 now)" not in prefgames(*moved, cwd=tmp_path).stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2
