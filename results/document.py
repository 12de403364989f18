"""The blocks of a page, and their rendering in Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from results import export


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the title of the page."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A bulleted list."""

    points: tuple[str, ...]


@dataclass(frozen=True)
class TableBlock:
    """A table with unrounded numbers; the renderer rounds them."""

    table: pd.DataFrame


@dataclass(frozen=True)
class Link:
    """A link to a file, whose path is relative to the page."""

    text: str
    path: str


@dataclass(frozen=True)
class Image:
    """An image file, whose path is relative to the page."""

    text: str
    path: str


Block = Heading | Paragraph | Bullets | TableBlock | Link | Image


def markdown(blocks: Iterable[Block]) -> str:
    """The text of the page in GitHub-flavoured Markdown."""
    return "\n".join(map(_markdown, blocks))


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {block.text}\n"
        case Paragraph():
            return f"{block.text}\n"
        case Bullets():
            return "".join(f"- {point}\n" for point in block.points)
        case TableBlock():
            return export.markdown(block.table)
        case Link():
            return f"{block.text}: [{block.path}]({block.path})\n"
        case Image():
            return f"![{block.text}]({block.path})\n"
