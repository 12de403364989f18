"""My judge: whose taste it is and where it comes from.

Try it:  prefgames check my_judge.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games import SpecError, numerics
from games.game import Float


# The class is the file's name in CamelCase and ends in Judge: my_taste.py holds MyTasteJudge. Its
# fields are the parameters, each with a default.
@dataclass(frozen=True)
class MyJudge:
    """P(a, b) = sigmoid(sharpness (words(a) - words(b))): more different words are better.

    Attributes
    ----------
    sharpness : float > 0
        1: one word more is preferred by 0.73.

    Raises
    ------
    SpecError
        If the sharpness is out of range.
    """

    sharpness: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.sharpness < np.inf:
            raise SpecError(f"my_judge: sharpness is {self.sharpness!r}, expected a number > 0")

    # Probabilities that a[k] is preferred to b[k] as an answer to prompts[k], as float64; NaN
    # where the judge cannot tell. P(a, b) + P(b, a) = 1 and P(a, a) = 1/2; a pair's value depends
    # on no other pair. `columns` are other columns of a data set, such as a known solution.
    def prefer(
        self,
        prompts: Sequence[str],
        a: Sequence[str],
        b: Sequence[str],
        **columns: Sequence[Any],
    ) -> Float:
        """Probability that a is preferred, one a pair."""
        del columns
        if not len(prompts) == len(a) == len(b):
            counts = f"{len(prompts)} prompts, {len(a)} and {len(b)} answers"
            raise SpecError(f"my_judge: got {counts}, expected as many of each")
        ours, theirs = ([len(set(text.split())) for text in texts] for texts in (a, b))
        more = np.subtract(ours, theirs, dtype=float)
        return np.asarray(numerics.sigmoid(self.sharpness * more))
