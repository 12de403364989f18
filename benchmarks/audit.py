"""``prefgames audit``: what a file of comparisons says, on the terminal, as JSON or as a page."""

import json
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterable
from pathlib import Path

from benchmarks import console
from benchmarks.data import DataOptions
from results import export
from results.document import Block, Bullets, Fold, Heading, Paragraph, TableBlock
from results.page import html
from results.sheet import save
from tabular.audit import Audit, Settings, audit
from tabular.audit.drawings import draw
from tabular.audit.plain import plain
from tabular.audit.sections import blocks

_WORDS = {
    "reward": "is a reward enough?",
    "cycles": "are the cycles real?",
    "answers": "what would be chosen",
    "cost": "what it costs",
    "influence": "what it rests on",
    "next_pairs": "what to ask next",
}
_WIDEST = 100


def run(path: Path, options: DataOptions, settings: Settings) -> Audit:
    """Read and audit a file; each part is named on stderr before it begins."""
    records = options.records(path)
    return audit(records, settings, lambda part: console.say(f"{_WORDS[part]} ..."))


def show_json(found: Audit) -> None:
    """Print everything as one line of JSON."""
    console.out(json.dumps(plain(found), allow_nan=False))


def write_page(found: Audit, name: str, target: Path) -> Path:
    """Write the audit as one HTML file with its figures; return its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    drawn = draw(found)
    with tempfile.TemporaryDirectory() as folder:
        for figure, (picture, _) in drawn.items():
            save(picture, Path(folder, figure))
        captions = {figure: caption for figure, (_, caption) in drawn.items()}
        text = html(blocks(found, name, captions), Path(folder))
    target.write_text(text, encoding="utf-8")
    return target


def show(found: Audit, name: str) -> None:
    """Print the sections in words and tables, folded to the terminal."""
    _show(blocks(found, name))


def _show(parts: Iterable[Block]) -> None:
    width = min(shutil.get_terminal_size().columns if sys.stdout.isatty() else 80, _WIDEST)
    for block in parts:
        match block:
            case Heading():
                console.out(f"\n{console.one_line(block.text)}")
                if block.level > 1:
                    console.out("-" * min(len(block.text), width))
            case Paragraph():
                console.out(textwrap.fill(block.text, width))
            case Bullets():
                for point in block.points:
                    line = textwrap.fill(point, width, initial_indent="- ", subsequent_indent="  ")
                    console.out(line)
            case TableBlock():
                console.out(f"\n{textwrap.fill(block.caption, width)}" if block.caption else "")
                shown = export.text(block.table)
                rows = [list(row) for row in shown.itertuples(index=False, name=None)]
                console.columns(list(map(str, shown.columns)), rows)
                console.definitions(dict(block.meanings))
            case Fold():  # what a page shows on demand is too long for a terminal
                pass
