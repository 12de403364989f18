"""Cells of comparison tables: text, conversations, lists of answers, and what is none of these."""

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.errors import GameError
from games.game import Float
from games.io.tables import Codes, Column

Turns = tuple[tuple[str, str], ...]
"""A conversation: the role and the content of each message."""

_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")


@dataclass(frozen=True)
class Answers:
    """Several answers in one cell."""

    values: tuple[Hashable, ...]


@dataclass(frozen=True)
class Other:
    """What is neither text nor a conversation: ``problem`` says what it is, ``text`` its value."""

    problem: str
    text: str


def cell(value: Any) -> Hashable:
    """A value of JSON or Parquet as something that can be coded.

    Text stays, numbers become text, a list of ``{"role": ..., "content": ...}`` becomes
    ``Turns``, a list of texts or of such lists becomes ``Answers``, all else ``Other``.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(value)
    if isinstance(value, float) and math.isnan(value):
        return Other("NaN", "")
    if isinstance(value, list) and value:
        return _several(value)
    if value is None:
        return Other("null", "")
    return Other(type(value).__name__, str(value).lower() if isinstance(value, bool) else "")


def _several(value: list[Any]) -> Hashable:
    if all(isinstance(turn, dict) for turn in value):
        turns = []
        for k, turn in enumerate(value, 1):
            content = _content(turn.get("content"))
            if content is None:
                kind = type(turn.get("content")).__name__.replace("NoneType", "null")
                return Other(f"a list whose message {k} has the content {kind}", "")
            turns.append((str(turn.get("role")), content))
        return tuple(turns)
    if all(isinstance(item, str) for item in value):
        return Answers(tuple(value))
    if all(isinstance(item, list) for item in value):
        return Answers(tuple(map(cell, value)))
    return Other("list", "")


def _content(content: Any) -> str | None:
    """The text of a message: text, or a list of parts of which those with a text are joined."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        written = [text for text in texts if isinstance(text, str)]
        if written and len(texts) == len(content):
            return "\n".join(written)
    return None


def text(value: Hashable, what: str) -> str:
    """The name that a cell gives: without white space around it, and 1.0 as 1.

    Raises
    ------
    GameError
        If it gives none; ``what`` is the column.
    """
    if isinstance(value, tuple):
        value = joined(value)
    if isinstance(value, Other | Answers):
        problem = value.problem if isinstance(value, Other) else "a list of several answers"
        raise GameError(
            f"{what} is {problem}, expected text or a list of messages "
            '{"role": ..., "content": ...} whose contents are text'
        )
    name = str(value).strip()
    whole = _WHOLE.fullmatch(name) if name.endswith("0") else None
    return whole[1] if whole else name


def joined(turns: Sequence[tuple[str, str]]) -> str:
    """The contents of messages, one below the other."""
    return "\n".join(content for _, content in turns)


def is_number(value: Hashable) -> bool:
    """Whether a cell is a finite number."""
    try:
        return math.isfinite(float(str(value)))
    except ValueError:
        return False


def numbers(column: Column) -> Float:
    """Every cell as a number; NaN where it is blank or none. True is 1, false is 0."""
    words = {"true": 1.0, "false": 0.0}
    texts = [value.text if isinstance(value, Other) else str(value) for value in column.values]
    values = [
        float(each) if is_number(each) else words.get(each.strip().lower(), np.nan)
        for each in texts
    ]
    return np.array(values)[column.codes]


def names(columns: Sequence[Column]) -> tuple[list[Codes], list[str]]:
    """The columns coded by one list of names; what is no name is "", which stands for none."""
    index: dict[str, int] = {}
    codes = []
    for column in columns:
        found = [index.setdefault(_name(value), len(index)) for value in column.values]
        codes.append(np.array(found, np.int32)[column.codes])
    return codes, list(index)


def _name(value: Hashable) -> str:
    return "" if isinstance(value, Other | Answers) else text(value, "")
