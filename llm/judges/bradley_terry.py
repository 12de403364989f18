"""The Bradley-Terry rewards of a game as a judge: the preferences that RLHF fits to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from games.errors import SolverError
from games.game import Float
from llm.judges.game import AnswerTable
from llm.judges.judge import ScalarJudge, Texts, require_pairs
from solvers.rlhf_exact import RlhfExact


@dataclass(frozen=True)
class BradleyTerryJudge(ScalarJudge, AnswerTable):
    """Scores are the rewards that ``RlhfExact(ridge=ridge)`` fits to the game's compared pairs.

    P(a, b) = sigmoid(r[c, i] - r[c, j]); this is the game's P only if the game is Bradley-Terry.
    An invalid answer scores 1 less than the worst answer of its context.

    Attributes
    ----------
    game, prompts, answers
        As for ``GameJudge``.
    ridge : float >= 0
        Weight of the penalty on the rewards; if positive, the fit always exists.

    Raises
    ------
    GameError
        If prompts or answers do not match the game, or a prompt is not among them.
    SolverError
        If the ridge is negative; at the first look-up, if the fit is infinite.
    """

    ridge: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        RlhfExact(ridge=self.ridge)

    @cached_property
    def _rewards(self) -> Float:
        """Rewards (contexts, n + 1); the last column is for invalid answers."""
        fit = RlhfExact(ridge=self.ridge)
        infinite = np.ravel(fit.undefined(self.game))
        if (infinite != "").any():
            raise SolverError(str(infinite[infinite != ""][0]))
        r = fit.rewards(self.game).reshape(-1, self.game.n)
        return np.concatenate([r, r.min(-1, keepdims=True) - 1], axis=-1)

    def score(self, prompts: Texts, answers: Texts, **columns: Sequence[Any]) -> Float:
        """Rewards of the answers, from the table."""
        del columns
        require_pairs(self, prompts, answers)
        return np.asarray(self._rewards[self.contexts(prompts), self.indices(answers)])
