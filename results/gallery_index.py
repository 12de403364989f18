"""Figures and tables of the papers' kind, made from published runs, with an index of them.

``make figures`` runs this file. Nothing is solved again: what is published with its rows is drawn
anew, what is published without them gives its stored files, and the index says what is missing.
"""

import gzip
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from results import captions, claims, document, figures, gallery, provenance
from results.document import Block, Bullets, Heading, Image, Link, Paragraph, TableBlock
from results.export import export
from results.gallery import Entry
from results.rows import RunError
from results.store import TABLE

PUBLISHED = Path(__file__).with_name("published")
FOLDER = Path("figures")

_TRUST = (
    "How the contents of the papers reached us: A is the abstract, N and M notes by others on the "
    "whole paper, C the released code, R public reviews, W listings of numbers, D derived for this "
    "project. The full texts of SLHF and NLHF were not available: what is marked N or M is "
    "recalled from such notes and was not checked."
)


@dataclass
class Made:
    """What a published run gave.

    Attributes
    ----------
    figures, tables : dict of str to str
        Name -> path of its file, relative to the index.
    verdicts : dict of str to (str, str)
        Claim -> our numbers and the verdict.
    summary : str
        What the run is.
    lacks : str
        Why it lacks what it does not give, as the end of a sentence that begins with its name.
    """

    figures: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    summary: str = ""
    lacks: str = "is not published"


def build(
    published: Path = PUBLISHED, folder: Path = FOLDER, entries: Sequence[Entry] | None = None
) -> Path:
    """Make the figures and tables of the entries in the folder; return its ``index.html``.

    ``index.md`` beside it says the same. The files of a run are in a folder of its name.

    Parameters
    ----------
    published : Path
        The folder of published runs.
    folder : Path
        What an earlier call wrote into it is replaced.
    entries : sequence of Entry, optional
        By default those of ``gallery.toml``.
    """
    from results.page import html

    listed = gallery.entries() if entries is None else tuple(entries)
    runs = dict.fromkeys(run for entry in listed for run in entry.runs)
    made = {
        run: _made(published / run, folder / run, [e for e in listed if run in e.runs])
        for run in runs
    }
    blocks = list(_blocks(listed, made))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.md").write_text(document.markdown(blocks), encoding="utf-8")
    target = folder / "index.html"
    target.write_text(html(blocks, folder), encoding="utf-8")
    return target


def _made(run_dir: Path, folder: Path, entries: Sequence[Entry]) -> Made:
    """What the entries ask of a run, as far as the run has it."""
    shutil.rmtree(folder, ignore_errors=True)
    names = {name for entry in entries for name in entry.figures}
    tables = {name for entry in entries for name in entry.tables}
    if not run_dir.is_dir():
        return Made()
    if not (run_dir / TABLE).is_file():
        return _copied(run_dir, folder, names, tables)
    try:
        source = provenance.read(run_dir)
    except (OSError, RunError, ValueError) as error:
        return Made(lacks=f"has rows that cannot be read ({error})")
    asked = [name for name in figures.NAMES if name in names]
    views = figures.draw_rows(source.frame, run_dir, folder, asked, most=1) if asked else {}
    if views:
        captions.write(folder / figures.CAPTIONS, views)
    made = Made(
        {view: f"{folder.name}/{path.name}" for view, (path, *_) in views.items()},
        summary=f"{provenance.summary(source)} {_code(source.environment)}",
        lacks="has no rows for that",
    )
    for name in tables:
        section, table = gallery.TABLES[name]
        full = table.make(section.rows(source.frame)) if section.has_rows(source.frame) else None
        if full is not None and len(full):
            path = export(full, folder / "tables" / f"{name}.csv")
            made.tables[name] = path.relative_to(folder.parent).as_posix()
    wanted = {name for entry in entries for name in entry.claims}
    verdicts = claims.verify(source.frame, [c for c in claims.claims() if c.id in wanted])
    for line in verdicts[verdicts["verdict"] != "not measured"].itertuples():
        made.verdicts[str(line.id)] = (str(line.ours), str(line.verdict))
    return made


def _copied(run_dir: Path, folder: Path, names: set[str], tables: set[str]) -> Made:
    """The stored files of a run that is published without its rows."""
    environment = provenance.environment(run_dir)
    made = Made(
        summary=f"Published without its rows: stored figures and tables. {_code(environment)}",
        lacks="is published without rows, and without that",
    )
    for path in sorted((run_dir / figures.FOLDER).glob("*.*"), reverse=True):  # SVG before PNG
        if path.stem in names - set(made.figures) and path.suffix in (".svg", ".png"):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
            made.figures[path.stem] = f"{folder.name}/{path.name}"
    for name in sorted(tables):
        stored = run_dir / "tables" / f"{name}.csv"
        packed = stored.with_suffix(".csv.gz")
        for path, opened in ((stored, open), (packed, gzip.open)):
            if path.is_file():
                target = folder / "tables" / stored.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened(path, "rb") as read, target.open("wb") as write:
                    shutil.copyfileobj(read, write)
                made.tables[name] = target.relative_to(folder.parent).as_posix()
    return made


def _code(environment: dict[str, dict[str, str]]) -> str:
    commit = environment.get("code", {}).get("commit") or "unknown"
    return f"Made by commit {commit[:10]}."


def _blocks(entries: Sequence[Entry], made: dict[str, Made]) -> Iterator[Block]:
    yield Heading("Figures and tables of the papers", 1)
    yield Paragraph(
        "Each figure, table and worked example of the papers, what stands for it here, and what is "
        "missing and why. Figures and tables are made from the published runs: nothing is solved "
        "or trained to show them. What a run that is not published would show is had by "
        "`prefgames run` and `prefgames figures`."
    )
    yield Paragraph(_TRUST)
    yield TableBlock(_overview(entries, made), "All at a glance")
    shown: dict[str, str] = {}
    for source in dict.fromkeys(entry.source for entry in entries):
        yield Heading(f"arXiv:{source}: {claims.papers()[source]}")
        for entry in entries:
            if entry.source == source:
                yield from _entry(entry, made, shown)
    yield Heading("The published runs")
    yield Bullets(
        tuple(f"{name}: {run.summary or f'it {run.lacks}.'}" for name, run in made.items())
    )


def _overview(entries: Sequence[Entry], made: dict[str, Made]) -> pd.DataFrame:
    lines = []
    for entry in entries:
        ours = [f"{name} ({run})" for name, run, _ in _found(entry, made, "figures")]
        ours += [f"{name}.csv ({run})" for name, run, _ in _found(entry, made, "tables")]
        lines.append(
            {
                "paper": f"arXiv:{entry.source}",
                "figure, table or example": entry.item,
                "ours": ", ".join(ours) or "-",
                "missing": " ".join(_missing(entry, made)) or "-",
            }
        )
    return pd.DataFrame(lines, dtype=object)


def _entry(entry: Entry, made: dict[str, Made], shown: dict[str, str]) -> Iterator[Block]:
    """One entry; ``shown`` says under which entry each figure that was shown already stands."""
    yield Heading(entry.item, 3)
    yield Paragraph(f"{entry.shows} ({entry.trust})")
    for name, run, path in _found(entry, made, "figures"):
        title = f"{name.replace('_', ' ')} ({run})"
        if path in shown:
            yield Link(f"{title}, shown under {shown[path]}", path)
        else:
            yield Image(title, path, captions.caption(name))
            shown[path] = entry.item
    numbers = _numbers(entry, made)
    if len(numbers):
        yield TableBlock(numbers, "Published and here")
    for name, run, path in _found(entry, made, "tables"):
        yield Link(f"Table {name.replace('_', ' ')} ({run})", path)
    missing = _missing(entry, made)
    if missing:
        yield Paragraph(f"Missing: {' '.join(missing)}")


def _numbers(entry: Entry, made: dict[str, Made]) -> pd.DataFrame:
    """The claims of the entry that have a published value or a verdict of the published runs."""
    lines = []
    for claim in claims.claims():
        if claim.id in entry.claims:
            found = [run.verdicts[claim.id] for run in made.values() if claim.id in run.verdicts]
            ours, verdict = found[0] if found else ("-", "not measured")
            published = claim.published or "-"
            names = ("claim", "published", "here", "verdict")
            lines.append(dict(zip(names, (claim.sentence, published, ours, verdict), strict=True)))
    return pd.DataFrame(lines, dtype=object)


def _found(entry: Entry, made: dict[str, Made], kind: str) -> Iterator[tuple[str, str, str]]:
    """(name, run, path) of the figures or tables that a run gave, of the first that did."""
    for name in getattr(entry, kind):
        for run in entry.runs:
            path = getattr(made[run], kind).get(name)
            if path is not None:
                yield name, run, path
                break


def _missing(entry: Entry, made: dict[str, Made]) -> list[str]:
    """What of the entry's figures and tables no run gave, and what the entry itself lacks."""
    names = []
    for kind, noun in (("figures", "figure"), ("tables", "table")):
        given = {name for name, *_ in _found(entry, made, kind)}
        names += [f"{noun} {name}" for name in getattr(entry, kind) if name not in given]
    reasons = "; ".join(f"{run} {made[run].lacks}" for run in entry.runs)
    out = [f"No {' and no '.join(names)}: {reasons}."] if names else []
    return [*out, entry.missing] if entry.missing else out


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
