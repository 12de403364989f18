"""Iterated best-of-N: tilt the policy by its win rates against itself, then pull it to ref.

Yang et al., Faster WIND: Accelerating Iterative Best-of-N Distillation for LLM Alignment, 2024,
arXiv:2410.20727.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.solver import Certificate, Concept, Solution, require

_STAGES = 60
_NEWTON_STEPS = 30


@dataclass(frozen=True)
class IteratedBestOfN(IterativeSolver):
    """log pi <- (1 - mixing) (log pi + (n_draws - 1) log P pi) + mixing log ref + const.

    Its fixed point log pi = log ref + k log P pi + const, k = (1 - mixing) (n_draws - 1) / mixing,
    is not the regularised equilibrium, in which P pi / tau takes the place of k log P pi. It is
    reached for few draws (n_draws = 2 at mixing .1), not for many (n_draws = 4 cycles on
    rock-paper-scissors); without mixing it collapses or cycles, far from every lottery.

    Attributes
    ----------
    n_draws : int >= 2
        Number of draws, of which the best is imitated.
    mixing : float in [0, 1]
        Share of the reference, in logits, in each step.

    Raises
    ------
    SolverError
        If n_draws or mixing is out of range.
    """

    n_draws: int = 2
    mixing: float = 0.1
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Yang et al. 2024, arXiv:2410.20727"

    def __post_init__(self) -> None:
        require(self, n_draws=(2, 1e6), mixing=(0, 1))

    def target(self, game: PreferenceGame) -> Solution | None:
        """The fixed point, by Newton's method along k; None without mixing (nothing is reached)."""
        if self.mixing == 0:
            return None
        k = (1 - self.mixing) * (self.n_draws - 1) / self.mixing
        log_ref, theta = game.log_ref, game.log_ref
        with np.errstate(all="ignore"):
            for weight in np.linspace(0, 1, _STAGES) ** 2 * k:
                for _ in range(_NEWTON_STEPS):
                    pi = np.exp(numerics.log_softmax(theta))
                    rates = game.win_rates(pi)
                    off = theta - log_ref - weight * numerics.log(rates)
                    tilt = (game.P - rates[..., None]) * (pi[..., None, :] / rates[..., None])
                    change = np.linalg.solve(np.eye(game.n) - weight * tilt, off[..., None])[..., 0]
                    theta = theta - change
                    if not abs(change).max() > 1e-14 * max(1, k):
                        break
        log_policy = numerics.log_softmax(theta)
        off = log_policy - log_ref - k * numerics.log(game.win_rates(np.exp(log_policy)))
        certificate = Certificate(
            "log pi - log ref - k log P pi const", np.ptp(off, axis=-1) / 2, 1e-11 * max(1, k)
        )
        return Solution(log_policy, certificate)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """The logits after the tilt by the win rates and the pull to the reference."""
        log_policy = numerics.log_softmax(state)
        tilted = log_policy + (self.n_draws - 1) * numerics.log(game.win_rates(np.exp(log_policy)))
        return np.asarray((1 - self.mixing) * tilted + self.mixing * game.log_ref)
