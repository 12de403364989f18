"""Run directories: written rows are read, torn lines dropped, damaged ones reported."""

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from results import Row, RunError, load
from results import store as store_module
from results.frames import compact
from results.rows import COLUMNS, STATUSES, STRENGTHS, Status
from results.store import TABLE, Store, records

SPLIT = COLUMNS.index("params") + 1
LOADED = (*COLUMNS[:SPLIT], *STRENGTHS, *COLUMNS[SPLIT:])

ROW = Row(
    run="demo-0123",
    cell="a",
    experiment="consistency",
    scale="tabular",
    game="condorcet",
    game_params="{}",
    solver="nlhf_exact",
    concept="nlhf",
    params='{"tau":0.1}',
    seed=None,
    context=None,
    step=None,
    metric="entropy",
    labels="{}",
    value=0.5,
)


def cell(key: str, *values: float, status: Status = "ok") -> list[Row]:
    return [
        replace(ROW, cell=key, labels=f'{{"n":{k}}}', value=v, status=status)
        for k, v in enumerate(values)
    ]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Cells b (written first, second in the matrix) and a; then one with every odd value."""
    odd = [
        replace(ROW, cell="c", seed=7, context=3, step=9, value=math.inf),
        replace(ROW, cell="c", value=math.nan, status="undefined", message='no "maximum", é'),
        replace(ROW, cell="c", value=-math.inf),
    ]
    path = tmp_path / "demo-0123"
    with Store(path) as store:
        store.append(1, "d1", cell("b", 0.25, 1 / 3))
        store.append(0, "d0", cell("a", 1e-300))
        store.append(2, "d0", odd)
    return path


def segment(run_dir: Path) -> Path:
    (only,) = (run_dir / "rows").iterdir()
    return only


def test_what_is_appended_is_loaded_in_the_order_of_the_matrix(run_dir: Path) -> None:
    frame = load(run_dir)
    assert tuple(frame.columns) == LOADED
    assert list(frame["cell"]) == ["a", "b", "b", "c", "c", "c"]
    assert list(frame["value"].iloc[:4]) == [1e-300, 0.25, 1 / 3, math.inf]
    assert math.isnan(frame["value"].iloc[4])
    assert frame["value"].iloc[5] == -math.inf
    assert {c: str(frame[c].dtype) for c in ("seed", "context", "step")} == {
        "seed": "Int64",
        "context": "Int64",
        "step": "Int64",
    }
    assert list(frame["seed"].isna()) == [True, True, True, False, True, True]
    assert (frame.loc[3, "seed"], frame.loc[3, "context"], frame.loc[3, "step"]) == (7, 3, 9)
    assert frame.loc[4, "message"] == 'no "maximum", é'
    assert [(r.cell, r.index, r.game) for r in records(run_dir)] == [
        ("a", 0, "d0"),
        ("b", 1, "d1"),
        ("c", 2, "d0"),
    ]


def test_every_line_is_strict_json(run_dir: Path) -> None:
    def refuse(text: str) -> float:
        raise AssertionError(text)

    for line in segment(run_dir).read_text(encoding="utf-8").splitlines():
        assert json.loads(line, parse_constant=refuse)["columns"]["run"] == "demo-0123"


@pytest.mark.parametrize("group_rows", [1, 4, 200_000])
def test_the_parquet_copy_is_the_same_table(
    run_dir: Path, group_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_GROUP_ROWS", group_rows)
    lines = load(run_dir)
    with Store(run_dir) as store:
        store.finish(records(run_dir))
    assert (run_dir / TABLE).is_file()
    assert_frame_equal(load(run_dir), lines)
    segment(run_dir).unlink()
    assert_frame_equal(load(run_dir), lines)


def test_categories_hold_the_same_text(run_dir: Path) -> None:
    expected = compact(load(run_dir))
    assert_frame_equal(load(run_dir, categories=True), expected)
    with Store(run_dir) as store:
        store.finish(records(run_dir))
    assert_frame_equal(load(run_dir, categories=True), expected)
    assert_frame_equal(load([run_dir, run_dir], categories=True), compact(load([run_dir, run_dir])))


def test_an_append_invalidates_the_parquet_copy(run_dir: Path) -> None:
    with Store(run_dir) as store:
        store.finish(records(run_dir))
    with Store(run_dir) as store:
        assert (run_dir / TABLE).is_file()
        store.append(3, "d0", cell("d", 2.0))
    assert not (run_dir / TABLE).exists()
    assert list(load(run_dir)["cell"].unique()) == ["a", "b", "c", "d"]


def test_the_last_line_of_a_cell_counts(run_dir: Path) -> None:
    with Store(run_dir) as store:
        store.append(1, "d1", cell("b", math.nan, status="timeout"))
    assert [r.cell for r in records(run_dir) if r.unfinished] == ["b"]
    with Store(run_dir) as store:
        store.append(1, "d1", cell("b", 0.75))
    assert len(list((run_dir / "rows").iterdir())) == 3
    assert not any(r.unfinished for r in records(run_dir))
    assert list(load(run_dir).query("cell == 'b'")["value"]) == [0.75]


@pytest.mark.parametrize(
    ("status", "again"),
    [
        ("ok", False),
        ("undefined", False),
        ("skipped", False),
        ("max_steps", False),
        ("error", True),
        ("timeout", True),
        ("crashed", True),
        ("interrupted", True),
    ],
)
def test_which_statuses_run_again(tmp_path: Path, status: Status, again: bool) -> None:
    with Store(tmp_path) as store:
        store.append(0, "", [ROW, replace(ROW, status=status)])
    assert [r.unfinished for r in records(tmp_path)] == [again]


@pytest.mark.parametrize("length", [1, 40, -1, -20])
def test_a_torn_last_line_is_dropped(run_dir: Path, length: int) -> None:
    data = segment(run_dir).read_bytes()
    start = data[:-1].rfind(b"\n") + 1
    torn = data[start:][:length]
    segment(run_dir).write_bytes(data[:start] + torn)
    assert list(load(run_dir)["cell"].unique()) == ["a", "b"]
    with Store(run_dir) as store:  # and the next segment is unharmed by it
        store.append(2, "d0", cell("c", 1.0))
    assert list(load(run_dir)["cell"].unique()) == ["a", "b", "c"]


def test_a_corrupt_last_line_is_dropped(run_dir: Path) -> None:
    data = segment(run_dir).read_bytes()
    segment(run_dir).write_bytes(data.replace(b'"index":2', b'"index":4'))
    assert list(load(run_dir)["cell"].unique()) == ["a", "b"]


@pytest.mark.parametrize(
    "damage", [(b"0.25", b"0.35"), (b'"index":1', b"\xff\xfe\x00"), (b"{", b"")]
)
def test_damage_elsewhere_names_file_and_line(run_dir: Path, damage: tuple[bytes, bytes]) -> None:
    data = segment(run_dir).read_bytes()
    assert damage[0] in data.partition(b"\n")[0]
    segment(run_dir).write_bytes(data.replace(*damage, 1))
    with pytest.raises(RunError, match=r"0001\.jsonl, line 1: .* checksum; .*run"):
        load(run_dir)


def test_a_damaged_line_before_a_torn_one_is_no_torn_line(run_dir: Path) -> None:
    data = segment(run_dir).read_bytes()
    segment(run_dir).write_bytes(data.replace(b'"index":2', b'"index":4') + b'{"ind')
    with pytest.raises(RunError, match="line 3"):
        load(run_dir)


def test_several_runs_are_one_table(run_dir: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as store:
        store.append(0, "", [replace(ROW, run="other")])
    frame = load([run_dir, str(tmp_path / "other")])
    assert list(frame["run"].unique()) == ["demo-0123", "other"]
    assert list(frame.index) == list(range(7))
    assert tuple(load([]).columns) == LOADED


@pytest.mark.parametrize(
    ("params", "tau", "kl"),
    [
        ('{"tau":0}', 0.0, None),
        ('{"tau":0.1,"payoff":"sign"}', 0.1, None),
        ('{"tau_follower":0.3,"tau_leader":0.3}', 0.3, None),
        ('{"tau_follower":0,"tau_leader":0.3}', None, None),
        ('{"kl":0.03}', None, 0.03),
        ('{"kl":0.03,"tau_follower":0}', None, 0.03),
        ('{"taurus":1}', None, None),
    ],
)
def test_strength_is_two_columns_beside_the_parameters(
    tmp_path: Path, params: str, tau: float | None, kl: float | None
) -> None:
    with Store(tmp_path) as store:
        store.append(0, "", [ROW, replace(ROW, cell="b", params=params)])
    frame = load(tmp_path)
    assert frame[["tau", "kl"]].dtypes.tolist() == ["float64", "float64"]
    assert frame.loc[0, "tau"] == 0.1
    expected = [math.nan if value is None else value for value in (tau, kl)]
    assert np.array_equal(frame.loc[1, ["tau", "kl"]].astype(float), expected, equal_nan=True)


def test_every_status_has_a_meaning() -> None:
    assert set(STATUSES) == set(get_args(Status))


def test_a_run_without_a_finished_cell_is_an_empty_table(tmp_path: Path) -> None:
    with Store(tmp_path):
        pass
    frame = load(tmp_path)
    assert tuple(frame.columns) == LOADED
    assert len(frame) == 0
    assert_frame_equal(pd.concat([frame]), frame)


def test_what_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run"):
        load(tmp_path / "nowhere")
    with pytest.raises(RunError, match="not a run directory"):
        load(tmp_path)


def test_two_writers_are_refused_and_a_dead_one_is_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from results.store import Store\n"
        "with Store(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    with other, other.stdout:
        assert other.stdout.readline() == "locked\n"
        with (
            pytest.raises(RunError, match=rf"process {other.pid} is writing .*--out"),
            Store(tmp_path),
        ):
            pass
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        with Store(tmp_path) as store:
            store.append(0, "", [ROW])
    assert len(load(tmp_path)) == 1


def test_lines_are_with_the_system_before_the_store_closes(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append(0, "", [ROW])
        assert len(load(tmp_path)) == 1
