"""A run of both scales in real processes: killed while a language model is trained, and resumed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

pytest.importorskip("torch", reason="language models need the extra llm")

from benchmarks import runner
from benchmarks.matrix import cells
from benchmarks.spec import read
from results import load
from results.store import Store

ROOT = Path(__file__).parents[2]
STEPS = 30
SPEC = f"""
name = "both"

[[games]]
name = "condorcet"

[[solvers]]
name = "nlhf_exact"

[[learners]]
name = "nash_md_pg"
tau = 0.1
steps = {STEPS}
batch_size = 8
evaluate_every = {STEPS}
checkpoint_every = 1

[[experiments]]
name = "consistency"

[[experiments]]
name = "consistency"
scale = "llm"
lessons = 2
"""


def kill_in_training(spec: Path, out: Path) -> None:
    """Start a run, and kill it when a step of its training is saved."""
    program = ROOT / "tests" / "programs" / "fake_prefgames.py"
    command = [sys.executable, *map(str, (program, "run", spec, "--out", out, "--jobs", 1))]
    run = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    while saved_step(out) < 1:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()


def saved_step(out: Path) -> int:
    """The step of the checkpoint of the only training; -1 if there is none at this moment."""
    for state in out.glob("*/models/*/checkpoint/state.json"):
        with contextlib.suppress(FileNotFoundError):  # the next one is being put in its place
            return int(json.loads(state.read_text(encoding="utf-8"))["step"])
    return -1


def test_a_run_of_both_scales_that_was_killed_resumes_its_training(
    tmp_path: Path, model_cache: Path
) -> None:
    spec, out = tmp_path / "both.toml", tmp_path / "runs"
    spec.write_text(SPEC, encoding="utf-8")
    kill_in_training(spec, out)
    assert 1 <= saved_step(out) < STEPS
    plan = read(spec)
    done = runner.run(plan, out, jobs=1)
    assert (done.cells, done.computed, done.failed) == (2, 2, 0)
    assert saved_step(out) == STEPS
    assert sum(path.is_dir() for path in (done.run_dir / "models").iterdir()) == 1

    with Store(tmp_path / "whole" / plan.run_name) as store:
        (store.run_dir / "games").mkdir(exist_ok=True)
        for index, cell in enumerate(cells(plan)):
            store.append(index, *runner.measure(cell, store.run_dir))
    resumed, whole = (
        load(run_dir).query("metric != 'seconds'") for run_dir in (done.run_dir, store.run_dir)
    )
    assert set(zip(resumed["scale"], resumed["solver"], strict=True)) == {
        ("tabular", "nlhf_exact"),
        ("llm", "nash_md_pg"),
    }
    assert_frame_equal(resumed, whole)
