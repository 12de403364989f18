"""The chapters of a report on one run, or on several side by side, as blocks."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from results import frontier, headline, hypotheses, provenance
from results.comparisons import (
    NO_PENALTY,
    comparisons_to_show,
    is_equal_strength,
    void_metrics,
)
from results.document import (
    MOST_LINES,
    Block,
    Bullets,
    Code,
    Fold,
    Heading,
    Link,
    Paragraph,
    TableBlock,
)
from results.export import export
from results.illustrations import images
from results.provenance import Source
from results.questions.layout import meanings_of_keys
from results.questions.section import Contents, Section, Table, View
from results.side_by_side import PerRun, together

TABLES = "tables"
"""Where a report has the files of its tables."""

CELLS_OF = "cells_of_"
"""How the names of files with the cells behind a question's numbers begin."""

_FEW_LINES = 12
"""A longer table is folded."""

_FEW_POINTS = 8
"""More findings than that are folded."""

_MARKS = (
    ('"-"', "not measured"),
    ('"undef."', "does not exist"),
    ('"*"', "mean over the values that exist"),
)
_TEMPERATURE = (
    "The same tau > 0 is another strength for every concept, so no method is called better or "
    "worse than another here."
)

_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")

_STORY = "The headline in a picture"


def headlines(sources: Sequence[Source], folder: Path) -> Iterator[Block]:
    """The headline of the main comparison with its picture, and folded those of the others."""
    asked = [source for source in sources if headline.has_rows(source.frame)]
    if not asked:
        return
    added: dict[str, list[str]] = {}
    tables_at: dict[str, dict[Source, pd.DataFrame]] = {}
    for source in asked:
        shown = comparisons_to_show(headline.headline_rows(source.frame))
        tables = headline.headlines(source.frame, list(shown))
        for (comparison, methods), table in zip(shown.items(), tables, strict=True):
            listed = added.setdefault(comparison, [])
            listed += [method for method in methods if method not in listed]
            tables_at.setdefault(comparison, {})[source] = table
    meanings = (*((c.name, c.meaning) for c in headline.COLUMNS), *_MARKS)
    yield Heading("Headline")
    for comparison, methods in added.items():
        first = comparison == next(iter(added))
        block = TableBlock(
            together(tables_at[comparison], len(sources) > 1), "", meanings if first else ()
        )
        if first:
            yield Paragraph(f"At {at(comparison)}")
            yield block
            yield from images(asked, "story", _STORY, folder, len(sources) > 1)
        else:
            more = f"with {', '.join(methods)}" if methods else "the same methods"
            title = f"At {comparison}, {more}"
            yield Fold(title, (Paragraph(f"At {at(comparison)}"), block))


def claims_of_spec(sources: Sequence[Source], folder: Path) -> Iterator[Block]:
    """The hypotheses that a spec states before the run, and how they ended."""
    tables = {
        source: hypotheses.evaluate(source.frame, written)
        for source in sources
        if (written := hypotheses.read(source.spec))
    }
    if not tables:
        return
    several = len(sources) > 1
    file = export(together(tables, several), folder / TABLES / "hypotheses.csv")
    yield Heading("Hypotheses")
    yield Paragraph(hypotheses.READING)
    yield Bullets(tuple(_said(tables, several, hypotheses.findings)))
    shown = {source: hypotheses.digest(table) for source, table in tables.items()}
    yield from folded(
        TableBlock(together(shown, several), "Each test", file=f"{TABLES}/{file.name}")
    )


def frontiers(sources: Sequence[Source], folder: Path) -> Iterator[Block]:
    """Quantities along strength."""
    means = {
        source: curves
        for source in sources
        if frontier.has_rows(source.frame) and len(curves := frontier.curves(source.frame))
    }
    if not means:
        return
    several = len(sources) > 1
    full = {source: frontier.table(curves) for source, curves in means.items()}
    file = export(together(full, several), folder / TABLES / "frontier.csv")
    yield Heading(frontier.TITLE)
    yield from images(list(means), "frontier", frontier.TITLE, folder, several)
    yield Bullets(tuple(_said(means, several, frontier.findings)))
    reached = {source: frontier.reached(source.frame) for source in means}
    if any(map(len, reached.values())):
        yield from folded(
            TableBlock(
                together(reached, several),
                "On how many games of the catalogue each method reaches each level",
            )
        )
    of_games = {
        source: frontier.table(part).droplevel("group")
        for source, curves in means.items()
        if len(part := curves[curves["group"] == frontier.CATALOGUE])
    }
    shown = together(of_games, several) if of_games else pd.DataFrame()
    yield from folded(
        TableBlock(
            shown,
            "Means over the games of the catalogue",
            file=f"{TABLES}/{file.name}",
            file_text="In full, with the families of draws",
        )
    )
    yield Fold("How to read it", (Paragraph(frontier.READING),))


def question(
    section: Section, contents: Mapping[Source, Contents], folder: Path, several: bool
) -> Iterator[Block]:
    """What the runs say on a question.

    One sentence of finding, the figure, further findings, tables, other comparisons, and how it was
    measured.
    """
    yield Heading(section.title)
    names = dict.fromkeys(v.comparison for c in contents.values() for v in c.views)
    for i, comparison in enumerate(names):
        views = {
            source: view
            for source, of_run in contents.items()
            for view in of_run.views
            if view.comparison == comparison
        }
        blocks = list(_view(section, views, folder, several))
        if i == 0:
            yield from blocks
        else:
            yield Fold(f"At {_short(comparison)}", tuple(blocks))
    yield Fold("How it was measured", tuple(_measured(section, contents, folder, several)))


def at(comparison: str) -> str:
    """The comparison, and what it is good for."""
    notes = [f"{_short(comparison)}."]
    if is_equal_strength(comparison):
        notes += void_metrics(comparison).values()
    elif comparison.startswith("tau = "):
        notes.append(_TEMPERATURE)
    return " ".join(notes)


def _short(comparison: str) -> str:
    """The comparison, and of what kind it is."""
    if is_equal_strength(comparison):
        return f"{comparison} ({'no penalty' if comparison == NO_PENALTY else 'equal strength'})"
    return f"{comparison} (equal temperature)" if comparison.startswith("tau = ") else comparison


def folded(block: TableBlock) -> Iterator[Block]:
    """The table; if it is long, folded under its caption."""
    lines = len(block.table)
    if lines <= _FEW_LINES or lines > MOST_LINES:
        yield block
        return
    shown = TableBlock(block.table, "", block.meanings, block.file, block.file_text)
    yield Fold(f"{block.caption or 'Table'} ({lines} lines)", (shown,))


def _view(
    section: Section,
    views: Mapping[Source, View],
    folder: Path,
    several: bool,
) -> Iterator[Block]:
    comparison = next(iter(views.values())).comparison
    if comparison:
        yield Paragraph(f"At {at(comparison)}")
    sentences: list[str] = []
    for source, view in views.items():
        if view.findings and not several:
            first, *rest = _SENTENCE.split(view.findings[0], maxsplit=1)
            yield Paragraph(first, lead=True)
            yield from map(Paragraph, rest)
            sentences += view.findings[1:]
        else:
            where = f"{source.name}: " if several else ""
            sentences += [f"{where}{sentence}" for sentence in view.findings]
    figure = next(iter(views.values())).figure
    yield from images(list(views), figure, section.title, folder, several)
    if sentences:
        points = Bullets(tuple(sentences))
        many = len(sentences) > _FEW_POINTS
        yield Fold(f"Further findings ({len(sentences)})", (points,)) if many else points
    for table in section.tables:
        parts = {s: v.tables[table.name] for s, v in views.items() if table.name in v.tables}
        if not parts:
            continue
        shown = together(parts, several)
        if len(shown):
            yield from folded(_block(table, shown, section))
        elif table.absent:
            yield Paragraph(f"Not measured: {table.absent}.")


def _block(table: Table, shown: pd.DataFrame, section: Section) -> TableBlock:
    """The table with its file, and the meanings of its columns."""
    text = "Every comparison, in full" if section.compared else "In full"
    meanings = tuple((c.name, c.text) for c in table.columns if c.text)
    meanings += tuple(meanings_of_keys(shown).items())
    caption = table.name.replace("_", " ").capitalize()
    return TableBlock(shown, caption, meanings, _file(table.name), text)


def _measured(
    section: Section, contents: Mapping[Source, Contents], folder: Path, several: bool
) -> Iterator[Block]:
    """How to read the tables, what is expected, the other tables, and the cells."""
    yield Paragraph(f"How to read it: {section.reading}")
    yield Paragraph(f"Expected: {section.expected}")
    for table in section.tables:
        full = {source: of_run.tables[table.name] for source, of_run in contents.items()}
        if not any(map(len, full.values())):
            continue
        joined = together(full, several)
        export(joined, folder / _file(table.name))
        if not table.shown:
            text = f"{table.name.replace('_', ' ').capitalize()}, in full"
            yield Link(text, _file(table.name))
    runs = [source for source in contents if not source.path.is_file()]
    if not runs:
        return
    cells = {source: provenance.cells_of(source, section) for source in runs}
    name = f"{CELLS_OF}{section.name}"
    joined = together(cells, several)
    export(joined, folder / _file(name))
    yield Paragraph(
        "To run a cell again and print its rows, give its key, and the options that the run was "
        "given, if any:"
    )
    yield Code(
        "\n".join(provenance.command(source, cells[source]["cell"].iloc[0]) for source in runs)
    )
    yield from folded(TableBlock(joined, "The cells behind these numbers", file=_file(name)))


def _said(
    tables: PerRun, several: bool, findings: Callable[[pd.DataFrame], list[str]]
) -> Iterator[str]:
    for source, table in tables.items():
        for sentence in findings(table):
            yield f"{source.name}: {sentence}" if several else sentence


def _file(name: str) -> str:
    return f"{TABLES}/{name}.csv"
