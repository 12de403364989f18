"""Some steps of a regularised NLHF method from logits of one's choice."""

from typing import Any

import numpy as np

from games import PreferenceGame
from games.game import Float
from solvers.iterative import IterativeSolver
from solvers.mnpo import Mnpo
from solvers.mpo import Mpo
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.sampling import NO_DRAWS


def state_at(solver: IterativeSolver, logits: Any) -> Any:
    """The state of a run that starts at these logits."""
    match solver:
        case NashMd():
            return logits, 0
        case NashEma():
            return logits, logits
        case Mpo():
            return logits, logits, 0
        case Mnpo():
            return (logits,) * solver.history
        case _:
            return logits


def run(solver: IterativeSolver, game: PreferenceGame, logits: Any, steps: int) -> Float:
    """The policy after these steps."""
    state = state_at(solver, logits)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            state = solver.step(game, state, NO_DRAWS)
    return np.asarray(solver.policy(state))
