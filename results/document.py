"""A page as a list of blocks, and its text in Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from results import export


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the page's."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of points."""

    points: tuple[str, ...]


@dataclass(frozen=True)
class TableBlock:
    """A table, with its numbers in full; a renderer rounds them."""

    table: pd.DataFrame


@dataclass(frozen=True)
class Link:
    """A link to a file, by its path from the page."""

    text: str
    path: str


@dataclass(frozen=True)
class Image:
    """A picture, by its path from the page."""

    text: str
    path: str


Block = Heading | Paragraph | Bullets | TableBlock | Link | Image


def markdown(blocks: Iterable[Block]) -> str:
    """The page in GitHub's Markdown."""
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
