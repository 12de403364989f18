"""Pages without a browser: self-contained, escaped, one source for HTML and Markdown."""

import re
from pathlib import Path

import pandas as pd
import pytest

from games import GAMES
from results import report, style
from results.document import (
    MOST_LINES,
    Block,
    Bullets,
    Code,
    Drawing,
    Fold,
    Heading,
    Image,
    Paragraph,
    TableBlock,
    markdown,
)
from results.opening import OPENING
from results.page import html
from results.page.drawings import Drawings
from results.page.terms import Terms
from results.papers import papers, papers_of
from solvers import ALIASES, SOLVERS
from tests.written_runs import IMAGE, TAG, write

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)
SVG = (
    '<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" onload="window.hacked=1">'
    "<metadata>made by</metadata><style>*{fill:red}</style><script>window.hacked=1</script>"
    '<defs><path id="a" d="M 0.123456 1"/></defs><g clip-path="url(#a)">'
    '<use xlink:href="#a" style="fill: #0072b2; stroke: #ffffff" transform="scale(0.015625)"/>'
    '<use xlink:href="https://example.org/a.svg#a"/></g></svg>'
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("runs") / "small-01234567", drawn=True)


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    path = report.write(run)
    assert path == run / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return report.write(run, "md").read_text(encoding="utf-8")


def rendered(*blocks: Block, folder: Path = Path()) -> str:
    return html([Heading("title", 1), Heading("chapter"), *blocks], folder)


def test_the_page_holds_all_that_it_shows(page: str, run: Path) -> None:
    for name in ("src", "href"):
        for to in re.findall(rf'\b{name}="([^"]*)"', page):
            if to.startswith("tables/"):
                assert (run / to).is_file()
            else:
                assert to.startswith(("#", "data:")), to
    assert page.count("<script") == 1
    assert page.count("<svg") >= 3
    assert "@import" not in page
    assert str(run.parent) not in page


def test_names_are_escaped_in_both_forms(page: str, text: str) -> None:
    for written in (page, text):
        assert TAG not in written
        assert TAG.replace("<", "&lt;") in written.replace("&gt;", ">")
        assert "<img src=x" not in written
    assert IMAGE[:5].replace("<", "&lt;") in page


def test_both_forms_say_the_same(page: str, text: str) -> None:
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    in_page = re.findall(r"<section .*\n<h2 id=.*?-title\">(.*)", page)
    assert [*titles, "Glossary</h2>"] == [title.replace("&#39;", "'") for title in in_page]
    assert "What the question is" in titles[0]
    for said in ("prefgames run small --cell 0rlhf_exact", "arXiv:2512.16626", "duality gap"):
        assert said in text
        assert said in page


def test_the_page_says_what_was_found_before_how_it_was_measured(page: str) -> None:
    chapter = page[page.index('<section id="does-the-same') :]
    places = [
        chapter.index(mark)
        for mark in ('class="lead"', "<figure", "<table", "How it was measured", "--cell")
    ]
    assert places == sorted(places)


def test_every_figure_is_shown_once_with_its_caption(page: str, text: str) -> None:
    for caption in ("A dot is a mean.", "A line &amp; a half."):
        assert page.count(f"<figcaption>{caption}</figcaption>") == 1
    assert "## Other figures\n\n![spare](figures/spare.svg)\n\nA line & a half.\n" in text
    assert text.count("(figures/consistency.svg)") == 1


def test_a_drawing_is_made_safe_and_its_ids_are_unique() -> None:
    drawings = Drawings(set())
    first, second = drawings.inline(SVG), drawings.inline(SVG)
    assert 'id="d1-a"' in first
    assert 'href="#d1-a"' in first
    assert "url(#d1-a)" in first
    assert 'id="d2-a"' in second
    for dropped in ("script", "onload", "metadata", "example.org", "fill:red", "DOCTYPE"):
        assert dropped not in first
    assert 'd="M 0.12 1"' in first
    assert "scale(0.015625)" in first
    assert "fill: var(--c0072b2); stroke: var(--cffffff)" in first
    assert "--c0072b2:#0072b2;" in drawings.light()


def test_in_the_dark_paper_and_ink_change_places_and_colours_get_light() -> None:
    drawings = Drawings({"#ffffff", "#000000", *style.COLOURS.values()})
    dark = dict(re.findall(r"--c(\w{6}):#(\w{6});", drawings.dark()))
    light = {name: int(value[:2], 16) for name, value in dark.items()}
    assert light["ffffff"] < 40 < 200 < light["000000"]
    assert len(set(dark.values())) == len(dark)
    assert dark["0b4134"] != "0b4134"


def test_a_figure_without_svg_is_shown_from_its_png(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(PIXEL)
    shown = rendered(Image("a figure", "x.png", "seen"), folder=tmp_path)
    assert 'src="data:image/png;base64,iVBOR' in shown
    assert 'aria-label="a figure"' in shown
    assert "<figcaption>seen" in shown


def test_a_table_too_long_is_a_link() -> None:
    table = pd.DataFrame({"k": range(MOST_LINES + 1)})
    block = TableBlock(table, "numbers", file="tables/k.csv")
    shown, text = rendered(block), markdown([block])
    assert "<table>" not in shown
    assert "tables/k.csv" in shown
    assert "501 lines" in shown
    assert "| 500 |" not in text
    assert "[tables/k.csv](tables/k.csv)" in text
    assert "501 lines" in text
    short = TableBlock(table[:-1], "numbers", file="tables/k.csv")
    assert rendered(short).count("<tr>") == 501
    assert "| 499 |" in markdown([short])


def test_numbers_stand_to_the_right_and_columns_say_what_they_mean() -> None:
    table = pd.DataFrame({"word": ["RLHF", "a"], "mean": ["0.12 [0.1, 0.2]", "-"], "n": [1, 2]})
    shown = rendered(TableBlock(table, meanings=(("mean", 'over "all"'),)))
    heads = re.findall(r"<th scope=\"col\"( class=\"number\")?", shown)
    assert heads == ["", ' class="number"', ' class="number"']
    assert 'data-tip="over &#34;all&#34;"' in shown
    assert '<td class="rlhf">RLHF</td>' in shown


def test_blocks_in_markdown() -> None:
    blocks: list[Block] = [
        Paragraph("one", lead=True),
        Fold("more", (Bullets(("a < b",)), Code("prefgames ls"))),
        Drawing("alt", "cycle", "A cycle."),
    ]
    assert markdown(blocks) == (
        "**one**\n\n**more**\n\n- a &lt; b\n\n```\nprefgames ls\n```\n\nA cycle.\n"
    )


def test_a_term_is_marked_once_a_chapter_and_only_as_a_word() -> None:
    glossary = "| term | meaning | defined in |\n|---|---|---|\n"
    glossary += "| NLHF | the <equilibrium> | `x` |\n| Smith set (top cycle) | all | `x` |\n"
    terms = Terms(glossary)
    first = terms.marked("NLHF and nlhf, nlhf_exact, NLHF; Smith sets & <b>")
    assert first.count('class="term"') == 2
    assert 'data-tip="the &lt;equilibrium&gt;">NLHF</a>' in first
    assert ">Smith sets</a> &amp; &lt;b&gt;" in first
    assert "term" not in terms.marked("NLHF")
    terms.begin_chapter()
    assert ">top cycle</a>" in terms.marked("a top cycle")
    assert [term.name for term in terms.used] == ["NLHF", "Smith set (top cycle)"]


def test_the_picture_shows_the_game_of_its_numbers() -> None:
    """The opening's numbers are those of the game ``condorcet`` and its published answers."""
    game = GAMES["condorcet"]()
    text = " ".join(str(block) for block in OPENING)
    drawing = (Path(report.__file__).parent / "page" / "cycle.svg").read_text(encoding="utf-8")
    for i, j in ((0, 1), (1, 2), (2, 0)):
        winner, loser = "ABC"[i], "ABC"[j]
        assert f"{game.P[i, j]:.0%} prefer {winner} to {loser}" in drawing
        assert f"margin {2 * game.P[i, j] - 1:.2f}" in drawing
    policies = {
        name: SOLVERS[f"{name}_exact"](**({"tau": 0} if name != "slhf" else
        {"tau_leader": 0, "tau_follower": 0})).solve(game).policy
        for name in ("rlhf", "nlhf", "slhf")
    }  # fmt: skip
    assert policies["rlhf"].argmax() == 1
    assert policies["slhf"].argmax() == 0
    assert "probabilities {:.1f}, {:.1f} and {:.1f}".format(*policies["nlhf"]) in text


def test_every_method_that_cites_a_paper_has_its_entry() -> None:
    for name, solver in SOLVERS.items():
        cited = re.findall(r"arXiv:(\d{4}\.\d{5})", solver.paper)
        eprints = {paper.fields.get("eprint") for paper in papers_of({name})}
        assert eprints >= set(cited), name
        assert papers_of({name}) or "without a paper" in solver.paper, name
    assert all(paper.methods for paper in papers())
    names = {*SOLVERS, *ALIASES, *_learners()}
    assert {method for paper in papers() for method in paper.methods} <= names
    assert len({paper.key for paper in papers()}) == len(papers())


def _learners() -> set[str]:
    """The names of learners, which need the extra llm, from the names of their files."""
    folder = Path(report.__file__).parents[1] / "llm" / "learners"
    return {path.stem for path in folder.glob("[a-z]*.py")}


def test_a_reference_is_plain_text() -> None:
    (paper,) = (paper for paper in papers() if paper.key == "munos2024nash")
    assert paper.reference == (
        "Munos et al., Nash Learning from Human Feedback, International Conference on Machine "
        "Learning, 2024, arXiv:2312.00886"
    )
    assert "methods" not in paper.bibtex
    (first, *_) = (paper for paper in papers() if paper.key == "pasztor2025stackelberg")
    assert first.reference.startswith("Pásztor et al., ")


def test_two_runs_stand_side_by_side(run: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other-89abcdef")
    path = report.write([run, other])
    assert path == run.parent / "small-01234567+other-89abcdef" / "report.html"
    page = path.read_text(encoding="utf-8")
    lines = re.findall(r"<tr><td>(.*?)</td><td>condorcet</td><td class=\"nlhf\">.*?</tr>", page)
    assert lines[:2] == ["small-01234567", "other-89abcdef"]
    assert page.count("small-01234567: Complete: ") == 1
    assert "small-01234567: Two draws agree" in page or "small-01234567: No game has" in page
    written = pd.read_csv(path.parent / "tables" / "consistency.csv")
    assert set(written["run"]) == {"small-01234567", "other-89abcdef"}
    assert len(written) == 2 * len(pd.read_csv(run / "tables" / "consistency.csv"))
    assert "<figcaption>small-01234567: A dot is a mean.</figcaption>" in page
