"""A judge made of measurements: what share of its attributes an answer wins."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from games.errors import SpecError
from games.game import Float
from llm.judges.judge import Texts, require_pairs, share_won

Scorer = Callable[[str], float]


def words(text: str) -> float:
    """Length: the number of words, i.e. of pieces between white space."""
    return len(text.split())


def variety(text: str) -> float:
    """Share of the words that are the first of their kind, whatever their case; 0 of no words."""
    found = text.lower().split()
    return len(set(found)) / max(len(found), 1)


def plainness(text: str) -> float:
    """Minus the mean number of characters of a word; 0 of no words."""
    found = text.split()
    return -sum(map(len, found)) / max(len(found), 1)


def numbers(text: str) -> float:
    """How many numbers there are, e.g. one in "3.14" and in "1,000"."""
    return len(re.findall(r"\d+(?:[.,]\d+)*", text))


def finished(text: str) -> float:
    """1 if the text ends like a sentence, else 0."""
    return float(text.rstrip().endswith((".", "!", "?")))


ATTRIBUTES: Mapping[str, Scorer] = {
    scorer.__name__: scorer for scorer in (words, variety, plainness, numbers, finished)
}
"""What an ``AttributesJudge`` measures if not told otherwise; an odd number, for majorities."""


@dataclass(frozen=True)
class AttributesJudge:
    """P(a, b) = share of the attributes on which a scores higher, ties half.

    Transitive attributes give majorities that need not be, like those of the game
    ``multi_attribute``: with k attributes of equal weight values are multiples of 1 / (2k). The
    prompt is not read. Where a score is NaN the judge abstains.

    Attributes
    ----------
    scorers : mapping of name to a function from text to a number, not empty

    Raises
    ------
    SpecError
        If there are none.
    """

    scorers: Mapping[str, Scorer] = field(default_factory=lambda: ATTRIBUTES)

    def __post_init__(self) -> None:
        if not self.scorers:
            raise SpecError("AttributesJudge: no scorers; give at least one")

    def scores(self, answers: Texts) -> Float:
        """What every scorer says of every text, shape (attributes, len(answers))."""
        table = [[float(score(text)) for text in answers] for score in self.scorers.values()]
        return np.array(table, dtype=np.float64)

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b."""
        del columns
        require_pairs(self, prompts, a, b)
        return share_won(self.scores(a), self.scores(b))
