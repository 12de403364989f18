"""IPO: log-ratios fitted by least squares to a data set of comparisons.

Azar et al., A General Theoretical Paradigm to Understand Learning from Human Preferences, AISTATS
2024, arXiv:2310.12036, Eq. (17).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from games import PreferenceGame, numerics
from games.game import Float
from llm.learners.dpo import Dpo
from llm.learners.learner import Gradient
from llm.policy import Ids
from llm.rollout import Rollout
from solvers import Solution
from solvers.dataset_fit import max_degree
from solvers.ipo import Ipo as Tabular
from solvers.sampling import NO_DRAWS


@dataclass(frozen=True)
class Ipo(Dpo):
    """L = (h(winner) - h(loser) - 1 / (2 tau))^2, h = log pi / ref, on comparisons.

    TRL divides log-probabilities by lengths, so that its tau is per token; this loss does not.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty, in payoff units; ``beta`` in TRL.
    n_comparisons : int >= 1
        Size of the data set that is drawn from a game.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    solver: ClassVar[str] = "ipo"
    paper: ClassVar[str] = "Azar et al. 2023, arXiv:2310.12036"

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on comparisons drawn from the data set, (rows,)."""
        winners, losers = rollout.sample_pairs()
        return (rollout.log_ratio(winners) - rollout.log_ratio(losers) - 1 / (2 * self.tau)) ** 2

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Minus the step of the tabular algorithm, rescaled: that algorithm scales the loss."""
        del other
        solver = Tabular(self.tau)
        log_pi = numerics.log_softmax(theta)
        _, data = solver.init(game, NO_DRAWS)
        step = log_pi - solver.step(game, (log_pi, data), NO_DRAWS)[0]
        scale = 4 * max_degree(data[0]) / solver.eta
        return scale * (step - step.mean(-1, keepdims=True)), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """Least squares on the win rates, which the minimum approaches as the data set grows."""
        del ends
        return Tabular(self.tau).target(game)
