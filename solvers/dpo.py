"""DPO: the policy as its own reward model, fitted by logistic regression on compared pairs.

Rafailov et al., Direct Preference Optimization, NeurIPS 2023, arXiv:2305.18290, Eq. (7).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.dataset_fit import DatasetFit, Table, max_degree
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Concept, Solution


@dataclass(frozen=True)
class Dpo(DatasetFit):
    """Gradient descent on -sum_ij w_ij P_ij log sigmoid(tau (h_i - h_j)), with h = log(pi / ref).

    log pi_i <- log pi_i - eta / (tau d) sum_j w_ij (sigmoid(tau (h_i - h_j)) - P_ij), with w the
    shares of the pairs (sum_{i<j} w_ij = 1) and d half of the largest sum_j w_ij, so that tau^2 d
    bounds the Hessian. The minimum is exactly the two-stage answer of RLHF, and like that answer it
    depends on ``game.pairs`` unless P is Bradley-Terry. The loss is convex in h, and descent
    converges linearly for eta < 2, at a rate set by the answer that is compared least.

    The trap: where an answer always wins in the data the loss has no minimum. tau h grows without
    bound, like the logarithm of the number of steps, so no tau keeps the policy near ``ref``; only
    ``max_steps`` ends the run, and ``target`` is undefined. A data set is drawn once, in ``init``.

    Attributes
    ----------
    tau : float > 0
        Weight of the implied KL penalty, in reward units. TRL calls it beta.
    eta : float in (0, 2)
        Step size, as a multiple of 1 / (bound of the Hessian).
    n_comparisons : int >= 0
        Comparisons in the data set; 0 for the loss of the whole population under ``game.pairs``.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "Rafailov et al. 2023, arXiv:2305.18290"

    def target(self, game: PreferenceGame) -> Solution:
        """RLHF at the same tau; a sampled data set approaches it as it grows."""
        return RlhfExact(self.tau).solve(game)

    def step(
        self, game: PreferenceGame, state: tuple[Float, Table], rng: np.random.Generator
    ) -> tuple[Float, Table]:
        """One step of gradient descent."""
        log_pi, (shares, wins) = state
        r = self.tau * (log_pi - game.log_ref)
        slope = shares * (numerics.sigmoid(r[..., :, None] - r[..., None, :]) - wins)
        size = self.eta / (self.tau * max_degree(shares) / 2)
        return numerics.log_softmax(log_pi - size * slope.sum(-1)), state[1]
