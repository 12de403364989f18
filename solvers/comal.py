"""COMAL's conceptual algorithm: the proximal point method, each step a regularised equilibrium.

Liu et al., COMAL: A Convergent Meta-Algorithm for Aligning LLMs with General Preferences, 2024,
arXiv:2410.23223.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.game import Float, PreferenceGame
from solvers.exact.regularized_nash import regularized_nash
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Concept, Open, Solution, require


@dataclass(frozen=True)
class Comal(IterativeSolver):
    """log pi' = log pi + P pi' / tau + const: the equilibrium with penalty tau KL(. | pi).

    A step is one such equilibrium, solved exactly by Newton's method (the implicit equation has
    pi' on both sides). The paper's practical form solves it by some steps of INPO, which is ``Mpo``
    with eta / (1 - eta tau) for eta. KL from any maximal lottery never grows, for every tau > 0;
    a small tau takes long steps. Where the lottery is unique the rate is linear, but answers
    outside it die out only at the pace of their margins over tau. Where there are several, the
    limit from ``ref`` is the one nearest to ``ref`` in KL if each answer belongs to one; otherwise
    the answers that die out leave a trace, and it is another one, not that of ``Mpo`` either.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to the previous policy.

    Raises
    ------
    SolverError
        If tau is out of range.
    """

    tau: float = 0.1
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Liu et al. 2024, arXiv:2410.23223"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf))

    def target(self, game: PreferenceGame) -> Solution:
        """The maximal lottery, where it is unique or every answer belongs to one."""
        return NlhfExact(0.0).solve(game)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """Logits of the equilibrium regularised towards the current policy, in double precision."""
        n = game.n
        P, log_pi = game.P.reshape(-1, n, n).astype(float), state.reshape(-1, n).astype(float)
        nearest, _ = regularized_nash(P, log_pi, self.tau)
        return np.asarray(nearest.reshape(state.shape).astype(state.dtype))
