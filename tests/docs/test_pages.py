"""The pages of the site do what they say: every block is run, and prints what is shown."""

from pathlib import Path

import matplotlib
import pytest

from benchmarks.spec import read
from tests.documents import KINDS, ROOT, Reader, blocks, links, words

PAGES = sorted((ROOT / "docs").glob("*.md"))
NOT_RUN = {
    "add_a_game.md": 1,
    "add_a_learner.md": 1,
    "add_a_solver.md": 1,
    "claims.md": 2,
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
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")
    for page in pages:
        Reader(monkeypatch, capsys).follow(page)
    for drawn in tmp_path.glob("*.svg"):
        stored = ROOT / "docs" / "pictures" / drawn.name
        assert words(stored) == words(drawn), f"{drawn} is what the page draws today; store it"
    for spec in tmp_path.glob("*.toml"):
        assert read(spec).name == spec.stem


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nprint(1)\nprint(2)\n```\n\n```text\n1\n3\n```\n", "line 6: printed '2'"),
        ("```python\nprint(1)\nprint(2)\n```\n\n```text\n1\n```\n", "line 6: '2' was printed too"),
        ("```python\nprint(1)\n```\n\n```text\n1\n2\n```\n", "line 5: '2' was not printed"),
        ("Text.\n\n```python\n1 / 0\n```\n", "line 3: division by zero"),
        ("```console\n$ prefgames ls nothing\n```\n", "line 1: .*'nothing' is not one of"),
        ("```console\n$ rm -r runs\n```\n", "line 1: rm is not run"),
    ],
)
def test_a_page_that_is_wrong_is_noticed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match=rf"page\.md, {complaint}"):
        Reader(monkeypatch, capsys).follow(page)


def test_lines_may_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    text = "```python\nprint(1)\nprint(2)\nprint(3)\n```\n\n```text\n...\n2\n...\n```\n"
    page.write_text(text, encoding="utf-8")
    Reader(monkeypatch, capsys).follow(page)


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set((ROOT / "docs" / "index.md").read_text(encoding="utf-8").split())
    assert {page.stem for page in PAGES} - {"index"} <= listed


def test_links_of_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in links(page):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"
