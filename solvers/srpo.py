"""SRPO: a policy and the policy that improves its answers, fitted offline by two squared losses.

Choi et al., Self-Improving Robust Preference Optimization, 2024, arXiv:2406.01660.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.dataset_fit import DatasetFit, Table, max_degree
from solvers.slhf_exact import SlhfExact
from solvers.solver import Concept, Open, Solution, require
from solvers.stackelberg_gda import Players

State = tuple[Float, Float, Table]


@dataclass(frozen=True)
class Srpo(DatasetFit):
    """Gradient descent on (1 - alpha) sum_ij w_ij E_ij^2 + alpha sum_ij w_ij G_ij^2.

    With u = log(follower / ref_follower) in rows, l = log(policy / ref) and q_ij = P[j, i] - 1/2,
    the errors of improving i into j and of generating i are E_ij = q_ij - tau (u_ij - u_ii) and
    G_ij = q_ij - tau / 2 (u_ij - u_ji + l_j - l_i). Both vanish at the same point, follower(j|i) ~
    ref_follower(j|i) exp(P[j, i] / tau) and policy_i ~ ref_i / Z_i, which is the Stackelberg answer
    with tau_leader = tau_follower = tau. The limit therefore does not depend on how often each pair
    was compared, as long as every pair was. (That the paper's improver has a reference given the
    answer it improves is recalled, not checked; the identities hold for any.)

    The trap is a data set that lacks some pairs: the minimum is then not unique, and those entries
    stay near the references.

    Attributes
    ----------
    tau : float > 0
        Weight of both KL penalties, in payoff units. The paper calls it beta.
    alpha : float in (0, 1)
        Share of the generative loss.
    eta : float in (0, 2)
        Step size, as a multiple of 1 / (4 tau^2 times the largest share of one answer's pairs).
    n_comparisons : int >= 0
        Comparisons in the data set; 0 for the loss of the whole population under ``game.pairs``.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    alpha: float = 0.5
    concept: ClassVar[Concept] = "slhf"
    paper: ClassVar[str] = "Choi et al. 2024, arXiv:2406.01660"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, alpha=(Open(0), Open(1)))

    def target(self, game: PreferenceGame) -> Solution:
        """SLHF with both tau equal."""
        return SlhfExact(self.tau, self.tau).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> State:
        """Logs of both references, and the data."""
        log_ref = game.log_ref_follower(slice(None))
        rows = np.broadcast_to(log_ref, (*game.batch, game.n, game.n))
        return game.log_ref, rows, self.data(game, rng)

    def step(self, game: PreferenceGame, state: State, rng: np.random.Generator) -> State:
        """The state after one step of gradient descent on the logits of both policies."""
        log_pi, log_follower, (shares, wins) = state
        improve, generate = self.errors(game, (log_pi, log_follower), wins)
        # minus the gradients, divided by 2 tau
        improve, generate = (1 - self.alpha) * shares * improve, self.alpha * shares * generate
        diagonal = np.eye(game.n, dtype=shares.dtype) * improve.sum(-1)[..., None]
        rows = improve - diagonal + generate
        rows = rows - np.exp(log_follower) * generate.sum(-1, keepdims=True)
        size = self.eta / (2 * self.tau * max_degree(shares))
        return (
            numerics.log_softmax(log_pi + size * generate.sum(-2)),
            numerics.log_softmax(log_follower + size[..., None] * rows),
            state[2],
        )

    def errors(self, game: PreferenceGame, players: Players, wins: Float) -> tuple[Float, Float]:
        """E and G, by which the two losses miss the preferences; (..., n, n) both."""
        ratio = players[0] - game.log_ref
        rows = players[1] - game.log_ref_follower(slice(None))
        goal = 0.5 - wins
        stay = (np.eye(game.n, dtype=rows.dtype) * rows).sum(-1, keepdims=True)
        gap = rows - np.swapaxes(rows, -1, -2) + ratio[..., None, :] - ratio[..., :, None]
        return goal - self.tau * (rows - stay), goal - self.tau / 2 * gap

    def policy(self, state: State) -> Float:
        """The policy that answers first, (..., n)."""
        return np.asarray(np.exp(state[0]))

    def follower(self, state: State) -> Float:
        """The policy that improves an answer (the row), (..., n, n)."""
        return np.asarray(np.exp(state[1]))
