"""The blocks of a report, and their rendering in Markdown; ``results.page`` renders HTML."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Union

import pandas as pd

from results import export

MOST_LINES = 500
"""A longer table is a link to its file."""


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the title of the page."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text; ``lead`` marks the one sentence to remember."""

    text: str
    lead: bool = False


@dataclass(frozen=True)
class Bullets:
    """A bulleted list."""

    points: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """A command, or an entry of a bibliography, to be copied."""

    text: str


@dataclass(frozen=True)
class TableBlock:
    """A table with unrounded numbers; the renderer rounds them.

    Attributes
    ----------
    table : DataFrame
    caption : str
        What it shows; a page that folds the table shows this.
    meanings : tuple of (name, meaning)
        Names that occur in it, of columns or marks, and what they mean.
    file : str
        Path of the file with the full table, relative to the report; "" if there is none.
    file_text : str
        What that file holds.
    """

    table: pd.DataFrame
    caption: str = ""
    meanings: tuple[tuple[str, str], ...] = ()
    file: str = ""
    file_text: str = "In full"


@dataclass(frozen=True)
class Link:
    """A link to a file, whose path is relative to the report."""

    text: str
    path: str


@dataclass(frozen=True)
class Image:
    """A figure in an SVG or PNG file, whose path is relative to the report."""

    text: str
    path: str
    caption: str = ""


@dataclass(frozen=True)
class Drawing:
    """A drawing of ours, ``results/page/<name>.svg``; in Markdown its caption stands for it."""

    text: str
    name: str
    caption: str


@dataclass(frozen=True)
class Fold:
    """Blocks that a page shows on demand, under a title."""

    title: str
    blocks: tuple["Block", ...]


Block = Union[  # noqa: UP007  # ``Fold`` refers to it before it is defined
    Heading, Paragraph, Bullets, Code, TableBlock, Link, Image, Drawing, Fold
]


def images(blocks: Iterable[Block]) -> set[str]:
    """The paths of the figures among the blocks and inside of folds."""
    found = set()
    for block in blocks:
        if isinstance(block, Image):
            found.add(block.path)
        elif isinstance(block, Fold):
            found |= images(block.blocks)
    return found


def markdown(blocks: Iterable[Block]) -> str:
    """The text of the report in GitHub-flavoured Markdown."""
    return "\n".join(map(_markdown, blocks))


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_safe(block.text)}\n"
        case Paragraph():
            return f"**{_safe(block.text)}**\n" if block.lead else f"{_safe(block.text)}\n"
        case Bullets():
            return "".join(f"- {_safe(point)}\n" for point in block.points)
        case Code():
            return f"```\n{block.text}\n```\n"
        case TableBlock():
            return _table(block)
        case Link():
            return f"{block.text}: [{block.path}]({block.path})\n"
        case Image():
            image = f"![{_safe(block.text)}]({block.path})\n"
            return f"{image}\n{_safe(block.caption)}\n" if block.caption else image
        case Drawing():
            return f"{_safe(block.caption)}\n"
        case Fold():
            return f"**{_safe(block.title)}**\n\n{markdown(block.blocks)}"


def _table(block: TableBlock) -> str:
    parts = [f"{block.caption}:\n"] if block.caption else []
    if len(block.table) <= MOST_LINES:
        parts.append(export.markdown(block.table))
    if block.meanings:
        parts.append(markdown([Bullets(tuple(f"{n}: {m}" for n, m in block.meanings))]))
    if block.file:
        size = f", {len(block.table)} lines" if len(block.table) > MOST_LINES else ""
        parts.append(markdown([Link(f"{block.file_text}{size}", block.file)]))
    return "\n".join(parts)


def _safe(words: str) -> str:
    """Text in which a name such as "<script>" is no tag."""
    return words.replace("<", "&lt;")
