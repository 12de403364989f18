"""Plugins from outside in runs and commands: packages, and files that a run keeps."""

import json
import os
import re
from pathlib import Path

import pytest

from results import load
from tests.outside import SOLVER, SPEC, install, plugin_file, prefgames


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("installed"))


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


def test_a_run_takes_a_file_into_its_workers_and_its_identity(tmp_path: Path) -> None:
    path = plugin_file(tmp_path / "mine")
    (tmp_path / "small.toml").write_text(SPEC)
    order = ["run", "small.toml", "--solver", str(path), "--jobs", "1"]
    assert prefgames(*order, cwd=tmp_path).returncode == 0
    (first,) = (tmp_path / "runs").iterdir()
    frame = load(first)
    assert set(frame["solver"]) == {"fixed_policy", "nlhf_exact"}  # the exact one beside it
    assert set(frame["concept"]) == {"other", "nlhf"}
    assert "error" not in set(frame["status"])
    (copy,) = first.glob("solvers/*/fixed_policy.py")
    assert copy.read_text(encoding="utf-8") == SOLVER
    (params,) = frame.loc[frame["solver"] == "fixed_policy", "params"].unique()
    assert set(json.loads(params)) == {"tau", "source"}
    assert str(tmp_path) not in (first / "spec.json").read_text(encoding="utf-8")

    again = prefgames(*order, cwd=tmp_path)
    assert "(0 now)" in again.stderr
    moved = [word.replace(f"mine{os.sep}", "") for word in order]
    path.rename(tmp_path / "fixed_policy.py")
    assert "(0 now)" in prefgames(*moved, cwd=tmp_path).stderr
    plugin_file(tmp_path, SOLVER + "# changed\n")
    assert "(0 now)" not in prefgames(*moved, cwd=tmp_path).stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2
