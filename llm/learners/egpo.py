"""EGPO: an extragradient method; each step is taken against the policy of a trial step.

Zhou, Fazel and Du, Extragradient Preference Optimization (EGPO), 2025, arXiv:2503.08942.
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
from llm.rollout import Rollout
from solvers import Solution, require
from solvers.egpo import Egpo as Tabular
from solvers.solver import Concept, Open


@dataclass(frozen=True)
class Egpo(Learner):
    """L = (h(y) - h(y') - (P(y > o) - P(y' > o)) / tau)^2; y, y' ~ pi, o ~ opponent.

    h = log pi / ref. In the trial step the opponent is the policy itself; in the actual step, which
    starts from the same parameters, it is the policy after the trial. No gradient flows through
    the draws. They come from the policy, as in the authors' script; with draws from the reference
    the method can cycle (see the tabular egpo).

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty; ``beta`` in the paper.

    Raises
    ------
    SolverError
        If tau is out of range.
    """

    tau: float = 0.1
    concept: ClassVar[Concept] = "nlhf"
    solver: ClassVar[str] = "egpo"
    paper: ClassVar[str] = "Zhou et al. 2025, arXiv:2503.08942"
    extragradient: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf))

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one pair of answers and one opponent per prompt, (rows,)."""
        first, second = rollout.answers(), rollout.answers()
        opponent = rollout.answers([(1.0, rollout.opponent or rollout.policy)])
        advantage = rollout.prefer(first, opponent) - rollout.prefer(second, opponent)
        return (rollout.log_ratio(first) - rollout.log_ratio(second) - advantage / self.tau) ** 2

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """4 (diag pi - pi pi^T) (h - P opponent / tau)."""
        log_pi = numerics.log_softmax(theta)
        pi, opponent = np.exp(log_pi), np.exp(numerics.log_softmax(other))
        residual = log_pi - game.log_ref - game.win_rates(opponent) / self.tau
        return 4 * pi * (residual - numerics.expectation(pi, residual)[..., None]), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """The regularised equilibrium at the same tau."""
        del ends
        return Tabular(self.tau).target(game)
