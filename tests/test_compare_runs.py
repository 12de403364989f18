"""Runs that differ are distinguished, and what may differ does not count."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from results.rows import COLUMNS
from tests.compare_runs import compare, main

ROW = dict.fromkeys(COLUMNS, "") | {
    "run": "quick-00000000",
    "cell": "c0",
    "experiment": "consistency",
    "scale": "tabular",
    "game": "condorcet",
    "game_params": "{}",
    "solver": "nlhf_exact",
    "concept": "nlhf",
    "params": '{"tau":0}',
    "seed": None,
    "context": None,
    "step": None,
    "labels": "{}",
    "status": "ok",
}
ROWS = [
    ROW | {"metric": "entropy", "value": 1 / 3},
    ROW | {"metric": "entropy", "value": 0.0, "cell": "c1", "seed": 1},
    ROW | {"metric": "probability", "value": 0.25, "labels": '{"action":"A"}', "context": 2},
    ROW | {"metric": "probability", "value": 0.75, "labels": '{"action":"A"}', "context": 3},
    ROW | {"metric": "shift", "value": np.nan, "status": "undefined", "message": "no maximum"},
    ROW | {"metric": "kl_to_ref", "value": np.inf, "step": 10},
    ROW | {"metric": "kl_to_ref", "value": 100.0, "scale": "llm", "cell": "c2"},
    ROW | {"metric": "seconds", "value": 0.1},
]


def frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    whole = dict.fromkeys(["seed", "context", "step"], "Int64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({**whole, "value": "float64"})


def changed(index: int, **columns: object) -> pd.DataFrame:
    return frame([row | columns if i == index else row for i, row in enumerate(ROWS)])


def differences(new: pd.DataFrame) -> list[str]:
    comparison = compare(frame(ROWS), new)
    kinds = list(comparison.differences["difference"])
    assert comparison.equal == (set(kinds) <= {"added, undefined"})
    return kinds


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (changed(0, value=np.nextafter(1 / 3, 1)), ["value"]),
        (changed(1, value=np.nan), ["value"]),
        (changed(4, value=0.0), ["value"]),
        (changed(5, value=-np.inf), ["value"]),
        (changed(5, value=1e300), ["value"]),
        (changed(6, value=100.0 + 2e-4), ["value"]),
        (changed(0, status="max_steps"), ["status"]),
        (changed(4, status="error"), ["status"]),
        (changed(1, concept="rlhf"), ["concept"]),
        (changed(1, seed=2), ["seed"]),
        (frame(ROWS[1:]), ["lost"]),
        (changed(2, labels='{"answer":"A"}'), ["added", "lost"]),
        (changed(2, context=4), ["added", "lost"]),
        (changed(5, step=11), ["added", "lost"]),
        (changed(1, cell="c3"), ["added", "lost"]),
        (frame([*ROWS, ROW | {"metric": "tau", "value": 0.1}]), ["added"]),
    ],
)
def test_what_moved_is_a_difference(new: pd.DataFrame, expected: list[str]) -> None:
    assert sorted(differences(new)) == expected


def test_added_rows_may_be_undefined() -> None:
    undefined = ROW | {"metric": "tau", "value": np.nan, "status": "undefined"}
    assert differences(frame([*ROWS, undefined])) == ["added, undefined"]
    assert compare(frame(ROWS), frame([*ROWS, undefined])).equal


@pytest.mark.parametrize(
    "new",
    [
        frame(ROWS),
        frame(ROWS[::-1]),
        frame([row | {"run": "quick-11111111", "message": "another"} for row in ROWS]),
        changed(7, value=0.2),
        frame(ROWS[:7]),
        changed(6, value=100.0 + 5e-5),
    ],
)
def test_what_may_differ_does_not_count(new: pd.DataFrame) -> None:
    assert differences(new) == []


def test_tolerances_are_those_given() -> None:
    old, new = frame(ROWS), changed(0, value=1 / 3 + 1e-10)
    assert not compare(old, new).equal
    assert not compare(old, new, tabular=1e-11).equal
    assert compare(old, new, tabular=1e-9).equal
    assert not compare(old, changed(6, value=100.0 + 5e-5), llm=0).equal


def test_rows_with_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="1 rows have the same cell, metric"):
        compare(frame(ROWS), frame([*ROWS, ROWS[0]]))


def test_the_command_says_what_moved_where_and_how_far(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old").mkdir()
    old, new = tmp_path / "old" / "table.parquet", tmp_path / "new.parquet"
    frame(ROWS).to_parquet(old)
    changed(0, value=0.5).to_parquet(new)
    assert main([str(old.parent), str(old)]) == 0
    assert capsys.readouterr().out == "equal: 7 rows stand in both\n"

    # As a script: tests/results must not be taken for the package ``results``.
    script = Path(__file__).with_name("compare_runs.py")
    command = [sys.executable, str(script), str(old), str(new)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1, done.stderr
    table, example, verdict = done.stdout.splitlines()[1:]
    assert table.split() == ["value", "entropy", "condorcet", "nlhf_exact", "1", "0.166667"]
    assert "cell c0: 0.3333333333333333 (ok) -> 0.5 (ok)" in example
    assert verdict.startswith("DIFFERENT")
    assert main([str(old), str(new), "--tabular", "0.2"]) == 0
