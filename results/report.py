"""The report of runs: what the question is, what they show, how certain that is, what was run."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from results import chapters, claims, document, evidence, headline, illustrations, provenance
from results.document import Block, Bullets, Code, Fold, Heading, Paragraph, TableBlock
from results.metrics import METRICS
from results.opening import OPENING
from results.papers import papers_of
from results.provenance import Source
from results.questions import SECTIONS
from results.side_by_side import together

Form = Literal["html", "md"]

_STATUSES = (
    (
        "cells",
        "ok: those of which every row is that was not skipped; otherwise those with such a row",
    ),
    ("share", "of all cells of the question and method; shares overlap"),
)


def write(
    runs: str | Path | Sequence[str | Path],
    form: Form = "html",
    figures: Callable[[], object] | None = None,
) -> Path:
    """Write ``report.html`` or ``report.md``, and the full tables ``tables/*.csv``.

    The report of a run is written into its directory; that of a pytest-benchmark file into a
    directory with the file's name, without ".json"; that of several runs, side by side, into a
    directory beside the first that has all their names. It shows the figures that
    ``results.figures.draw`` has drawn. It also works on incomplete runs, and names the questions
    that were not measured. Returns the path of the report.

    Parameters
    ----------
    runs : str, Path or sequence of these
    form : "html" or "md"
    figures : callable, optional
        Called when all tables are made; returns when the figures are drawn.

    Raises
    ------
    RunError
        If a path is neither a run nor a file, or a run has no row yet.
    """
    listed = [runs] if isinstance(runs, str | Path) else list(runs)
    sources = [provenance.read(Path(run)) for run in dict.fromkeys(listed)]
    name = "+".join(source.name for source in sources)
    folder = sources[0].folder if len(sources) == 1 else sources[0].folder.parent / name
    folder.mkdir(exist_ok=True)
    contents = [
        {s: section.contents(s.frame) for s in sources if section.has_rows(s.frame)}
        for section in SECTIONS
    ]
    if figures is not None:
        figures()
    several = len(sources) > 1
    blocks: list[Block] = [Heading(f"prefgames: {name}", 1)]
    blocks += [
        Paragraph(f"{_of(source, several)}{provenance.summary(source)}") for source in sources
    ]
    blocks += OPENING
    blocks += _verdicts(sources)
    blocks += chapters.headlines(sources, folder)
    blocks += chapters.claims_of_spec(sources, folder)
    blocks += chapters.frontiers(sources, folder)
    for section, of_section in zip(SECTIONS, contents, strict=True):
        if of_section:
            blocks += chapters.question(section, of_section, folder, several)
    blocks += illustrations.other_figures(sources, folder, document.images(blocks))
    blocks += [*_evidence(sources), *_metrics(sources), *_papers(sources), *_what_was_run(sources)]
    target = folder / f"report.{form}"
    target.write_text(_RENDER[form](blocks, folder), encoding="utf-8")
    return target


def _html(blocks: list[Block], folder: Path) -> str:
    from results.page import html

    return html(blocks, folder)


_RENDER: dict[Form, Callable[[list[Block], Path], str]] = {
    "html": _html,
    "md": lambda blocks, folder: document.markdown(blocks),
}


def _of(source: Source, several: bool) -> str:
    return f"{source.name}: " if several else ""


def _what_was_run(sources: Sequence[Source]) -> Iterator[Block]:
    yield Heading("What was run")
    for source in sources:
        if len(sources) > 1:
            yield Heading(source.name, 3)
        yield Bullets(tuple(provenance.particulars(source)))


def _verdicts(sources: Sequence[Source]) -> Iterator[Block]:
    """The published claims that these runs have rows for; nothing if there is none."""
    frames = [source.frame for source in sources]
    verdicts = claims.verify(pd.concat(frames) if len(frames) > 1 else frames[0])
    measured = verdicts[verdicts["verdict"] != "not measured"]
    if measured.empty:
        return
    counts = measured["verdict"].value_counts()
    said = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    yield Heading("Which published claims hold here?")
    yield Paragraph(
        f"Of {len(verdicts)} claims these rows measure {len(measured)}: {said}. The others are "
        "listed by `prefgames claims`."
    )
    yield Bullets(tuple(_verdict(line) for line in measured.itertuples()))
    yield Paragraph(f"How it is decided: {claims.READING}")


def _verdict(line: Any) -> str:
    """A claim, what was published, what these rows show, and where."""
    source = f"arXiv:{line.source}" if line.source != claims.DERIVED else "derived here"
    published = f"Published: {line.published}. " if line.published else ""
    where = f", {line.condition}" if line.condition else ""
    return (
        f"{line.verdict.upper()}: {line.sentence} ({source}.) {published}"
        f"These rows ({line.n}{where}): {line.ours}."
    )


def _evidence(sources: Sequence[Source]) -> Iterator[Block]:
    yield Heading("What is certified, estimated, not measured")
    several = len(sources) > 1
    for source in sources:
        missing = evidence.not_measured(source.frame, headline.COMPARED_QUESTIONS)
        points = [*evidence.certified(source.frame), *missing]
        yield Bullets(tuple(f"{_of(source, several)}{point}" for point in points))
    yield Heading("Statuses")
    tables = {source: evidence.statuses(source.frame) for source in sources}
    yield from chapters.folded(
        TableBlock(together(tables, several), "Cells by question, method and status", _STATUSES)
    )


def _papers(sources: Sequence[Source]) -> Iterator[Block]:
    methods = {method for source in sources for method in provenance.methods_of(source)}
    cited = papers_of(methods)
    if not cited:
        return
    yield Heading("Papers")
    yield Paragraph("Those of the methods that were run:")
    yield Bullets(tuple(f"{p.reference} ({', '.join(sorted(p.methods & methods))})" for p in cited))
    yield Fold("BibTeX", (Code("\n\n".join(paper.bibtex for paper in cited)),))


def _metrics(sources: Sequence[Source]) -> Iterator[Block]:
    present = {metric for source in sources for metric in source.frame["metric"].unique()}
    rows = [
        (
            name, m.formula, f"[{round(m.low, 6) + 0:g}, {m.high:g}]", m.unit or "-",
            m.better or "-", m.synonyms or "-",
        )
        for name, m in METRICS.items()
        if name in present
    ]  # fmt: skip
    columns = ["metric", "formula", "range", "unit", "better", "also known as"]
    yield Heading("Metrics")
    yield Paragraph(
        "P is the true game, pi the policy, omega its follower, mu the reference. A table says "
        "where it takes the largest of several values."
    )
    yield from chapters.folded(TableBlock(pd.DataFrame(rows, columns=columns), "Formulas"))
