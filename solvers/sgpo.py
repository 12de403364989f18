"""SGPO: DPO against the worst distribution of preferences near the observed one, by its LP.

Chu et al., Stackelberg Game Preference Optimization, 2025, arXiv:2502.18099; the programme:
Mohajerin Esfahani and Kuhn, Mathematical Programming 171, 2018.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.dataset_fit import population
from solvers.rlhf_exact import RlhfExact
from solvers.solver import (
    Certificate,
    Concept,
    ExactSolver,
    Open,
    Reasons,
    Solution,
    require,
)

_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Sgpo(ExactSolver):
    """min_pi max_{W1(Q, data) <= radius} E_Q -log sigmoid(tau xi), with xi the gap of log-ratios.

    Q is a distribution of xi = h_w - h_l, h = log(pi / ref), over the whole line, and W1 moves xi
    at cost |distance|. With the loss as a maximum of tangents a_k xi + b_k each player's problem is
    a finite linear programme.

    The trap: on the whole line the worst case is the loss on the data plus radius tau, for every
    policy, because the follower moves a vanishing mass far out, where the loss is steepest. The
    radius buys a guarantee and moves no policy: the answer is DPO's at the same tau, which is how
    it is computed; the programmes of both players certify it. The radius would matter if xi were
    bounded or Q confined to the observed pairs. Built from a summary of the method, not checked
    against the paper, whose algorithm (SSAPO) reweights pairs in groups.

    There is no ``target``, as nothing is iterated.

    Attributes
    ----------
    tau : float > 0
        Weight of the implied KL penalty, in reward units.
    radius : float >= 0
        Largest W1 distance, in nats of xi.

    Raises
    ------
    SolverError
        If a parameter is out of range, or HiGHS does not report an optimum.
    """

    tau: float = 0.1
    radius: float = 0.1
    concept: ClassVar[Concept] = "other"
    paper: ClassVar[str] = "Chu et al. 2025, arXiv:2502.18099"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), radius=(0, np.inf))

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why the loss of a context has no minimum; "" where it has one."""
        return RlhfExact().undefined(game)

    def compute(self, game: PreferenceGame) -> Solution:
        """The policy of RLHF, certified by the two programmes, one context at a time."""
        log_policy = RlhfExact(self.tau).solve(game).log_policy
        n, (shares, wins) = game.n, population(game)
        pairs = np.nonzero(~np.eye(n, dtype=bool))
        weights = (shares * wins).reshape(-1, n, n)[:, pairs[0], pairs[1]]
        rewards = (self.tau * (log_policy - game.log_ref)).reshape(-1, n)
        budget, residual = self.tau * self.radius, []
        for row, r in zip(weights, rewards, strict=True):
            margins = r[pairs[0]] - r[pairs[1]]
            tangents = np.stack([margins, -np.inf + 0 * margins, np.inf + 0 * margins], axis=-1)
            worst = worst_case(row, margins, budget, tangents)
            residual.append(abs(worst - budget - least_loss(row, pairs, tangents, n)))
        condition = "worst case of the policy, less a bound on the worst case of any"
        certificate = Certificate(condition, np.reshape(residual, game.batch), _TOLERANCE)
        return Solution(log_policy, certificate)


def worst_case(weights: Float, margins: Float, budget: float, tangents: Float) -> float:
    """The follower's programme: the largest mean of -log sigmoid(u) within ``budget`` of the data.

    Parameters
    ----------
    weights : float array (m,), sums to 1
        Shares of the observed comparisons.
    margins : float array (m,)
        u = tau xi of each; ``budget`` is in the same units.
    tangents : float array (m, k)
        Where the loss of each comparison is touched from below; +-inf for the asymptotes.
    """
    slope, height = _tangents(tangents)
    m, k = slope.shape
    if m == 0:
        return 0.0
    # variables, (m, k) each: the mass on each tangent, and its displacement up and down
    share = weights[:, None]
    gain = np.stack([share * (margins[:, None] * slope + height), share * slope, -share * slope])
    moved = np.stack([0 * slope, share + 0 * slope, share + 0 * slope])
    each: Any = sparse.kron(sparse.eye(m), np.ones((1, k)))
    masses: Any = sparse.hstack([each, sparse.csr_matrix((m, 2 * m * k))])
    result = linprog(-gain.ravel(), moved.reshape(1, -1), [budget], masses, np.ones(m))
    return -_optimum(result)


def least_loss(weights: Float, pairs: Any, tangents: Float, n: int) -> float:
    """The leader's programme: no policy has a smaller mean of -log sigmoid(r_w - r_l) than this.

    The loss is replaced by its tangents, which lie below it. (Against the worst case the budget is
    added to it, whatever the policy, and so drops out.)
    """
    slope, height = _tangents(tangents)
    m, k = slope.shape
    if m == 0:
        return 0.0
    ends = np.concatenate([np.ones(m), -np.ones(m)]), (np.tile(np.arange(m), 2), np.ravel(pairs))
    gaps: Any = sparse.csr_matrix(ends, shape=(m, n))
    above: list[Any] = [
        sparse.hstack([gaps.multiply(slope[:, [j]]), -sparse.eye(m)]) for j in range(k)
    ]
    bounds = [(0, 0), *[(None, None)] * (n + m - 1)]
    cost = np.concatenate([np.zeros(n), weights])
    return _optimum(linprog(cost, sparse.vstack(above), -height.T.ravel(), bounds=bounds))


def _tangents(at: Float) -> tuple[Float, Float]:
    """Slopes and heights at 0 of the tangents of -log sigmoid; -u and 0 for those at the ends."""
    finite = np.where(np.isfinite(at), at, 0)
    slope = -numerics.sigmoid(-at)
    return slope, np.where(np.isfinite(at), np.logaddexp(0, -finite) - slope * finite, 0)


def _optimum(result: Any) -> float:
    if result.status != 0:
        raise SolverError(f"Sgpo: the linear programme failed: {result.message}")
    return float(result.fun)
