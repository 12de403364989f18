"""StackelbergGDA with softmax policies: natural or plain policy gradients of leader and follower.

Pasztor et al., Stackelberg Learning from Human Feedback, 2025, arXiv:2512.16626: the form of their
method that follows policy gradients, with a table in place of a network.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.slhf_exact import SlhfExact
from solvers.solver import Concept, Open, Solution, require
from solvers.stackelberg_gda import Players, follower_reference


@dataclass(frozen=True)
class StackelbergNpg(IterativeSolver):
    """Both players' logits move along their advantages, the follower kappa times as fast.

    Natural: log pi(y) <- log pi(y) + eta [E_omega P(y > y') + tau_follower KL(omega(.|y) |
    ref_follower) - tau_leader log(pi / ref)(y)] and log omega(y'|y) <- log omega(y'|y) + kappa eta
    [P(y' > y) - tau_follower log(omega / ref_follower)(y'|y)]. The follower does not see pi: it
    contracts by |1 - kappa eta tau_follower| and the leader by |1 - eta tau_leader| (both factors
    must be below 1), so any kappa converges; it only decides who is last.

    Softmax: the same advantages, less their means, times pi(y) for the leader and pi(y)
    omega(y'|y) for the follower, as plain gradients in logits have them. Rows then learn at the
    rate pi(y): where the leader rarely goes the follower stays near its reference for long, and the
    leader is misled about exactly those answers. A large kappa makes up for it (on three games at
    tau = 0.1, eta = 1, 4,000 steps leave 0.001 to 0.014 in total variation at kappa = 1, and less
    than 0.0005 at kappa = 20) until the rows of likely answers become unstable.

    With tau = 0 it goes to the iterated limit, except that tied leaders keep what the transient
    gave them.

    Attributes
    ----------
    tau_leader, tau_follower : float >= 0
        Weights of the KL penalties to ``ref`` and ``ref_follower``, in payoff units.
    eta : float > 0
        Step size of the leader, in payoff units.
    kappa : float > 0
        Step size of the follower over the leader's.
    gradient : "natural" or "softmax"
        Which gradient both players follow.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau_leader: float = 0.1
    tau_follower: float = 0.1
    eta: float = 1.0
    kappa: float = 5.0
    gradient: str = "natural"
    concept: ClassVar[Concept] = "slhf"
    paper: ClassVar[str] = "Pasztor et al. 2025, arXiv:2512.16626"

    def __post_init__(self) -> None:
        require(self, tau_leader=(0, np.inf), tau_follower=(0, np.inf))
        require(self, eta=(Open(0), np.inf), kappa=(Open(0), np.inf))
        if self.gradient not in ("natural", "softmax"):
            raise SolverError(
                f"StackelbergNpg: gradient is {self.gradient!r}, expected 'natural' or 'softmax'"
            )

    def target(self, game: PreferenceGame) -> Solution:
        """The closed form of SLHF at the same two tau."""
        return SlhfExact(self.tau_leader, self.tau_follower).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> Players:
        """Logs of the references of leader and follower."""
        return game.log_ref, follower_reference(game)

    def step(self, game: PreferenceGame, state: Players, rng: np.random.Generator) -> Players:
        """Log-policies of both players after one step from the same point."""
        (log_pi, log_omega), cost = state, game.P
        pi, omega = np.exp(log_pi), np.exp(log_omega)
        charged = cost + self.tau_follower * (log_omega - game.log_ref_follower(slice(None)))
        paid = (omega * charged).sum(-1)
        up, down = paid - self.tau_leader * (log_pi - game.log_ref), -charged
        if self.gradient == "softmax":
            up = pi * (up - (pi * up).sum(-1, keepdims=True))
            down = pi[..., None] * omega * (down + paid[..., None])
        return (
            numerics.log_softmax(log_pi + self.eta * up),
            numerics.log_softmax(log_omega + self.kappa * self.eta * down),
        )

    def policy(self, state: Players) -> Float:
        """Policy of the leader, (..., n)."""
        return np.asarray(np.exp(state[0]))

    def follower(self, state: Players) -> Float:
        """Policy of the follower given the leader's answer (the row), (..., n, n)."""
        return np.asarray(np.exp(state[1]))
