"""My solver: what it is, by whom, where.

Authors, title, year, arXiv id or venue.

Try it:  prefgames check my_solver.py
Run it:  prefgames run quick --solver my_solver.py
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Concept, Open, Solution, require


# The class is the file's name in CamelCase. Its fields are the parameters, each with a default;
# they can be set on the command line (-p tau=0.2) and in specs.
@dataclass(frozen=True)
class MySolver(IterativeSolver):
    """log pi <- (1 - step) log pi + step (log ref + P pi / tau) + const.

    A damped best response: say here what it converges to, what it does not, and where it cycles.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``, in payoff units.
    damping : float in (0, 1], or None for the safe tau^2 / (tau^2 + 1/4)
        How far to go towards the best response.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    damping: float | None = None

    # The claims; `prefgames check` tests them.
    concept: ClassVar[Concept] = "nlhf"  # or "rlhf", "slhf", "other"
    paper: ClassVar[str] = "unpublished"  # authors, year, arXiv id or venue
    # iterate: ClassVar = "last"   # or "average", "none": which iterate approaches the target

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), damping=(Open(0), 1))

    # What it converges to with these parameters, by another route; None if that is not known.
    def target(self, game: PreferenceGame) -> Solution:
        """The regularised equilibrium, from the exact solver."""
        return NlhfExact(self.tau).solve(game)

    # The state starts as the log of the reference; override `init(self, game, rng)` to carry more,
    # a tuple that begins with the logits. Leading axes are contexts: use the last axis for answers,
    # and never change `state` in place. Draw only from `rng`, and then let the property `draws` be
    # True.
    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """One step towards the best response."""
        safe = self.tau**2 / (self.tau**2 + 0.25)
        damping = safe if self.damping is None else self.damping
        rates = game.win_rates(self.policy(state))  # rates[i]: how often i is preferred to a draw
        return (1 - damping) * state + damping * (game.log_ref + rates / self.tau)
