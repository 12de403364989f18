"""CITATION.cff is of this version, and cites the project as a whole."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_citation_is_of_this_version_and_licence() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r'^([\w-]+): "?([^"\n]+)"?$', text, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert fields["version"] == project["version"]
    assert fields["license"] == project["license"]
    assert re.findall(r'- name: "(.+)"', text) == ["The prefgames project"]
