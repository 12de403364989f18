"""The stored pictures say what the code says today."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.documents import ROOT, words

OF_THE_TUTORIAL = "my_figure"
"""Drawn by a block of the tutorial, whose test compares it."""


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stored_pictures_are_drawn_from_this_code(pictures: ModuleType, tmp_path: Path) -> None:
    drawn = {path.name: words(path) for path in pictures.draw(tmp_path)}
    stored = {path.name: words(path) for path in pictures.FOLDER.iterdir()}
    del stored[f"{OF_THE_TUTORIAL}.svg"]
    assert drawn == stored, "run docs/pictures.py"
    assert {"65%", "75%", "60%"} <= set(drawn["cycle.svg"])
    assert "RLHF: gap = 0.30" in drawn["gap.svg"]


def test_every_picture_is_shown_and_described(pictures: ModuleType) -> None:
    text = "".join(page.read_text("utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    shown = set(re.findall(r"!\[[^\]]{20,}\]\(pictures/(\w+)\.svg\)", text))
    assert shown == {*(picture.__name__ for picture in pictures.PICTURES), OF_THE_TUTORIAL}
