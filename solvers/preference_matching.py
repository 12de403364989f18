"""Preference-matching RLHF: a policy whose odds are the Bradley-Terry preferences themselves.

Xiao et al., On the Algorithmic Bias of Aligning Large Language Models with RLHF: Preference
Collapse and Matching Regularization, 2024, arXiv:2405.16455.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import PreferenceGame
from solvers.rlhf_exact import RlhfExact
from solvers.solver import (
    Certificate,
    Concept,
    ExactSolver,
    Reasons,
    Solution,
)


@dataclass(frozen=True)
class PreferenceMatching(ExactSolver):
    """pi = softmax(r), the maximum of E r(y) + entropy(pi): coefficient 1, and no reference.

    If P is Bradley-Terry, pi_i / (pi_i + pi_j) = P_ij for every pair. If it is not, nothing
    matches every pair, and pi depends on ``game.pairs`` through r. ``ref`` plays no part; it is
    not the answer of RLHF with tau = 1 unless ``ref`` is uniform. Over texts rather than a list of
    answers the paper restricts the entropy to natural texts; this file has no such set.
    """

    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "Xiao et al. 2024, arXiv:2405.16455"

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the rewards of a context are infinite; "" where they are finite."""
        return RlhfExact().undefined(game)

    def compute(self, game: PreferenceGame) -> Solution:
        """The closed form, certified by the odds of the policy it gives."""
        log_policy = numerics.log_softmax(RlhfExact().rewards(game))
        odds = numerics.sigmoid(log_policy[..., :, None] - log_policy[..., None, :])
        weights = game.pair_weights
        total = weights.sum((-1, -2))[..., None] / 2
        off = abs((weights * (odds - game.P)).sum(-1) / np.where(total > 0, total, 1)).max(-1)
        condition = "odds match the preferences, each answer over its compared pairs"
        return Solution(log_policy, Certificate(condition, off, 1e-10))
