"""A judge whose verdict is the vote of several judges.

Pasztor et al. 2025, arXiv:2512.16626, train StackelbergGDA on the votes of five reward models, one
for each attribute of HelpSteer2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.errors import SpecError
from games.game import Float
from llm.judges.judge import Judge, Texts, require_pairs, votes


@dataclass(frozen=True)
class EnsembleJudge:
    """P(a, b) = mean over the judges of 1[p > 1/2] + 1[p = 1/2] / 2: each has one vote.

    With reward models as judges, p > 1/2 means r(a) > r(b). The published code takes the mean of
    1[r(a) >= r(b)], which gives 1 to both orders of a tie; this judge counts a tie (within
    1e-9) as half a vote. Judges without cycles can have one together, as voters can. A judge that
    abstains has no vote, and the ensemble abstains where all judges do.

    Attributes
    ----------
    judges : sequence of Judge, at least one

    Raises
    ------
    SpecError
        If there are no judges.
    """

    judges: Sequence[Judge]

    def __post_init__(self) -> None:
        if not self.judges:
            raise SpecError("EnsembleJudge: no judges; give at least one")
        object.__setattr__(self, "judges", tuple(self.judges))

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b."""
        require_pairs(self, prompts, a, b)
        p = np.stack([judge.prefer(prompts, a, b, **columns) for judge in self.judges])
        ballots = votes(p)
        voters = (~np.isnan(ballots)).sum(0)
        return np.where(voters > 0, np.nansum(ballots, 0) / np.maximum(voters, 1), np.nan)
