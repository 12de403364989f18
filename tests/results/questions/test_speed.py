"""Timings: a pytest-benchmark file by hand and a real one, its table, sentences and report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from results import load, report
from results.headline import headline
from results.metrics import METRICS
from results.questions import speed
from results.rows import COLUMNS, STRENGTHS, RunError
from tests.recorded import framed, row


def entry(group: str | None, name: str, times: list[float], **added: Any) -> dict[str, Any]:
    low, median, high = times
    return {
        "group": group,
        "name": f"test_{name}",
        "fullname": f"bench.py::test_{name}",
        "extra_info": added,
        "stats": {"min": low, "median": median, "max": high, "rounds": 7, "mean": 99.0},
    }


def file(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "perf-1.json"
    body = {
        "benchmarks": list(entries),
        "version": "5",
        "commit_info": {"id": "f00", "dirty": True},
        "machine_info": {"python_version": "3.11", "system": "Linux", "cpu": {"count": 2}},
    }
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


@pytest.fixture
def perf(tmp_path: Path) -> Path:
    return file(
        tmp_path,
        entry("to the gap", "reach[EGPO]", [0.3, 0.5, 0.9], steps=40, **{"oracle calls": 80}),
        entry("to the gap", "reach[Newton]", [0.001, 0.002, 0.01], steps=9, note="words"),
        entry(None, "memory", [2.0, 2.0, 2.0], peak_gib=1.5),
    )


def test_a_file_is_the_rows_of_speed(perf: Path) -> None:
    frame = load(perf)
    assert set(frame.columns) == {*COLUMNS, *STRENGTHS}
    assert set(frame["experiment"]) == {"speed"}
    assert set(frame["metric"]) <= METRICS.keys()
    assert set(frame["run"]) == {"perf-1"}
    egpo = frame[frame["solver"] == "reach[EGPO]"]
    assert set(egpo["game"]) == {"to the gap"}
    words = [json.loads(text)["statistic"] for text in egpo["labels"]]
    values = dict(zip(zip(egpo["metric"], words, strict=True), egpo["value"], strict=True))
    assert values == {
        ("seconds", "min"): 0.3,
        ("seconds", "median"): 0.5,
        ("seconds", "max"): 0.9,
        ("rounds", "reported"): 7,
        ("steps", "reported"): 40,
        ("oracle_calls", "reported"): 80,
    }


def test_the_table_compares_within_a_group(perf: Path) -> None:
    table = speed.table(speed.SECTION.rows(load(perf))).set_index("benchmark")
    assert list(table.index) == ["memory", "reach[Newton]", "reach[EGPO]"]
    assert list(table["times"]) == [1, 1, 250]
    assert list(table["median"]) == [2, 0.002, 0.5]
    egpo = table.to_dict("index")["reach[EGPO]"]
    assert [egpo[name] for name in ("min", "max", "rounds", "steps")] == [0.3, 0.9, 7, 40]
    assert table["peak_gib"].isna().tolist() == [False, True, True]
    assert speed.findings(speed.SECTION.rows(load(perf))) == [
        "to the gap: reach[Newton] takes 2 ms, reach[EGPO] 250.0 times as long (medians)."
    ]
    with pytest.raises(RunError, match="no row of the question 'speed'"):
        speed.SECTION.rows(framed([row("entropy", 0.0)]))


def test_a_run_and_its_timings_are_one_table(perf: Path, tmp_path: Path) -> None:
    framed([row("entropy", 0.25)]).to_parquet(tmp_path / "table.parquet")
    both = load([tmp_path, perf])
    assert set(both["experiment"]) == {"consistency", "speed"}
    assert len(speed.table(speed.SECTION.rows(both))) == 3
    assert list(headline(both)["game"]) == ["g"]


def test_the_report_of_a_file(perf: Path) -> None:
    path = report.write(perf, "md")
    assert path == perf.with_suffix("") / "report.md"
    written = path.read_text(encoding="utf-8")
    assert written.startswith("# prefgames: perf-1\n")
    assert "- 3 benchmarks of perf-1.json\n" in written
    assert "- code: commit f00, modified yes\n" in written
    assert "## How fast is it?\n\n" in written
    assert "How to read it: " in written
    assert "**to the gap: reach[Newton] takes 2 ms" in written
    assert "| to the gap | reach[EGPO] | 0.3 | 0.5 | 0.9 | 250 |" in written
    assert (path.parent / "tables" / "speed.csv").is_file()


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"benchmarks": [{"name": "x"}]}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"other\.json: not a file of pytest-benchmark"):
        load(tmp_path / "other.json")


def test_a_file_that_pytest_benchmark_writes_today(tmp_path: Path) -> None:
    (tmp_path / "test_sum.py").write_text(
        "def test_sum(benchmark):\n"
        "    benchmark.group = 'sums'\n"
        "    benchmark.extra_info['oracle calls'] = 3\n"
        "    assert benchmark.pedantic(sum, (range(9),), rounds=4) == 36\n",
        encoding="utf-8",
    )
    order = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sum.py"]
    alone = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [*order, "--benchmark-json=out.json"],
        cwd=tmp_path, env=alone, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    (line,) = speed.table(speed.SECTION.rows(load(tmp_path / "out.json"))).to_dict("records")
    assert (line["group"], line["benchmark"], line["rounds"]) == ("sums", "sum", 4)
    assert line["oracle_calls"] == 3
    assert 0 < line["min"] <= line["median"] <= line["max"]
    assert "pytest-benchmark" in report.write(tmp_path / "out.json", "md").read_text(
        encoding="utf-8"
    )
