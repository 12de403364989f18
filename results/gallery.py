"""The figures and tables of the papers, and which of ours stand for them.

They are data: ``gallery.toml`` beside this file. ``results.gallery_index`` draws them from the
published runs and lists what is missing, and why.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from results import claims, figures
from results.questions import SECTIONS
from results.rows import RunError

PATH = Path(__file__).with_name("gallery.toml")

TABLES = {table.name: (section, table) for section in SECTIONS for table in section.tables}
"""Name of a table of a question -> the question and the table."""


class Entry(BaseModel):
    """A figure, a table or an example of a paper, and what stands for it.

    Attributes
    ----------
    source : str
        arXiv number of a paper in ``results.claims.papers``.
    item : str
        What it is called in the paper, or where it is.
    shows : str
        What it shows, in one sentence.
    trust : str
        How its contents reached us: the tags of ``claims.toml``, and "W" for listings of numbers.
    runs : list of str
        Published runs that measure it; the first that has a figure is the one that is shown.
    figures, tables : list of str
        Names as in ``results.figures.NAMES`` and ``TABLES``.
    claims : list of str
        Ids of claims that compare its published numbers with ours.
    missing : str
        What cannot be had here and why; "" if nothing is missing.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: str
    item: Annotated[str, Field(min_length=1)]
    shows: Annotated[str, Field(min_length=1)]
    trust: Annotated[str, Field(min_length=1)]
    runs: list[str] = []
    figures: list[str] = []
    tables: list[str] = []
    claims: list[str] = []
    missing: str = ""

    @model_validator(mode="after")
    def _known(self) -> "Entry":
        known: dict[str, tuple[list[str], Any]] = {
            "source": ([self.source], claims.papers()),
            "figures": (self.figures, figures.NAMES),
            "tables": (self.tables, TABLES),
            "claims": (self.claims, {claim.id for claim in claims.claims()}),
        }
        for key, (names, of_ours) in known.items():
            for name in names:
                if name not in of_ours:
                    raise ValueError(f"{key}: {name!r} is not one of {', '.join(of_ours)}")
        ours = bool(self.figures or self.tables)
        if ours != bool(self.runs):
            raise ValueError("figures and tables need runs, and runs need figures or tables")
        if not ours and not self.missing:
            raise ValueError("expected figures, tables, or in missing why there are none")
        return self


class _Gallery(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    entries: list[Entry]


def parse(text: str, where: str = PATH.name) -> list[Entry]:
    """The entries of a TOML text.

    Raises
    ------
    RunError
        If the text is not TOML or an entry is wrong; the message names the entry.
    """
    try:
        written = tomllib.loads(text)
        return _Gallery.model_validate(written).entries
    except tomllib.TOMLDecodeError as error:
        raise RunError(f"{where}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place, message = list(first["loc"]), str(first["msg"]).removeprefix("Value error, ")
        named = ""
        if place[:1] == ["entries"] and len(place) > 1:
            entry, place = written["entries"][place[1]], place[2:]
            named = f"entry {entry.get('item', 'without item')!r}: "
        key = ".".join(map(str, place))
        raise RunError(f"{where}: {named}{f'{key}: ' if key else ''}{message}") from None


@cache
def entries() -> tuple[Entry, ...]:
    """All entries, in the order of the file."""
    return tuple(parse(PATH.read_text(encoding="utf-8")))
