"""A random verdict for every pair: a null judge that does not depend on the texts' content."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.errors import SpecError
from games.game import Float
from llm.judges.judge import Texts, require_pairs

_BITS = 52


@dataclass(frozen=True)
class CoinJudge:
    """P(a, b) is uniform on (0, 1), drawn once for each seed, prompt and unordered pair of answers.

    It is computed from a hash of these, so that it is the same in every process and consistent in
    both orders. The majorities are a random tournament, in which cycles are frequent by chance.

    Attributes
    ----------
    seed : int

    Raises
    ------
    SpecError
        If the seed is not a whole number.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer):
            raise SpecError(f"CoinJudge: seed is {self.seed!r}, expected a whole number")

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b."""
        del columns
        require_pairs(self, prompts, a, b)
        pairs = zip(prompts, a, b, strict=True)
        return np.array([self._toss(*texts) for texts in pairs], dtype=np.float64)

    def _toss(self, prompt: str, a: str, b: str) -> float:
        if a == b:
            return 0.5
        key = json.dumps([int(self.seed), prompt, *sorted((a, b))])
        bits = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> (64 - _BITS)
        p: float = (2 * bits + 1) / 2 ** (_BITS + 1)
        return p if a < b else 1 - p
