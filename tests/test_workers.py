"""Worker processes: what one task does to itself it does to no other."""

import os
import signal
import sys
import time

import pytest

from benchmarks.workers import Failure, in_workers


def obey(order: str) -> str:
    """What a worker does."""
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
    return os.environ["OMP_NUM_THREADS"]


def test_a_worker_that_fails_takes_no_other_task_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    orders = ["work", "kill", "sleep", "exit", "raise", "leave", "work "]
    waits: list[float] = []
    found = dict(in_workers(obey, orders, 2, 2.0, lambda: waits.append(time.monotonic())))
    assert found == {
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


def test_no_task_needs_no_worker() -> None:
    assert list(in_workers(obey, [], 1, 1.0, lambda: None)) == []
