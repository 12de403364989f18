"""What is printed fits the terminal, and no number is cut."""

import io
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import console

HEADER = ["at tau = 0", "answer", *(f"metric{k}" for k in range(9))]
LONG = "contextual(families=impartial_culture(n=3, voters=501))"


def cells(row: int) -> list[str]:
    return [f"0.{row}{k}" for k in range(9)]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_groups_fit_the_terminal_and_files_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    if columns != 80:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    rows = [["RLHF", "No,\nnever 1.00", *cells(1)], ["fictitious_play", "B 0.50", *cells(2)]]
    console.grouped(HEADER, {"condorcet (exact)": rows, LONG: rows[:1]})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines.count("condorcet (exact)") == lines.count(LONG) == {60: 3, 80: 2, 200: 1}[columns]
    for name, number in (("RLHF", 2), ("fictitious_play", 1)):
        tables = sum(line.startswith(f"  {name}") for line in lines)
        assert tables == number * lines.count(LONG)
    printed = " ".join(lines)
    assert "No, never 1.00" in printed
    assert all(f" {number}" in printed for row in (1, 2) for number in cells(row))


@pytest.mark.parametrize("columns", [60, 80])
def test_a_terminal_folds_text_and_repeats_the_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    header = ["game", "method", *(f"a_metric_{k}" for k in range(5)), "paper"]
    paper = "a title of a paper that is much longer than a column can be"
    row = [LONG, "NLHF", *(f"0.{k}57 [0.044, 0.073]" for k in range(5)), paper]
    console.table(header, [row], keys=2)
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in shown
    assert all(cell in shown for cell in row[2:-1])
    assert shown.count(" NLHF ") == shown.count("method") > 1
    folded = "".join(line[: line.index(" NLHF")] for line in lines if " NLHF" in line)
    assert folded.startswith(LONG[:12])


def test_a_file_gets_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(["game", "value"], [[f"{LONG}\n{LONG}", 0.123456]])
    assert capsys.readouterr().out.splitlines()[1] == f"{LONG} {LONG}  0.1235"


def test_meanings_are_folded_beside_their_terms(capsys: pytest.CaptureFixture[str]) -> None:
    console.definitions({"tau": "weight of the penalty " * 6, "RLHF": "short"})
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("tau   weight of the penalty")
    assert rest[0].startswith("      ")
    assert rest[-1] == "RLHF  short"
    assert max(map(len, (first, *rest))) <= 80


def test_progress_says_how_much_time_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 20.0, 40.0, 60.0])
    clock = SimpleNamespace(monotonic=lambda: next(now))
    monkeypatch.setattr("benchmarks.console.time", clock)
    record: Any = SimpleNamespace(unfinished=False)
    with console.progress() as on_cell:
        for done in (8, 9, 10):  # seven were stored before
            on_cell(record, done, 10)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["8 of 10 cells, about 40 s left", "9 of 10 cells, about 20 s left",
                     "10 of 10 cells"]  # fmt: skip


def test_an_encoding_without_a_character_gets_a_question_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    console.allow_any_encoding()
    console.out("Allison H… 0.88")
    stream.flush()
    assert re.fullmatch(rb"Allison H\? 0.88\r?\n", raw.getvalue())
