"""DPO: the policy as its own reward model, fitted to a data set of comparisons.

Rafailov et al., Direct Preference Optimization, NeurIPS 2023, arXiv:2305.18290, Eq. (7).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor
from torch.nn.functional import logsigmoid

from games import PreferenceGame, numerics
from games.game import Float
from llm.learners.learner import Gradient, Learner
from llm.policy import Ids
from llm.rollout import Rollout
from solvers import Solution, require
from solvers.dataset_fit import max_degree
from solvers.dpo import Dpo as Tabular
from solvers.sampling import NO_DRAWS
from solvers.solver import Concept, Open


@dataclass(frozen=True)
class Dpo(Learner):
    """L = -log sigmoid(tau (h(winner) - h(loser))), h = log pi / ref, on comparisons.

    The loss does not keep probability on the compared answers: both log-probabilities may fall.

    Attributes
    ----------
    tau : float > 0
        Weight of the implied KL penalty, in reward units; ``beta`` in TRL.
    n_comparisons : int >= 1
        Size of the data set that is drawn from a game.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    n_comparisons: int = 4096
    concept: ClassVar[Concept] = "rlhf"
    solver: ClassVar[str] = "dpo"
    paper: ClassVar[str] = "Rafailov et al. 2023, arXiv:2305.18290"
    needs: ClassVar[Literal["judge", "rewards", "dataset"]] = "dataset"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), n_comparisons=(1, 2**53))

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on comparisons drawn from the data set, (rows,)."""
        winners, losers = rollout.sample_pairs()
        return -logsigmoid(self.tau * (rollout.log_ratio(winners) - rollout.log_ratio(losers)))

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Minus the step of the tabular algorithm, rescaled: that algorithm scales the loss."""
        del other
        solver = Tabular(self.tau)
        log_pi = numerics.log_softmax(theta)
        _, data = solver.init(game, NO_DRAWS)
        step = log_pi - solver.step(game, (log_pi, data), NO_DRAWS)[0]
        scale = self.tau**2 * max_degree(data[0]) / (2 * solver.eta)
        return scale * (step - step.mean(-1, keepdims=True)), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """The closed form of RLHF, which the minimum approaches as the data set grows."""
        del ends
        return Tabular(self.tau).target(game)
