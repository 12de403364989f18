"""EGPO: every step is first tried, then taken against the policy that the trial led to.

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
from solvers.solver import Concept


@dataclass(frozen=True)
class Egpo(Learner):
    """L = (h(y) - h(y') - (P(y > o) - P(y' > o)) / tau)^2; y, y' ~ pi held fixed, o ~ opponent.

    h = log pi / ref. The opponent is the policy itself in the trial and the policy after it in the
    step, which starts from where the trial did. Answers are drawn from the policy, as the authors'
    script does; drawn from the reference, the method can cycle (see the tabular egpo).

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty; the authors' beta.

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
        require(self, tau=(1e-12, np.inf))

    def loss(self, rollout: Rollout) -> Tensor:
        """One pair and one opponent to every prompt."""
        first, second = rollout.answers(), rollout.answers()
        opponent = rollout.answers([(1.0, rollout.opponent or rollout.policy)])
        edge = rollout.prefer(first, opponent) - rollout.prefer(second, opponent)
        return (rollout.log_ratio(first) - rollout.log_ratio(second) - edge / self.tau) ** 2

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """4 (diag pi - pi pi^T) (h - P opponent / tau)."""
        log_pi = numerics.log_softmax(theta)
        pi, opponent = np.exp(log_pi), np.exp(numerics.log_softmax(other))
        off = log_pi - game.log_ref - game.win_rates(opponent) / self.tau
        return 4 * pi * (off - numerics.expectation(pi, off)[..., None]), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """The regularised equilibrium."""
        del ends
        return Tabular(self.tau).target(game)
