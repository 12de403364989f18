"""What stands for the papers' figures: the entries, and what is made of published runs."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from results import figures, gallery
from results.gallery import entries, parse
from results.gallery_index import PUBLISHED, build
from results.rows import RunError
from results.store import TABLE
from tests.recorded import annotators

ENTRY = """
[[entries]]
source = "2512.16626"
item = "Table 4"
shows = "Who revises whom."
trust = "N"
runs = ["paper"]
figures = ["cross_refinement"]
"""


def test_every_entry_has_figures_that_are_drawn_or_a_reason() -> None:
    assert len(entries()) >= 25
    for entry in entries():
        assert set(entry.figures) <= set(figures.NAMES), entry.item
        assert set(entry.tables) <= set(gallery.TABLES), entry.item
        assert entry.figures or entry.tables or entry.missing, entry.item
        assert re.fullmatch(r"[ACDMNRW](, [ACDMNRW])*", entry.trust), entry.item
    items = [(entry.source, entry.item) for entry in entries()]
    assert len(set(items)) == len(items)


def test_every_figure_stands_for_something_in_a_paper_but_for_two_questions_of_ours() -> None:
    ours = {"incentives", "influence"}  # questions that no paper of the gallery asks
    assert set(figures.NAMES) - {name for entry in entries() for name in entry.figures} <= ours


def test_runs_are_those_of_built_in_specs() -> None:
    specs = {path.stem for path in (PUBLISHED.parents[1] / "benchmarks" / "specs").glob("*.toml")}
    assert {run for entry in entries() for run in entry.runs} <= specs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("cross_refinement", "cross"), "entry 'Table 4': figures: 'cross' is not one of story,"),
        (("2512.16626", "1"), "entry 'Table 4': source: '1' is not one of 2512.16626,"),
        (('runs = ["paper"]', ""), "entry 'Table 4': figures and tables need runs"),
        (('"N"', "3"), "entry 'Table 4': trust: Input should be a valid string"),
        (("[[entries]]", "[entries]"), "gallery.toml: entries: "),
        (('"Table 4"', '"Table 4'), "gallery.toml: "),
    ],
)
def test_a_wrong_entry_is_named(change: tuple[str, str], message: str) -> None:
    with pytest.raises(RunError) as caught:
        parse(ENTRY.replace(*change))
    assert message in str(caught.value)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with rows, one without, and one whose rows are damaged."""
    place = tmp_path_factory.mktemp("published")
    for name in ("paper", "llm_paper", "stability"):
        (place / name).mkdir()
    kept = ("consistency", "refinement")
    frame = annotators()
    frame[frame["experiment"].isin(kept)].to_parquet(place / "paper" / TABLE)
    commit = {"code": {"commit": "0123456789abcdef"}}
    (place / "paper" / "environment.json").write_text(json.dumps(commit), encoding="utf-8")
    (place / "stability" / TABLE).write_text("no rows", encoding="utf-8")
    for folder in ("figures", "tables"):
        shutil.copytree(PUBLISHED / "llm_paper" / folder, place / "llm_paper" / folder)
    return place


WANTED = parse(
    ENTRY
    + """
tables = ["revisions", "consistency", "followers"]
claims = ["slhf-refines-all-sharp", "slhf-lm-cross-refinement"]
missing = "The matrix was not recovered <here>."
[[entries]]
source = "2512.16626"
item = "Alg. 2"
shows = "Training."
trust = "C"
runs = ["llm_paper", "paper"]
figures = ["trainings", "cross_refinement", "kappa"]
tables = ["trainings"]
[[entries]]
source = "2312.00886"
item = "Table 1"
shows = "Win rates."
trust = "M"
runs = ["stability", "frequency"]
figures = ["stability"]
"""
)


@pytest.fixture(scope="module")
def made(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    (folder / "paper").mkdir()
    (folder / "paper" / "story.svg").write_text("of an earlier call", encoding="utf-8")
    assert build(published, folder, WANTED) == folder / "index.html"
    return folder


def test_rows_are_drawn_and_stored_files_are_copied(made: Path) -> None:
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert files == {
        "index.md", "index.html",
        "paper/cross_refinement.svg", "paper/captions.md",
        "paper/tables/revisions.csv", "paper/tables/consistency.csv",
        "llm_paper/trainings.png", "llm_paper/tables/trainings.csv",
    }  # fmt: skip
    table = pd.read_csv(made / "paper/tables/revisions.csv")
    assert {"game", "leader"} <= set(table)
    stored = PUBLISHED / "llm_paper" / "tables" / "trainings.csv"
    assert (made / "llm_paper/tables/trainings.csv").read_bytes() == stored.read_bytes()


def test_the_index_says_what_is_shown_and_what_is_missing_and_why(made: Path) -> None:
    text = (made / "index.md").read_text(encoding="utf-8")
    (sharp,) = (line for line in text.splitlines() if "cross_refinement (paper), rev" in line)
    assert "No table followers: paper has no rows for that. The matrix was not recovered" in sharp
    assert "No figure kappa: llm_paper is published without rows, and without that; paper" in text
    assert "No figure stability: stability has rows that cannot be read" in text
    assert "frequency is not published" in text
    assert "![cross refinement (paper)](paper/cross_refinement.svg)" in text
    assert text.count("paper/cross_refinement.svg)") == 2  # then a link
    (verdict,) = (line for line in text.splitlines() if "| holds |" in line)
    assert verdict.startswith("| ")
    assert "0123456789" in text
    page = (made / "index.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "&lt;here&gt;" in page


def test_nothing_published_is_an_index_of_reasons(tmp_path: Path) -> None:
    text = build(tmp_path / "none", tmp_path / "f").with_suffix(".md").read_text(encoding="utf-8")
    assert "No figure story and no figure preference_graph" in text
    assert {path.name for path in (tmp_path / "f").iterdir()} == {"index.md", "index.html"}


def test_figures_of_a_published_run(published: Path, tmp_path: Path) -> None:
    run = tmp_path / "paper"
    shutil.copytree(published / "paper", run)
    written = figures.draw(run, only=["cross_refinement"])
    assert [path.name for path in written] == ["cross_refinement.svg"]
    with pytest.raises(RunError, match="published without its rows"):
        figures.draw(published / "llm_paper")
