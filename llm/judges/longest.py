"""The longer answer wins: a null judge, as a baseline for the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.game import Float
from llm.judges.judge import Texts, require_pairs, share_won


@dataclass(frozen=True)
class LongestJudge:
    """P(a, b) = 1 if a has more characters (code points) than b, 1/2 if as many, else 0."""

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b."""
        del columns
        require_pairs(self, prompts, a, b)
        ours, theirs = ([[float(len(text)) for text in texts]] for texts in (a, b))
        return share_won(np.array(ours), np.array(theirs))
