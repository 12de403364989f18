"""StackelbergGDA: projected gradient ascent of the leader, descent of its follower.

Pasztor et al., Stackelberg Learning from Human Feedback, 2025, arXiv:2512.16626, Algorithm 1.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.slhf_exact import SlhfExact
from solvers.solver import Concept, Open, Solution, require

_FLOOR = 1e-12

Players = tuple[Float, Float]
"""Policies of leader (..., n) and follower (..., n, n), or their logits."""


@dataclass(frozen=True)
class StackelbergGda(IterativeSolver):
    """Both players step along the gradient of f and are projected onto the simplex, at once.

    f = E P(y > y') + tau_follower KL(omega | ref_follower) - tau_leader KL(pi | ref):
    pi <- proj(pi + eta df/dpi), omega(.|y) <- proj(omega(.|y) - kappa eta df/domega(.|y)). The
    projection is Euclidean; gradients in logits are another algorithm, ``stackelberg_npg``.

    The trap: df/domega(.|y) has the factor pi(y), so the follower of an answer that the leader has
    dropped no longer moves. With tau = 0 and kappa = 1 that happens before it is a best response,
    so that row of the follower may be wrong though the leader is right; kappa = 5 is fast enough in
    the example of the tests. Until the run settles the answer is the average of the leader, which
    approaches the closed form as 1 / t, and the last follower. With tau > 0 the last
    iterate settles if, for the rarest answers of the solution, eta tau_leader / pi < 2 and kappa
    eta pi tau_follower / omega < 2; not far above that it keeps oscillating, because the entropy is
    too steep for the step.
    log p is floored at p = 1e-12. Whether the paper's players move at once or in turn was not
    checked.

    Attributes
    ----------
    tau_leader, tau_follower : float >= 0
        Weights of the KL penalties to ``ref`` and ``ref_follower``, in payoff units.
    eta : float > 0
        Step size of the leader.
    kappa : float > 0
        Step size of the follower over the leader's.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau_leader: float = 0.1
    tau_follower: float = 0.1
    eta: float = 0.01
    kappa: float = 5.0
    concept: ClassVar[Concept] = "slhf"
    paper: ClassVar[str] = "Pasztor et al. 2025, arXiv:2512.16626"
    iterate: ClassVar[Literal["last", "average", "none"]] = "average"

    def __post_init__(self) -> None:
        require(self, tau_leader=(0, np.inf), tau_follower=(0, np.inf))
        require(self, eta=(Open(0), np.inf), kappa=(Open(0), np.inf))

    def target(self, game: PreferenceGame) -> Solution:
        """The closed form of SLHF at the same two tau."""
        return SlhfExact(self.tau_leader, self.tau_follower).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> Players:
        """References of leader and follower."""
        return game.ref, np.exp(follower_reference(game))

    def step(self, game: PreferenceGame, state: Players, rng: np.random.Generator) -> Players:
        """Both players after a gradient step from the same point, and a projection each."""
        (pi, omega), cost = state, game.P
        log_ratio = _log(omega) - game.log_ref_follower(slice(None))
        paid = (omega * (cost + self.tau_follower * log_ratio)).sum(-1)
        up = paid - self.tau_leader * (_log(pi) - game.log_ref)
        down = pi[..., None] * (cost + self.tau_follower * log_ratio)
        leader = numerics.project_to_simplex(pi + self.eta * up)
        return leader, numerics.project_to_simplex(omega - self.kappa * self.eta * down)

    def policy(self, state: Players) -> Float:
        """Policy of the leader, (..., n)."""
        return state[0]

    def follower(self, state: Players) -> Float:
        """Policy of the follower given the leader's answer (the row), (..., n, n)."""
        return state[1]


def follower_reference(game: PreferenceGame) -> Float:
    """Log of the follower's reference in every row, shape (..., n, n)."""
    shape = (*game.batch, game.n, game.n)
    return np.asarray(np.broadcast_to(game.log_ref_follower(slice(None)), shape))


def _log(p: Float) -> Float:
    return np.asarray(np.log(np.maximum(p, _FLOOR)))
