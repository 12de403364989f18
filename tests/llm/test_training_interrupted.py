"""Trainings that are killed, and trainings in two processes: real processes, real signals."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from safetensors.torch import load_file

from games import SolverError
from llm.models import save
from llm.policy import Policy
from tests.interrupted import CONFIG, DIES_AT, KINDS, trained
from tests.small_models import equal, parameters

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def start(tuned_policy: Policy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the initial model."""
    folder = tmp_path_factory.mktemp("start")
    save(tuned_policy, folder)
    return folder


@pytest.fixture(scope="module")
def killed(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of trainings that were killed in their sixth step."""
    folder = tmp_path_factory.mktemp("killed")
    script = [sys.executable, "-m", "tests.interrupted", str(start), str(folder)]
    done = subprocess.run(script, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [word for name in KINDS for word in (name, str(signal.SIGKILL))]
    return folder


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_killed_training_ends_as_if_it_had_not_been(
    name: str, start: Path, killed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / name
    shutil.copytree(killed / name, folder)
    state = json.loads((folder / "checkpoint" / "state.json").read_text())
    assert state["step"] == DIES_AT - 1
    assert not state["ended"]
    resumed, whole = trained(name, start, folder), trained(name, start, None)
    assert resumed.cost.steps == whole.cost.steps == CONFIG.steps
    assert equal(parameters(resumed.policy), parameters(whole.policy))
    if whole.follower is not None:
        assert resumed.follower is not None
        assert equal(parameters(resumed.follower), parameters(whole.follower))
        assert not equal(parameters(whole.follower), parameters(whole.policy))
    for one, other in zip(resumed.curve, whole.curve, strict=True):
        del one["cost"]["seconds"], other["cost"]["seconds"]
        assert one == other
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint"]


def test_a_death_between_two_renames_costs_nothing(
    start: Path, killed: Path, tmp_path: Path
) -> None:
    name = "nash_md_pg"
    shutil.copytree(killed / name, tmp_path / name)
    os.rename(tmp_path / name / "checkpoint", tmp_path / name / ".old")
    (tmp_path / name / ".part").mkdir()
    resumed = trained(name, start, tmp_path / name)
    assert equal(parameters(resumed.policy), parameters(trained(name, start, None).policy))
    assert [path.name for path in (tmp_path / name).iterdir()] == ["checkpoint"]


@pytest.fixture(scope="module")
def together(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a training in two processes."""
    folder = tmp_path_factory.mktemp("together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = [sys.executable, "-m", "tests.parallel_training", str(start), str(folder)]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    going = [
        subprocess.Popen(
            script,
            env={**ENVIRONMENT, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in going:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in going:
            process.kill()
    return folder


def left(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_two_processes_draw_independently_and_stay_equal(together: Path) -> None:
    one, two = left(together)
    assert one["heard"] != two["heard"]
    assert len(one["heard"]) == len(two["heard"]) == 16
    assert equal(*(load_file(together / f"whole-{rank}.safetensors") for rank in range(2)))


def test_gradients_are_averaged_over_processes(together: Path) -> None:
    for result in left(together):
        assert result["slopes"] == pytest.approx([0, *[0.0015] * 4])


def test_the_cost_is_of_all_processes(together: Path) -> None:
    one, two = left(together)
    assert one["costs"][-1]["judge_calls"] == 2 * 4 * 16
    total = one["own"] + two["own"]
    assert one["own"] != two["own"]
    assert one["costs"][-1]["generated_tokens"] == total
    assert one["resumed"]["generated_tokens"] == two["resumed"]["generated_tokens"] == total


def test_two_processes_go_on_where_they_were(together: Path, start: Path) -> None:
    for rank in range(2):
        whole, parts = (
            load_file(together / f"{part}-{rank}.safetensors") for part in ("whole", "parts")
        )
        assert equal(whole, parts)
    state = load_file(together / "whole" / "checkpoint" / "parameters.safetensors")
    assert state["generators"].shape[0] == 2
    assert not torch.equal(*state["generators"])


def test_processes_end_together_when_one_diverges(together: Path) -> None:
    assert [result["broken"] for result in left(together)] == [["diverged", 0]] * 2


def test_one_process_does_not_continue_what_two_began(
    together: Path, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.interrupted.CONFIG", parallel_config())
    with pytest.raises(SolverError, match="'processes': 2"):
        trained("nash_md_pg", start, together / "whole")


def parallel_config() -> Any:
    from tests.parallel_training import CONFIG as used

    return used
