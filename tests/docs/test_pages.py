"""The pages of the site do what they say: every block is run, and prints what is shown."""

from pathlib import Path

import pytest

from benchmarks.spec import read
from tests.documents import KINDS, ROOT, Reader, blocks, links

PAGES = sorted((ROOT / "docs").glob("*.md"))
NOT_RUN = {
    "add_a_game.md": 1,
    "add_a_learner.md": 1,
    "add_a_solver.md": 1,
    "reproduce.md": 3,
}
"""How many blocks of a page are marked because they need hours, a cluster or a GPU."""

AFTER_THE_TUTORIAL = [ROOT / "docs" / name for name in ("tutorial.md", "results.md")]
"""Pages that use the run of the first of them."""

BY_THEMSELVES = [page for page in PAGES if page not in AFTER_THE_TUTORIAL and blocks(page)]


def test_every_block_is_run_unless_it_says_why_not() -> None:
    for page in PAGES:
        found = blocks(page)
        assert 2 * len(found) == page.read_text(encoding="utf-8").count("```"), page.name
        assert {block.kind for block in found} <= KINDS, page.name
        assert sum(bool(b.not_run) for b in found) == NOT_RUN.get(page.name, 0), page.name


@pytest.mark.parametrize(
    "pages",
    [AFTER_THE_TUTORIAL, *([page] for page in BY_THEMSELVES)],
    ids=["tutorial", *(page.stem for page in BY_THEMSELVES)],
)
def test_blocks_run_in_order_and_print_what_is_shown(
    pages: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for page in pages:
        Reader(monkeypatch, capsys).follow(page)
    for spec in tmp_path.glob("*.toml"):
        assert read(spec).name == spec.stem


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set((ROOT / "docs" / "index.md").read_text(encoding="utf-8").split())
    assert {page.stem for page in PAGES} - {"index"} <= listed


def test_links_of_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in links(page):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"
