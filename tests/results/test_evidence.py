"""Certificates, seeds, statuses."""

import math
from typing import Any

from results.evidence import certified, not_measured, statuses
from tests.recorded import framed, row


def test_statuses_are_counted_in_shares_of_cells_with_a_reason() -> None:
    """A cell with one bad row is not ok, however many good ones it has."""
    bad: dict[str, Any] = {"status": "undefined", "message": "the maximum is infinite"}
    rows = [row("entropy", 0.1, cell=f"c{k}") for k in range(3)]
    rows += [row("gap", 0.3, cell="d") for _ in range(5)] + [row("x", math.nan, cell="d", **bad)]
    table: Any = statuses(framed(rows)).set_index("status")
    assert list(table["cells"]) == [3, 1]
    assert table.loc["ok", "share"] == 0.75
    assert table.loc["undefined", "share"] == 0.25
    assert table.loc["undefined", "rows"] == 1
    assert table.loc["undefined", "reason"] == "the maximum is infinite"


def test_the_certificate_is_the_worst_one() -> None:
    rows = [row("residual", v, game=g) for g, v in [("a", 1e-15), ("b", 3e-12), ("c", math.nan)]]
    rows += [row("entropy", 0.1, game="b", status="max_steps")]
    lines = certified(framed(rows))
    assert lines[0] == (
        "nlhf_exact: 2 answers, checked against the condition of optimality; the largest "
        'residual is 3.0e-12 (b, {"tau":0}).'
    )
    assert lines[1] == "1 row rests on an answer that misses its tolerance: nlhf_exact on b."
    assert lines[2] == "All rows are exact: nothing in them is drawn."
    drawn = certified(framed([row("entropy", 0.1, seed=s) for s in range(4)]))
    assert drawn == [
        "All rows are drawn with 4 seeds (g): means with a 95% interval over the seeds, or over "
        "the draws of a family."
    ]
    both = [row("entropy", 0.1), row("entropy", 0.1, seed=7)]
    assert certified(framed(both)) == [
        "1 of 2 rows are exact: nothing in them is drawn.",
        "The others are drawn with one seed (g): only means over the draws of a family have an "
        "interval.",
    ]


def test_each_reason_has_a_line_and_numbers_in_it_make_no_other() -> None:
    """The reason of nine rows must not hide that of one."""
    rows = [row("entropy", 0.1, cell="good")]
    for message in ("stays within 0.31 nats", "stays within 0.05 nats", "infinite: {A} > {B, C}"):
        rows.append(row("entropy", math.nan, status="undefined", message=message))
    table = statuses(framed(rows))
    assert list(table["reason"]) == ["", "stays within 0.31 nats", "infinite: {A} > {B, C}"]
    assert list(table["rows"]) == [1, 2, 1]
    assert list(table["share"]) == [0.5, 0.5, 0.5]


def test_what_was_not_measured_names_method_and_metric() -> None:
    """A question may be measured on a game but for one metric of one method."""
    skipped: dict[str, Any] = {"status": "skipped", "message": "3 answers, too many"}
    rows = [row("entropy", 0.1)]
    rows += [row("clone_shift", math.nan, solver="nash_md", **skipped)]
    assert not_measured(framed(rows), ("consistency", "round_robin")) == [
        "Not measured: round_robin.",
        "Not measured: consistency (clone_shift) on g with nash_md: 3 answers, too many.",
    ]
