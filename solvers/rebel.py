"""REBEL: regress the change of the policy's log-ratios onto differences of reward.

Gao et al., REBEL: Reinforcement Learning via Regressing Relative Rewards, NeurIPS 2024,
arXiv:2404.16767, Algorithm 1.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.reward_ascent import RewardAscent
from solvers.sampling import SAMPLES
from solvers.solver import Open, require


@dataclass(frozen=True)
class Rebel(RewardAscent):
    """pi_{t+1} minimises E ((log p(y)/pi_t(y) - log p(y')/pi_t(y')) / eta - (r(y) - r(y')))^2.

    With every pair in the regression that is log pi <- log pi + eta r + const, the natural policy
    gradient without a KL penalty. The trap: it converges to argmax r, where ``ref`` matters only
    for how tied answers share, so only stopping regularises. After t steps the policy is exactly
    the RLHF answer at tau = 1 / (eta t). r is the Bradley-Terry reward under
    ``game.pairs``. With the reward P pi_t in place of r it is multiplicative weights.

    With samples = k > 0 each step draws k pairs y, y' ~ pi_t and takes the solution of least norm:
    answers linked by drawn pairs move exactly, and an answer in no pair keeps its logit. Rare
    answers then hardly ever move, and of two good ones the likelier may win.

    Attributes
    ----------
    eta : float > 0
        Step size in reward units.
    samples : int >= 0
        Pairs drawn in each step; 0 for the regression over all pairs.

    Raises
    ------
    SolverError
        If eta or samples is out of range.
    """

    eta: float = 1.0
    samples: int = 0
    paper: ClassVar[str] = "Gao et al. 2024, arXiv:2404.16767"

    def __post_init__(self) -> None:
        require(self, eta=(Open(0), np.inf), samples=SAMPLES)

    def step(
        self, game: PreferenceGame, state: tuple[Float, Float], rng: np.random.Generator
    ) -> tuple[Float, Float]:
        """The state after an exact regression, over all pairs or over the drawn ones."""
        log_pi, r = state
        change = self.eta * r
        if self.samples > 0:
            pi = np.exp(log_pi)
            both = (pi[..., :, None] * pi[..., None, :]).reshape(*game.batch, -1)
            drawn = rng.multinomial(self.samples, both / both.sum(-1, keepdims=True))
            pairs = drawn.reshape(*game.batch, game.n, game.n)
            laplacian = -(pairs + np.swapaxes(pairs, -1, -2)) * (1.0 - np.eye(game.n))
            laplacian = laplacian - np.eye(game.n) * laplacian.sum(-1)[..., None]
            fit = np.linalg.pinv(laplacian, rcond=1e-9, hermitian=True) @ laplacian
            change = (fit @ change[..., None])[..., 0]
        return numerics.log_softmax(log_pi + change), r
