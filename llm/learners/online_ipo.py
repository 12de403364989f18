"""Online IPO: the IPO loss on pairs that the policy itself draws.

Calandriello et al., Human Alignment of Large Language Models through Online Preference
Optimisation, ICML 2024, arXiv:2403.08635.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from games import PreferenceGame
from games.game import Float
from llm.learners.learner import Gradient, Learner
from llm.policy import Ids
from llm.rollout import Rollout
from solvers import Solution, require
from solvers.online_ipo_2 import OnlineIpo2
from solvers.sampling import NO_DRAWS
from solvers.solver import Concept, Open


@dataclass(frozen=True)
class OnlineIpo(Learner):
    """L = (h(y) - h(y') - (P(y > y') - 1/2) / tau)^2, h = log pi / ref; y, y' ~ pi.

    No gradient flows through the draws. In expectation the gradient is 4 / tau times that of
    self_play_pg. The paper draws a winner and a loser; the judge's probability is the mean over
    that draw, so that the gradient is the same with less noise.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty; ``beta`` in TRL, which divides log-probabilities by lengths.

    Raises
    ------
    SolverError
        If tau is out of range.
    """

    tau: float = 0.1
    concept: ClassVar[Concept] = "nlhf"
    solver: ClassVar[str] = "online_ipo_2"
    paper: ClassVar[str] = "Calandriello et al. 2024, arXiv:2403.08635"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf))

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one pair of answers per prompt, (rows,)."""
        first, second = rollout.answers(), rollout.answers()
        margin = rollout.log_ratio(first) - rollout.log_ratio(second)
        return (margin - (rollout.prefer(first, second) - 0.5) / self.tau) ** 2

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """4 / tau times minus the step of the tabular algorithm at step size 1."""
        del other
        step = OnlineIpo2(self.tau, eta=1.0).step(game, theta, NO_DRAWS)
        return 4 / self.tau * (theta - step), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """The regularised equilibrium at the same tau."""
        del ends
        return OnlineIpo2(self.tau).target(game)
