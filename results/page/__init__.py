"""Renders the blocks of a report as one self-contained HTML page, with the templates beside it.

Style sheet, script and figures are in the page, which loads nothing from anywhere; only tables that
are too long to be shown are links to files.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from results import export, style
from results.document import MOST_LINES, Block, Drawing, Heading, Image, TableBlock
from results.frames import CONCEPTS
from results.page.drawings import Drawings
from results.page.terms import Terms

_OURS = files("results.page")
_NUMBER = re.compile(r"-?\d[\d.,]*(?:e[+-]\d+)?%?(?![\w.-])")
_MISSING = {"", "-", "undef.", "undefined", "exact", "infinite"}
_CONCEPT = re.compile(rf"(?:{'|'.join(CONCEPTS[:3])})\b", re.IGNORECASE)


@dataclass
class _Chapter:
    """The blocks under a heading of level 2, which the table of contents lists."""

    title: str
    place: str
    blocks: list[Block] = field(default_factory=list)


def html(blocks: Iterable[Block], folder: Path) -> str:
    """The report as an HTML page.

    Parameters
    ----------
    blocks : iterable of Block
        The first is the title of the page.
    folder : Path
        Where the page will be written: the paths in the blocks are relative to it.
    """
    title, opening, chapters = _arranged(blocks)
    terms = Terms((_OURS / "glossary.md").read_text(encoding="utf-8"))
    drawings = Drawings(set(style.COLOURS.values()))
    env = Environment(
        loader=PackageLoader("results.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {"terms": terms.marked, "text": _text, "place": _place}
    env.globals |= {
        "kind": _kind,
        "figure": partial(_figure, folder=folder, drawings=drawings),
        "long": _is_long,
        "cells": _cells,
    }
    template = env.get_template("chapter.html")
    body = []
    for chapter in [_Chapter("", "", opening), *chapters]:
        terms.begin_chapter()
        body.append(Markup(template.render(chapter=chapter)))
    script = (_OURS / "script.js").read_text(encoding="utf-8")
    return env.get_template("page.html").render(
        title=title,
        chapters=chapters,
        body=body,
        terms=terms.used,
        style=Markup((_OURS / "style.css").read_text(encoding="utf-8") + _colours(drawings)),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _arranged(blocks: Iterable[Block]) -> tuple[str, list[Block], list[_Chapter]]:
    """Title, blocks before the first chapter, chapters."""
    title, opening, chapters = "", list[Block](), list[_Chapter]()
    for block in blocks:
        if isinstance(block, Heading) and block.level == 1:
            title = block.text
        elif isinstance(block, Heading) and block.level == 2:
            chapters.append(_Chapter(block.text, f"{_place(block.text)}-{len(chapters)}"))
        else:
            (chapters[-1].blocks if chapters else opening).append(block)
    return title, opening, chapters


def _kind(block: Block) -> str:
    return type(block).__name__


def _is_long(block: TableBlock) -> bool:
    return len(block.table) > MOST_LINES


def _place(words: str) -> str:
    """The words as the name of a place in the page."""
    return re.sub(r"\W+", "-", words.lower()).strip("-")


def _text(block: TableBlock) -> dict[str, Any]:
    """Head and lines of a table, as text; ``numbers`` are the positions of columns of numbers."""
    shown = export.text(block.table)
    meanings = dict(block.meanings)
    return {
        "head": [(str(c), meanings.get(str(c).split(" ")[0], "")) for c in shown.columns],
        "numbers": {
            i
            for i, c in enumerate(shown)
            if all(_NUMBER.match(x) or x in _MISSING for x in shown[c])
        },
        "lines": shown.itertuples(index=False, name=None),
    }


def _cells(line: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The cells of a line, each with the concept whose name it begins with, or ""."""
    for cell in line:
        concept = _CONCEPT.match(cell)
        yield cell, concept[0].lower() if concept else ""


def _figure(block: Image | Drawing, folder: Path, drawings: Drawings) -> Markup:
    """The figure as inline SVG, or its PNG file as data."""
    if isinstance(block, Drawing):
        return drawings.inline((_OURS / f"{block.name}.svg").read_text(encoding="utf-8"))
    path = folder / block.path
    if path.suffix == ".svg":
        return drawings.inline(path.read_text(encoding="utf-8"))
    data = base64.b64encode(path.read_bytes()).decode()
    return Markup('<img alt="" src="data:image/png;base64,{}">').format(data)


def _colours(drawings: Drawings) -> str:
    """Rules for the colours of the drawings and of the concepts, by daylight and in the dark."""
    names = {concept: drawings.variable(style.COLOURS[concept]) for concept in CONCEPTS[:3]}
    concepts = "".join(f"--{concept}:{value};" for concept, value in names.items())
    return (
        f"\n:root{{{drawings.light()}{concepts}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{drawings.dark()}}}}}\n"
    )


__all__ = ["Fold", "html"]
