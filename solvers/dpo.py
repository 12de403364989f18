"""DPO: the policy as its own reward model, fitted by logistic regression on compared pairs.

Rafailov et al., Direct Preference Optimization, NeurIPS 2023, arXiv:2305.18290, Eq. (7).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from games import numerics
from games.comparisons import Comparisons
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Concept, Solution, require

Table = tuple[Float, Float]
"""Shares of the pairs, and of the wins within each; (..., n, n) both."""


@dataclass(frozen=True)
class Dpo(IterativeSolver):
    """Gradient descent on -sum_ij w_ij P_ij log sigmoid(tau (h_i - h_j)), with h = log(pi / ref).

    log pi_i <- log pi_i - eta / (tau d) sum_j w_ij (sigmoid(tau (h_i - h_j)) - P_ij), with w the
    shares of the pairs (sum_{i<j} w_ij = 1) and d the largest sum_j w_ij divided by 2, so that
    tau^2 d bounds the Hessian. The minimum is exactly the two-stage answer of RLHF: like it, it
    moves with ``game.pairs`` unless P is Bradley-Terry. The loss is convex in h and descent
    converges linearly for eta < 2, at a rate set by the worst-compared answer.

    Where an answer always wins in the data the loss has no minimum: tau h grows without bound, like
    the logarithm of the steps, so that no tau keeps the policy near ``ref``. Nothing stops it but
    ``max_steps``; ``target`` is undefined. A data set is drawn once, in ``init``.

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

    tau: float = 0.1
    eta: float = 1.0
    n_comparisons: int = 0
    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "Rafailov et al. 2023, arXiv:2305.18290"
    needs: ClassVar[Literal["matrix", "samples", "dataset"]] = "dataset"

    def __post_init__(self) -> None:
        require(self, tau=(1e-12, np.inf), n_comparisons=(0, 2**53))
        require(self, eta=(1e-12, np.nextafter(2, 0)))

    def target(self, game: PreferenceGame) -> Solution:
        """RLHF at the same tau; a sampled data set approaches it as it grows."""
        return RlhfExact(self.tau).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator | None) -> tuple[Float, Table]:
        """Log of the reference, and the data."""
        return game.log_ref, compared(game, self.n_comparisons, rng)

    def step(
        self, game: PreferenceGame, state: tuple[Float, Table], rng: np.random.Generator | None
    ) -> tuple[Float, Table]:
        """One step of gradient descent."""
        del rng
        log_pi, (shares, wins) = state
        r = self.tau * (log_pi - game.log_ref)
        slope = shares * (numerics.sigmoid(r[..., :, None] - r[..., None, :]) - wins)
        size = self.eta / (self.tau * busiest(shares) / 2)
        return numerics.log_softmax(log_pi - size * slope.sum(-1)), state[1]

    def policy(self, state: tuple[Float, Table]) -> Float:
        """Softmax of the logits."""
        return np.asarray(np.exp(numerics.log_softmax(state[0])))


def compared(game: PreferenceGame, n_comparisons: int, rng: np.random.Generator | None) -> Table:
    """What an offline learner is given: the population under ``game.pairs``, or a sample of it.

    Returns
    -------
    shares, wins : float arrays (..., n, n)
        Shares of the pairs, 1 over i < j, and the share of i's wins against j (1/2 if unseen).

    Raises
    ------
    SolverError
        If n_comparisons > 0 and ``rng`` is None.
    """
    weights, wins = game.pair_weights, game.P
    if n_comparisons > 0:
        if rng is None:
            raise SolverError("a sampled data set needs rng=numpy.random.default_rng(seed)")
        data = Comparisons.sample(game, n_comparisons, rng)
        weights, wins = data.pairs, data.game(game.ref).P
    total = weights.sum((-1, -2), keepdims=True) / 2
    return weights / np.where(total > 0, total, 1).astype(total.dtype), wins


def busiest(shares: Float) -> Float:
    """Largest share of pairs that one answer is in, (..., 1); half the Laplacian's spectrum."""
    most = shares.sum(-1).max(-1, keepdims=True)
    return np.asarray(np.where(most > 0, most, 1).astype(most.dtype))
