"""What the command line does where language models cannot be loaded."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks import listing
from benchmarks.listing import table
from benchmarks.matrix import cells
from benchmarks.spec import read
from tests.command import call

SPEC = """
name = "learners"
seeds = 2

[[games]]
name = ["condorcet", "random"]

[[learners]]
name = ["nash_md_pg", "stackelberg_gda"]

[[experiments]]
name = "consistency"
scale = "llm"
"""


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package llm is there but cannot be imported."""
    for name in ["llm", *(name for name in sys.modules if name.startswith("llm."))]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("judge", "learner", "enumeration"):  # if another test imported them
        monkeypatch.delitem(sys.modules, f"benchmarks.conformance.{name}", raising=False)


REPAIR = r'language models cannot be loaded \(.*llm.*\); pip install "prefgames\[llm\]"$'


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "spec.toml"],
        ["run", "llm_quick", "--learner", "rloo"],
        ["ls", "learners"],
        ["ls", "judges"],
        ["new", "learner", "my_method"],
        ["new", "judge", "my_taste"],
        ["check", "my_taste.py"],
        ["check", "nash_md_pg", "--kind", "learner"],
    ],
    ids=" ".join,
)
def test_what_needs_language_models_says_how_to_get_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.toml").write_text(SPEC, encoding="utf-8")
    Path("my_taste.py").write_text("class MyTasteJudge:\n    pass\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert re.search(REPAIR, err.strip()), err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_what_needs_none_works_without(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cells(read("quick"))
    for kind in ("games", "solvers", "specs"):
        assert table(kind)[1]
    code, _, err = call(monkeypatch, capsys, "check", "condorcet")
    assert (code, err) == (0, "")
    rows = table("experiments")[1]
    assert [row[1] for row in rows if row[0] == "consistency"] == ["tabular"]
    assert rows[-1][:2] == ["-", "llm"]
    assert re.search(REPAIR, rows[-1][-1])
    code, _, err = call(monkeypatch, capsys, "check", "nlhf_exac")
    assert code == 2
    assert "did you mean nlhf_exact" in err


def test_the_cells_of_a_spec_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC, encoding="utf-8")
    monkeypatch.setattr(listing, "builtin", lambda: {str(path): path})
    assert table("specs")[1] == [[str(path), 8, ""]]
