"""SPPO: the log-ratio to the last policy is regressed on the win rate against that policy.

Wu et al., Self-Play Preference Optimization for Language Model Alignment, 2024, arXiv:2405.00675.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from games import PreferenceGame, numerics
from games.game import Float
from llm.learners.learner import Gradient, Learner
from llm.policy import Ids
from llm.rollout import Completions, Rollout
from solvers import Solution, require
from solvers.solver import Concept
from solvers.sppo import Sppo as Tabular


@dataclass(frozen=True)
class Sppo(Learner):
    """L = (log pi(y) / last(y) - eta (P(y > y') - 1/2))^2, the mean over both of a pair ~ last.

    ``last`` is the policy of the last refresh. The loss has no reference: as with the tabular
    algorithm, the policies circle around the maximal lotteries and only their average converges,
    which is not a single model. The learner therefore has no target; between refreshes it
    converges to one step of the tabular sppo.

    Attributes
    ----------
    eta : float in (0, 1000]
        Step size in payoff units. In the published code ``beta`` is 1 / eta, with eta = 1000.
    refresh : int >= 1
        Optimiser steps between refreshes.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    eta: float = 1.0
    refresh: int = 20
    concept: ClassVar[Concept] = "nlhf"
    solver: ClassVar[str] = "sppo"
    paper: ClassVar[str] = "Wu et al. 2024, arXiv:2405.00675"

    def __post_init__(self) -> None:
        require(self, refresh=(1, np.inf))
        Tabular(eta=self.eta)

    @property
    def refresh_every(self) -> int:
        """Number of optimiser steps between refreshes: the field ``refresh``."""
        return self.refresh

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one pair of answers per prompt, both drawn from the last policy, (rows,)."""
        first, second = (rollout.answers([(1.0, rollout.last)]) for _ in range(2))
        advantage = rollout.prefer(first, second) - 0.5
        one = self._squared_error(rollout, first, advantage)
        return (one + self._squared_error(rollout, second, -advantage)) / 2

    def _squared_error(
        self, rollout: Rollout, completions: Completions, advantage: Tensor
    ) -> Tensor:
        ratio = rollout.log_prob(completions) - rollout.frozen_log_prob(completions, rollout.last)
        return (ratio - self.eta * advantage) ** 2

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """G - pi sum G, G = 2 last (log pi / last - eta (P last - 1/2))."""
        log_pi, log_last = numerics.log_softmax(theta), numerics.log_softmax(other)
        last = np.exp(log_last)
        gradient = 2 * last * (log_pi - log_last - self.eta * (game.win_rates(last) - 0.5))
        return gradient - np.exp(log_pi) * gradient.sum(-1, keepdims=True), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """None: the policies circle, and no single model is their average."""
        del game, ends
        return None
