"""Best-of-N: the best of N answers of the reference under a Bradley-Terry reward, in closed form.

Stiennon et al., Learning to Summarize from Human Feedback, NeurIPS 2020, arXiv:2009.01325; its
distribution: Sessa et al., BOND, ICLR 2025, arXiv:2407.14622.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import TIE_TOL, Float, PreferenceGame
from solvers.rlhf_exact import RlhfExact
from solvers.solver import (
    Certificate,
    Concept,
    ExactSolver,
    Reasons,
    Solution,
    require,
)

_LOWEST = -1e30


@dataclass(frozen=True)
class BestOfN(ExactSolver):
    """pi(y) = F(y)^N - F_-(y)^N, with F(y) = ref(r <= r(y)) and F_-(y) = ref(r < r(y)).

    Tied answers share in proportion to ``ref``. r is the Bradley-Terry reward under ``game.pairs``,
    of which only the order matters: unlike for RLHF at a fixed tau, nothing depends on its scale.
    KL(pi | ref) <= log N - (N - 1) / N. N = 1 is ``ref``; N to infinity is argmax r.

    Attributes
    ----------
    n_answers : int in [1, 1000000]
        Number of draws, of which the best is the answer.

    Raises
    ------
    SolverError
        If n_answers is out of range.
    """

    n_answers: int = 4
    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "Stiennon et al. 2020, arXiv:2009.01325"

    def __post_init__(self) -> None:
        require(self, n_answers=(1, 1_000_000))

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the rewards of a context are infinite; "" where they are finite."""
        return RlhfExact().undefined(game)

    def compute(self, game: PreferenceGame) -> Solution:
        """The closed form, certified by the distribution of the reward it gives."""
        r = RlhfExact().rewards(game)
        log_policy = best_of(self.n_answers, r, game.log_ref)
        policy, below = np.exp(log_policy), r[..., None, :] <= r[..., :, None] + TIE_TOL
        given = (below * policy[..., None, :]).sum(-1)
        expected = (below * game.ref[..., None, :]).sum(-1) ** self.n_answers
        tied = below & np.swapaxes(below, -1, -2)
        ratio = policy[..., :, None] * game.ref[..., None, :]
        uneven = np.where(tied, abs(ratio - np.swapaxes(ratio, -1, -2)), 0).max((-1, -2))
        residual = np.maximum(abs(given - expected).max(-1), uneven)
        tolerance = 1e-13 * max(10, self.n_answers)
        certificate = Certificate("reward at most r with probability F(r)^N", residual, tolerance)
        return Solution(log_policy, certificate)


def best_of(n_answers: int, r: Float, log_policy: Float) -> Float:
    """Log of the distribution of the best of ``n_answers`` draws from a policy.

    F^N - F_-^N = (F - F_-) F^(N - 1) sum_{k < N} (F_- / F)^k, which does not cancel; F - F_- is
    the mass of the ties, of which each answer has its share. Logits are floored at -1e30, so that
    repeated use stays finite.
    """
    lower = r[..., None, :] < r[..., :, None] - TIE_TOL
    up_to = r[..., None, :] <= r[..., :, None] + TIE_TOL
    log_p = log_policy[..., None, :]
    log_up_to = numerics.logsumexp(np.where(up_to, log_p, -np.inf).astype(log_p.dtype))
    log_lower = numerics.logsumexp(np.where(lower, log_p, -np.inf).astype(log_p.dtype))
    ratio = np.exp(log_lower - log_up_to)
    total, ahead, k = np.ones_like(ratio), ratio, n_answers
    # sum_{k < N} q^k by the binary digits of N: from k terms to 2 k, and to 2 k + 1
    for digit in f"{k:b}"[1:]:
        total, ahead = total * (1 + ahead), ahead * ahead
        if digit == "1":
            total, ahead = 1 + ratio * total, ahead * ratio
    logits = log_policy + (n_answers - 1) * log_up_to + np.log(total)
    return np.asarray(numerics.log_softmax(np.maximum(logits, _LOWEST).astype(logits.dtype)))
