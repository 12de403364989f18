"""The report of a run: what was run, what it shows, and how certain that is."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import pandas as pd

from results import document, evidence, frontier, headline, hypotheses, style, timings
from results.comparisons import (
    NO_PENALTY,
    comparisons_to_show,
    is_equal_strength,
    void_metrics,
)
from results.document import Block, Bullets, Heading, Image, Link, Paragraph, TableBlock
from results.export import export
from results.frames import check, compact, comparison_in, parameter_text
from results.metrics import METRICS
from results.questions import SECTIONS
from results.questions.section import Contents, Section, Table
from results.store import TABLE, load
from results.story import story

_PAPERS = (
    "Pasztor et al., Stackelberg Learning from Human Feedback, 2025, arXiv:2512.16626 (SLHF)",
    "Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886 (NLHF)",
    "Bradley and Terry, Rank Analysis of Incomplete Block Designs, Biometrika 39, 1952 (rewards)",
    "Ford, Solution of a Ranking Problem from Binary Comparisons, American Mathematical Monthly "
    "64, 1957 (when the Bradley-Terry maximum exists)",
    "Fishburn, Probabilistic Social Choice Based on Simple Voting Comparisons, Review of Economic "
    "Studies 51, 1984 (maximal lotteries)",
)
_MARKS = '"-": not measured; "undef.": does not exist; "*": mean over the values that exist'
_TEMPERATURE = (
    "The same tau > 0 is another strength for every concept, so no method is called better or "
    "worse than another here."
)
_FIGURES, _TABLES = "figures", "tables"


def write(run_dir: str | Path, figures: Callable[[], object] | None = None) -> Path:
    """Write ``report.md`` and the full tables ``tables/*.csv`` into the run directory.

    The report shows the figures that ``draw`` has drawn. It also works on incomplete runs, and
    names the questions that were not measured. The report of a pytest-benchmark file is written
    into a directory with the file's name, without ".json". Returns the path of the report.

    Parameters
    ----------
    run_dir : str or Path
    figures : callable, optional
        Called when all tables are made; returns when the figures are drawn.

    Raises
    ------
    RunError
        If the path is neither a run nor a file, or the run has no row yet.
    """
    source = Path(run_dir)
    frame = compact(load(source))
    check(frame)
    folder = source
    if source.is_file():
        folder = source.with_suffix("")
        folder.mkdir(exist_ok=True)
        what = _what_was_timed(source, frame)
    else:
        what = _what_was_run(folder, frame)
    sections = [section for section in SECTIONS if section.has_rows(frame)]
    parts = [(section, section.contents(frame)) for section in sections]
    for _, contents in parts:
        for name, table in contents.tables.items():
            if len(table):
                export(table, folder / _TABLES / f"{name}.csv")
    blocks: list[Block] = [Heading(f"prefgames: {folder.resolve().name}", 1)]
    blocks += [Heading("What was run"), Bullets(tuple(what)), *_headlines(frame)]
    blocks += [*_hypotheses(folder, frame), *_frontier(folder, frame)]
    if figures is not None:
        figures()
    drawn = {path.stem for path in (folder / _FIGURES).glob("*.png")}
    if "frontier" in drawn:
        blocks.append(Image(frontier.TITLE, f"{_FIGURES}/frontier.png"))
    for section, contents in parts:
        blocks += [Heading(section.title), *_section(section, contents, drawn)]
    blocks += _evidence(frame)
    blocks += [*_metrics(frame), Heading("Papers"), Bullets(_PAPERS)]
    target = folder / "report.md"
    target.write_text(document.markdown(blocks), encoding="utf-8")
    return target


def draw(run_dir: str | Path, workers: int = 1) -> list[Path]:
    """Draw every figure that the run has rows for into ``<run_dir>/figures``; return the paths.

    Each figure is written as PNG, SVG and PDF. "consistency" shows the main comparison;
    "consistency_KL_0.1_nats" and the like show further ones. Equal temperature, which compares
    nothing, is drawn only where it shows methods that no other figure of the question has.

    Parameters
    ----------
    run_dir : str or Path
    workers : int >= 1
        Processes that draw; with 1, this one.

    Raises
    ------
    RunError
        If the directory is not a run.
    """
    frame = compact(load(run_dir))
    asked = [s for s in SECTIONS if s.figure is not None and s.has_rows(frame)]
    names = [*(section.name for section in asked), "frontier", "story"]
    if workers == 1:
        written = [_draw(frame, name, Path(run_dir)) for name in names]
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            written = list(pool.map(_draw_stored, names, repeat(Path(run_dir))))
    return [path for paths in written for path in paths]


@cache
def _stored(run_dir: Path) -> pd.DataFrame:
    return compact(load(run_dir))


def _draw_stored(name: str, run_dir: Path) -> list[Path]:
    return _draw(_stored(run_dir), name, run_dir)


def _draw(frame: pd.DataFrame, name: str, run_dir: Path) -> list[Path]:
    """The figures of a question, or the figure of that name, written into the run directory."""
    figures: dict[str, Any] = {}
    if name == "story":
        figures[name] = story(frame)
    elif name == "frontier":
        figures[name] = (
            frontier.figure(frontier.curves(frame)) if frontier.has_rows(frame) else None
        )
    else:
        (section,) = (s for s in SECTIONS if s.name == name)
        assert section.figure is not None
        shown: set[str] = set()
        for view, rows in section.views(section.rows(frame)).items():
            methods = set(rows["method"].astype(str))
            if not shown or methods - shown or is_equal_strength(comparison_in(rows)):
                figures[view] = section.figure(rows)
                shown |= methods
    written: list[Path] = []
    for view, figure in figures.items():
        if figure is not None:
            written += style.save(figure, run_dir / _FIGURES / view)
    return written


def _what_was_timed(file: Path, frame: pd.DataFrame) -> Iterator[str]:
    yield f"{frame['cell'].nunique()} benchmarks of {file.name}"
    yield from _environment(timings.environment(file))


def _what_was_run(folder: Path, frame: pd.DataFrame) -> Iterator[str]:
    spec, environment = _json(folder / "spec.json"), _json(folder / "environment.json")
    solving = (frame["metric"] == "seconds") & (frame["experiment"] == "consistency")
    solving &= frame["step"].isna()  # a training reports its time so far at every step
    seconds = frame.loc[solving, "value"].sum()
    state = "complete" if (folder / TABLE).is_file() else "NOT COMPLETE: run it again to resume"
    yield (
        f"run: {state}; {frame['cell'].nunique()} cells, {len(frame)} rows, "
        f"{seconds:.1f} seconds of solving in consistency"
    )
    for kind in ("games", "solvers", "learners", "experiments"):
        names = [_call(entry) for entry in spec.get(kind, [])]
        yield f"{kind}: {', '.join(names) or ('none' if spec else 'unknown')}"
    yield f"seeds: {', '.join(map(str, spec.get('seeds', []))) or 'unknown'}"
    for past in (environment, *environment.get("resumed", [])):
        yield from _environment(past)


def _environment(environment: dict[str, Any]) -> Iterator[str]:
    for kind in ("code", "machine", "versions"):
        values = environment.get(kind, {}).items()
        yield f"{kind}: {', '.join(f'{k} {v}' for k, v in values) or 'unknown'}"


def _headlines(frame: pd.DataFrame) -> Iterator[Block]:
    if not headline.has_rows(frame):
        return
    added = comparisons_to_show(headline.headline_rows(frame))
    main, *others = added
    yield Heading("Headline")
    yield Paragraph(f"At {_at(main)}")
    yield TableBlock(headline.headline(frame, main))
    yield Bullets((*(f"{c.name}: {c.meaning}" for c in headline.COLUMNS), _MARKS))
    for other in others:
        methods = f"With {', '.join(added[other])}, at" if added[other] else "At"
        yield Paragraph(f"{methods} {_at(other)}")
        yield TableBlock(headline.headline(frame, other))


def _hypotheses(folder: Path, frame: pd.DataFrame) -> Iterator[Block]:
    written = hypotheses.read(_json(folder / "spec.json"))
    if not written:
        return
    table = hypotheses.evaluate(frame, written)
    export(table, folder / _TABLES / "hypotheses.csv")
    yield Heading("Hypotheses")
    yield Paragraph(hypotheses.READING)
    yield Bullets(tuple(hypotheses.findings(table)))
    yield TableBlock(hypotheses.digest(table))
    yield Link("In full", f"{_TABLES}/hypotheses.csv")


def _frontier(folder: Path, frame: pd.DataFrame) -> Iterator[Block]:
    if not frontier.has_rows(frame):
        return
    means, reached = frontier.curves(frame), frontier.reached(frame)
    if means.empty:
        return
    table = frontier.table(means)
    export(table, folder / _TABLES / "frontier.csv")
    yield Heading(frontier.TITLE)
    yield Paragraph(f"How to read it: {frontier.READING}")
    if len(reached):
        yield Paragraph("On how many games of the catalogue each method reaches each level:")
        yield TableBlock(reached)
    yield Bullets(tuple(frontier.findings(means)))
    of_games = means[means["group"] == frontier.CATALOGUE]
    if len(of_games):
        yield TableBlock(frontier.table(of_games).droplevel("group"))
    yield Link("In full, with the families of draws", f"{_TABLES}/frontier.csv")


def _at(comparison: str) -> str:
    """The comparison, and what it is good for."""
    if is_equal_strength(comparison):
        strength = "no penalty" if comparison == NO_PENALTY else "equal strength"
        return " ".join([f"{comparison} ({strength}).", *void_metrics(comparison).values()])
    if comparison.startswith("tau = "):
        return f"{comparison} (equal temperature). {_TEMPERATURE}"
    return f"{comparison}."


def _section(section: Section, contents: Contents, drawn: set[str]) -> Iterator[Block]:
    yield Paragraph(f"How to read it: {section.reading}")
    yield Paragraph(f"Expected: {section.expected}")
    for view in contents.views:
        if view.comparison:
            yield Paragraph(f"At {_at(view.comparison)}")
        if view.findings:
            yield Bullets(tuple(view.findings))
        for table in section.tables:
            shown = view.tables.get(table.name)
            if shown is None:
                continue
            if len(shown):
                yield TableBlock(shown)
                yield from _columns(table)
                yield _file(table, section)
            elif table.absent:
                yield Paragraph(f"Not measured: {table.absent}.")
        if view.figure in drawn:
            yield Image(section.title, f"{_FIGURES}/{view.figure}.png")
    for table in section.tables:
        if not table.shown and len(contents.tables[table.name]):
            yield _file(table, section)


def _columns(table: Table) -> Iterator[Block]:
    """Meanings of the columns that are not metrics; the report ends with those of metrics."""
    texts = tuple(f"{column.name}: {column.text}" for column in table.columns if column.text)
    if texts:
        yield Bullets(texts)


def _file(table: Table, section: Section) -> Link:
    text = "Every comparison, in full" if section.compared else "In full"
    return Link(text, f"{_TABLES}/{table.name}.csv")


def _evidence(frame: pd.DataFrame) -> Iterator[Block]:
    missing = evidence.not_measured(frame, headline.COMPARED_QUESTIONS)
    yield Heading("What is certified, estimated, not measured")
    yield Bullets((*evidence.certified(frame), *missing))
    yield Heading("Statuses")
    yield TableBlock(evidence.statuses(frame))


def _metrics(frame: pd.DataFrame) -> Iterator[Block]:
    present = set(frame["metric"].unique())
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
    yield TableBlock(pd.DataFrame(rows, columns=columns))


def _call(entry: dict[str, Any]) -> str:
    """A game, solver or experiment of the spec, written as name(key=value)."""
    values = entry.get("params", {})
    params = ", ".join(
        f"{key}={value if isinstance(value, str) else parameter_text(value)}"
        for key, value in values.items()
    )
    return f"{entry['name']}({params})" if params else str(entry["name"])


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # a run without its spec can still be reported
        return {}
