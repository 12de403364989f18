"""The headline: its numbers, its words, and what it marks."""

import math
from typing import Any

import pytest

from results.headline import COLUMNS, headline
from results.rows import Row, RunError
from tests.recorded import annotators, framed, row


def test_the_headline_summarises_a_run() -> None:
    table: Any = headline(annotators())
    cells: Any = table.set_index("at tau = 0").drop(columns=["game", "value", "ok"])
    head = ["answer", "entropy", "gap", "Smith", "shift", "est.", "fav@3", "n"]
    assert cells.columns.to_list() == head
    assert " ".join(cells.loc["RLHF"]) == "B 1.00 0.00 0.30 1.00 1.00 1.00 0.35 exact"
    assert " ".join(cells.loc["NLHF"]) == "A 0.50 1.03 0.00 1.00 0.00 0.50 0.69 exact"
    assert " ".join(cells.loc["SLHF"]) == "A 1.00 0.00 0.20 1.00 0.00 1.00 1.00 exact"
    assert table["value"].to_list()[::2] == ["0.35", "0.40"]
    assert [column.name for column in COLUMNS] == list(table.columns[2:])
    assert max(len(line) for line in table.to_string(index=False).splitlines()) <= 120


def test_the_headline_is_of_one_comparison() -> None:
    table: Any = headline(annotators(), "tau = 0.1").set_index("at tau = 0.1")
    assert table.loc["SLHF", "answer"] == "A 0.50"  # papers.md 1.3: (.5002, .3543, .1455)


def test_entropy_is_left_out_at_equal_kl() -> None:
    table = headline(annotators(), "KL = 0.05 nats")
    columns = [column.name for column in COLUMNS if column.name != "entropy"]
    assert list(table.columns) == ["game", "at KL = 0.05 nats", *columns]


@pytest.mark.parametrize(
    ("p", "words"),
    [
        ({"A": 0.2, "B": 0.8}, "B 0.80"),
        ({"A": 0.5, "B": 0.5}, "2-way tie 0.50"),
        ({"A": 0.4, "a very long answer": 0.6}, "a very lo… 0.60"),
        ({"A": math.nan, "B": math.nan}, "undef."),
    ],
)
def test_the_most_probable_answer(p: dict[str, float], words: str) -> None:
    rows = [row("probability", v, labels={"action": name}) for name, v in p.items()]
    assert headline(framed(rows))["answer"].to_list() == [words]


def test_answers_that_differ_between_contexts_are_said_to_vary() -> None:
    rows = [
        row("probability", v, labels={"action": name}, context=c)
        for c, name, v in [(0, "A", 0.9), (0, "B", 0.1), (1, "A", 0.3), (1, "B", 0.7)]
    ]
    assert headline(framed(rows))["answer"].to_list() == ["varies 0.80"]


def test_the_headline_marks_what_exists_in_part() -> None:
    undefined: dict[str, Any] = {"value": math.nan, "status": "undefined"}
    rows: list[Row] = [row("entropy", 0.5, seed=0), row("entropy", seed=1, **undefined)]
    rows += [row("duality_gap", seed=s, **undefined) for s in (0, 1)]
    rows += [row("clone_shift", math.nan, status="skipped", message="too many answers")]
    (line,) = headline(framed(rows)).to_dict("records")
    assert (line["entropy"], line["gap"], line["shift"]) == ("0.50*", "undef.", "-")
    assert (line["n"], line["ok"]) == ("2", "0%")


def test_without_a_question_there_is_no_headline() -> None:
    with pytest.raises(RunError, match="no row in the frame"):
        headline(framed([]))
    with pytest.raises(RunError, match="none of consistency, data_sensitivity"):
        headline(framed([row("omega", 0.1, experiment="stability")]))
