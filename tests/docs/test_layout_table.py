"""The tables of layouts in the docs name every layout, with columns that are read."""

import re
from pathlib import Path

import pytest

from games.io.layouts import LAYOUTS, PROMPTS, RATERS, WEIGHTS
from games.io.ratings import NESTED
from tests.example_rows import EXAMPLES

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
TABLE = {
    name.strip(): columns
    for name, columns, _ in (
        line.strip("|").split("|")
        for line in PAGE.partition("| layout |")[2].partition("\n\n")[0].splitlines()
        if line.startswith("| ")
    )
}


def test_there_is_an_example_of_every_layout() -> None:
    assert set(TABLE) | {"parts", "one_two_labels"} == set(EXAMPLES)


@pytest.mark.parametrize("name", TABLE)
def test_the_example_has_the_columns_that_are_named(name: str) -> None:
    named = re.findall(r"`(\w+)`", TABLE[name].partition("(")[0])
    missing = {column for column in named if not any(column in row for row in EXAMPLES[name])}
    assert missing <= {"rating", "prompt", "overall_preference"}, missing
    assert named


def test_every_layout_is_named() -> None:
    named = re.findall(r"`(\w+)`", " ".join(TABLE.values()).lower())
    assert {answer for layout in LAYOUTS for answer in layout.answers} <= set(named)
    assert NESTED in named


def test_further_columns_are_named() -> None:
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in PAGE.splitlines() if "|" in line]
    assert list(WEIGHTS) in rows
    assert list(PROMPTS) in rows
    assert [name for name in RATERS if "_" not in name] in [row[:5] for row in rows]
