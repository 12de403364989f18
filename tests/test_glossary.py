"""The glossary names files and definitions that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
ROWS = [line.strip("| ").split(" | ") for line in LINES if line.startswith("| ")]
PLACES = {row[0]: row[-1] for row in ROWS if row[-1] != "defined in"}


def test_every_row_says_where_its_term_is_defined() -> None:
    assert len(PLACES) > 40
    assert all(place.startswith("`") for place in PLACES.values())


@pytest.mark.parametrize("term", PLACES)
def test_the_definition_stands_where_the_glossary_says(term: str) -> None:
    path, *names = re.findall(r"`([^`]+)`", PLACES[term])
    assert (ROOT / path).exists(), path
    for name in names:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), name
