"""Worker processes: what one task does to itself it does to no other."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.workers import Failure, in_workers


def obey(order: str) -> str:
    """Do what the order says, in a worker."""
    if order == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "exit":
        os._exit(3)
    if order == "sleep":
        time.sleep(600)
    if order == "raise":
        raise KeyError("no such key")
    if order == "leave":
        sys.exit(4)
    if order == "torch":
        import torch

        return (
            f"{torch.get_num_threads()} {torch.ones(300, 300).matmul(torch.ones(300, 300)).sum()}"
        )
    if order.startswith("write "):
        for number in range(6000):
            Path(order.removeprefix("write ")).write_text(str(number), encoding="utf-8")
            time.sleep(0.01)
    return os.environ["OMP_NUM_THREADS"]


def test_a_worker_that_fails_takes_no_other_task_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    orders = ["work", "kill", "sleep", "exit", "raise", "leave", "work "]
    waits: list[float] = []
    results = dict(in_workers(obey, orders, 2, 2.0, lambda: waits.append(time.monotonic())))
    assert results == {
        "work": "1",
        "work ": "1",
        "sleep": Failure("timeout", "took longer than 2 seconds"),
        "exit": Failure("crashed", "the worker process ended with exit code 3"),
        "kill": Failure(
            "crashed", "the worker process was killed by signal 9, perhaps for want of memory"
        ),
        "raise": Failure("error", "KeyError: 'no such key'"),
        "leave": Failure("error", "SystemExit: 4"),
    }
    assert waits  # for "sleep"
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_torch_has_one_thread_a_process() -> None:
    pytest.importorskip("torch", reason="the extra llm is not installed")
    assert list(in_workers(obey, ["torch"], 1, 60.0, lambda: None)) == [("torch", "1 27000000.0")]


def test_a_killed_run_leaves_no_worker_behind(tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"
    code = (
        "from benchmarks.workers import in_workers\n"
        "from tests.benchmarks.test_workers import obey\n"
        "if __name__ == '__main__':\n"
        f"    print(list(in_workers(obey, ['write {ticks}'], 1, 100.0, lambda: None)))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    root = Path(__file__).parents[2]
    going = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": str(root)})
    while not ticks.is_file():
        assert going.poll() is None
        time.sleep(0.01)
    going.kill()
    going.wait()
    before, now = "", ticks.read_text(encoding="utf-8")
    while before != now:
        assert now != "5999"
        time.sleep(0.5)
        before, now = now, ticks.read_text(encoding="utf-8")


def test_no_task_needs_no_worker() -> None:
    assert list(in_workers(obey, [], 1, 1.0, lambda: None)) == []
