"""INPO: mirror descent as a regression on pairs that the last policy drew.

Zhang et al., Iterative Nash Policy Optimization, ICLR 2025, arXiv:2407.00617.
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
from solvers.inpo import Inpo as Tabular
from solvers.sampling import NO_DRAWS
from solvers.solver import Concept


@dataclass(frozen=True)
class Inpo(Learner):
    """L = (x(y) - x(y') - eta (P(y > y') - 1/2))^2; y, y' ~ last, the policy of the last refresh.

    x = log pi - (1 - eta tau) log last - eta tau log ref. Between refreshes the minimum of the loss
    is one step of the tabular algorithm. With too few optimiser steps between them to reach it,
    the method is a damped form of that algorithm.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty.
    eta : float in (0, 2 / tau], or None for the safe tau / (tau^2 + 1/4)
        Step size in payoff units; the inverse of the paper's eta.
    refresh : int >= 1
        Optimiser steps between refreshes.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float | None = None
    refresh: int = 20
    concept: ClassVar[Concept] = "nlhf"
    solver: ClassVar[str] = "inpo"
    paper: ClassVar[str] = "Zhang et al. 2024, arXiv:2407.00617"

    def __post_init__(self) -> None:
        require(self, refresh=(1, np.inf))
        self._tabular()

    def _tabular(self) -> Tabular:
        return Tabular(self.tau, self.eta)

    @property
    def refresh_every(self) -> int:
        """Number of optimiser steps between refreshes: the field ``refresh``."""
        return self.refresh

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one pair of answers per prompt, both drawn from the last policy, (rows,)."""
        first, second = (rollout.answers([(1.0, rollout.last)]) for _ in range(2))
        margin = self._log_ratio(rollout, first) - self._log_ratio(rollout, second)
        return (margin - self._tabular().step_size * (rollout.prefer(first, second) - 0.5)) ** 2

    def _log_ratio(self, rollout: Rollout, completions: Completions) -> Tensor:
        """The x of the class: log-ratio (rows,) to the mixture of last policy and reference."""
        weight = 1 - self._tabular().step_size * self.tau
        scored = rollout.score(completions)
        last = rollout.frozen_log_prob(completions, rollout.last)
        mixture = weight * last + (1 - weight) * scored.reference.sum(-1)
        return scored.policy.sum(-1) - mixture

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """4 last (x - E_last x), x = ``theta`` minus the tabular step from ``other``."""
        last = np.exp(numerics.log_softmax(other))
        residual = theta - self._tabular().step(game, numerics.log_softmax(other), NO_DRAWS)
        return 4 * last * (residual - numerics.expectation(last, residual)[..., None]), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """The regularised equilibrium, if eta is below its stability limit; else None."""
        del ends
        return self._tabular().target(game)
