"""Self-play multiplicative weights (Hedge): mirror descent on the game without a reference.

Freund and Schapire, Adaptive Game Playing Using Multiplicative Weights, Games and Economic
Behavior 29, 1999. The exact form of SPO (arXiv:2401.04056), DNO (arXiv:2404.03715) and REBEL with
reward P pi (arXiv:2404.16767).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from games import measures, numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver, State
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import SAMPLES, estimated_win_rates
from solvers.solver import Concept, Open, Solution, require


@dataclass(frozen=True)
class SelfPlayMwu(IterativeSolver):
    """log pi <- log pi + eta P pi + const, from ``ref``; the answer is the average of the iterates.

    The average has gap at most 2 log(1 / min ref) / (eta t) + eta / 4. It approaches the set of
    maximal lotteries; where there are several it need not be the one nearest to ``ref``. The last
    iterate does not converge. On a cycle it spirals to the boundary, where, at large steps, it
    stays near a vertex for so long that it seems to have settled; the residual is therefore the
    duality gap of the average.

    Attributes
    ----------
    eta : float in (0, 1000]
        Step size in payoff units. The bound is least at sqrt(8 log(1 / min ref) / t).
    samples : int >= 0
        Sampled opponents with binary labels for each answer and step; 0 for exact win rates.

    Raises
    ------
    SolverError
        If eta or samples is out of range.
    """

    eta: float = 0.1
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Freund and Schapire 1999, Games and Economic Behavior 29"
    iterate: ClassVar[Literal["last", "average", "none"]] = "average"

    def __post_init__(self) -> None:
        require(self, eta=(Open(0), 1e3), samples=SAMPLES)

    def target(self, game: PreferenceGame) -> Solution:
        """A maximal lottery; compare gaps, because there may be others."""
        return NlhfExact(0.0).solve(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, ...]:
        """Log of the reference, and the sum of no policies."""
        return game.log_ref, np.zeros_like(game.log_ref)

    def step(
        self, game: PreferenceGame, state: tuple[Any, ...], rng: np.random.Generator
    ) -> tuple[Float, ...]:
        """One step of mirror descent against the policy itself."""
        log_policy, total = state
        rates = estimated_win_rates(game, np.exp(log_policy), self.samples, rng)
        log_policy = numerics.log_softmax(log_policy + self.eta * rates)
        return log_policy, total + np.exp(log_policy)

    def policy(self, state: State) -> Float:
        """The last iterate; ``drive`` averages."""
        return np.asarray(np.exp(state[0]))

    def residual(self, game: PreferenceGame, before: State, after: State) -> Float:
        """Duality gap of the average of the iterates."""
        total = after[1]
        return measures.duality_gap(game, total / total.sum(-1, keepdims=True))
