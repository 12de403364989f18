"""MNPO: multiplayer Nash preference optimisation, against several past policies at once.

Wu et al., Multiplayer Nash Preference Optimization, 2025, arXiv:2509.23102; what its public code
runs was read at smiles724/MNPO b8317e9.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from games.ranges import require_whole
from solvers.mirror_descent import MirrorDescent
from solvers.solver import require

History = tuple[Float, ...]
Opponents = Literal["history", "newest"]


@dataclass(frozen=True)
class Mnpo(MirrorDescent):
    """log pi <- eta tau log ref + sum_j w_j [(1 - eta tau) log pi_{t-j} + eta P pi_{t-j}] + const.

    The weights w_j are proportional to decay^j over the last ``history`` policies. The fixed point
    is the regularised equilibrium for all weights; decay = 0 is online_ipo_1. The public code has
    default weights 1, 0 in a field that it does not read, and runs equal weights over two policies,
    which is decay = 1. It also compares answers of the newest policy only, so that P pi_t stands in
    the place of sum_j w_j P pi_{t-j} (opponents = "newest"); the fixed point is the same.

    The trap is to expect several opponents to cure cycling: stability still ends near the limit of
    online_ipo_1, 2 tau / (tau^2 + omega^2). In the games tested two equal weights raise that limit
    by 13 to 19 per cent, and no weights lower it. The newest opponent alone, from the mean of two
    policies, is stable up to 0.99 to 3.9 times the limit; most is gained at small tau.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``; the paper's ratio over eta.
    eta : float in (0, 2 / tau], or None for the safe tau / (tau^2 + 1/4)
        Step size in payoff units; one over the paper's eta.
    history : int >= 1
        Number of policies: the current one and those before it.
    decay : float >= 0
        Weight of a policy divided by that of the next newer one; above 1 older ones weigh more.
    opponents : "history" or "newest"
        Whether answers are compared with those of all these policies, or of the current one.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    history: int = 2
    decay: float = 1.0
    opponents: Opponents = "history"
    paper: ClassVar[str] = "Wu et al. 2025, arXiv:2509.23102"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, decay=(0, 1e6))
        require_whole(self, history=range(1, 1001))
        if self.opponents not in get_args(Opponents):
            raise SolverError(
                f"Mnpo: opponents is {self.opponents!r}, expected 'history' or 'newest'"
            )

    @property
    def weights(self) -> Float:
        """Weights (history,) of the policies, newest first; they sum to 1."""
        age, decay = np.arange(self.history), float(self.decay)
        powers = decay ** (age if decay <= 1 else age - age[-1])  # at most 1: none overflows
        return np.asarray(powers / powers.sum())

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> History:
        """Logits of the last policies, newest first; all are the reference."""
        return (game.log_ref,) * self.history

    def step(self, game: PreferenceGame, state: History, rng: np.random.Generator) -> History:
        """One step from the mean of the last policies, and against it or the newest one."""
        logits, opponent = 0 * state[0], 0 * state[0]
        for weight, theta in zip(self.weights.tolist(), state, strict=True):
            logits = logits + weight * theta
            opponent = opponent + weight * np.exp(numerics.log_softmax(theta))
        if self.opponents == "newest":
            opponent = np.exp(numerics.log_softmax(state[0]))
        newest = self.descend(game, logits, opponent, rng)
        return newest, *state[:-1]
