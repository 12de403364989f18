"""EGPO: extragradient preference optimisation, a look ahead before every mirror-descent step.

Zhou, Fazel and Du, Extragradient Preference Optimization (EGPO), 2025, arXiv:2503.08942; the same
update with another step size is Nash Mirror Prox, Tiapkin et al. 2025, arXiv:2505.19731.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import estimated_win_rates
from solvers.solver import Concept, Solution, require


@dataclass(frozen=True)
class Egpo(IterativeSolver):
    """phi = base + eta P pi; theta <- base + eta P softmax(phi), base = (1 - eta tau) theta + ...

    base = (1 - eta tau) theta + eta tau log ref serves both halves: the second starts from theta
    too, not from phi. The step size need not shrink with tau: near the regularised equilibrium it
    is stable up to about 1 / omega >= 2 (omega as for online_ipo_1). Nash Mirror Prox takes both
    as proximal steps of size s, which is eta = s / (1 + s tau); its own s = 2 is the default here,
    and KL to the equilibrium then falls at least by 1 + 2 tau a step, from anywhere. EGPO's own
    condition, eta <= 1 / (tau + 3) for a factor 1 - eta tau in KL, is quoted as recalled; it is
    about ten times as strict as observed. With two look-ups of win rates a step, count those.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in [0, 2 / tau]; 0 for 2 / (1 + 2 tau)
        Step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and half step.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = 0.0
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Zhou et al. 2025, arXiv:2503.08942"

    def __post_init__(self) -> None:
        require(self, tau=(1e-12, np.inf), samples=(0, 1e9))
        require(self, eta=(0, 2 / self.tau))

    @property
    def step_size(self) -> float:
        """``eta``, or the default."""
        return self.eta or 2 / (1 + 2 * self.tau)

    def target(self, game: PreferenceGame) -> Solution:
        """The equilibrium at tau."""
        return NlhfExact(self.tau).solve(game)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator | None) -> Float:
        """A half step to look ahead, then the step."""
        eta, tau = self.step_size, self.tau
        base = (1 - eta * tau) * state + eta * tau * game.log_ref
        rates = estimated_win_rates(game, self.policy(state), self.samples, rng)
        ahead = self.policy(base + eta * rates)
        return base + eta * estimated_win_rates(game, ahead, self.samples, rng)
