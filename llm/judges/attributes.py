"""A judge by attributes of the text: the share of attributes on which an answer scores higher."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from games.errors import SpecError
from games.game import Float
from llm.judges.judge import Texts, require_pairs, share_won

Scorer = Callable[[str], float]
"""Text -> score of one attribute."""


def words(text: str) -> float:
    """Number of words, that is of pieces between white space."""
    return len(text.split())


def variety(text: str) -> float:
    """Number of different words, ignoring case, over the number of words; 0 without words."""
    pieces = text.lower().split()
    return len(set(pieces)) / max(len(pieces), 1)


def plainness(text: str) -> float:
    """Minus the mean number of characters per word; 0 without words."""
    pieces = text.split()
    return -sum(map(len, pieces)) / max(len(pieces), 1)


def numbers(text: str) -> float:
    """How many numbers the text has; "3.14" and "1,000" are one each."""
    return len(re.findall(r"\d+(?:[.,]\d+)*", text))


def finished(text: str) -> float:
    """1 if the text ends like a sentence, else 0."""
    return float(text.rstrip().endswith((".", "!", "?")))


ATTRIBUTES: Mapping[str, Scorer] = {
    scorer.__name__: scorer for scorer in (words, variety, plainness, numbers, finished)
}
"""Default attributes of an ``AttributesJudge``; an odd number, so that one side has a majority."""


@dataclass(frozen=True)
class AttributesJudge:
    """P(a, b) = share of the attributes on which a scores higher, ties half.

    Each attribute is transitive, but their majorities need not be, as in the game
    ``multi_attribute``. With k attributes, values are multiples of 1 / (2k). The prompt is not
    used. The judge abstains where a score is NaN.

    Attributes
    ----------
    scorers : mapping of name to a function from text to a number, not empty

    Raises
    ------
    SpecError
        If ``scorers`` is empty.
    """

    scorers: Mapping[str, Scorer] = field(default_factory=lambda: ATTRIBUTES)

    def __post_init__(self) -> None:
        if not self.scorers:
            raise SpecError("AttributesJudge: no scorers; give at least one")

    def scores(self, answers: Texts) -> Float:
        """The score of every text on every attribute, (attributes, len(answers))."""
        table = [[float(score(text)) for text in answers] for score in self.scorers.values()]
        return np.array(table, dtype=np.float64)

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b."""
        del columns
        require_pairs(self, prompts, a, b)
        return share_won(self.scores(a), self.scores(b))
