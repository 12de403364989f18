"""Nash-MD: mirror descent against the geometric mixture of the policy and the reference.

Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886, Eqs. (3)-(5), Thm. 1.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nash_md_pg import NashMdPg
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import SAMPLES, estimated_win_rates
from solvers.solver import Concept, Open, Solution, require

Schedule = Literal["constant", "decreasing"]


@dataclass(frozen=True)
class NashMd(IterativeSolver):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta P m + const, against a mixture m.

    m is proportional to pi^(1 - mixing) ref^mixing. In the paper mixing = eta tau, and the policy
    moves from m: log pi <- log m + eta P m. With constant ``eta`` it settles at the best response
    to m* = the equilibrium at tau / (1 - mixing), not at the equilibrium itself, because m and not
    pi is the opponent; the bias in KL grows like mixing^2, and a large eta cycles at small tau.
    With decreasing steps eta_t = 2 / (tau (t + 2)) and their mixing KL(equilibrium | pi_t) <=
    8 / (tau^2 (t + 1)) (Theorem 1; observed is about 1 / t^2), so it never settles to the
    tolerance. The simulation published with EGPO (arXiv:2503.08942) steps by eta = 4 lr / (n tau)
    and mixes by half of eta tau, 2 lr / n.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``. TRL calls it beta.
    eta : float in (0, 1 / tau)
        Constant step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step.
    schedule : "constant" or "decreasing"
        Whether steps have the size ``eta``, or the decreasing one of Theorem 1.
    mixing : float in [0, 1], or None for eta tau
        Weight of the reference in the opponent's logits; TRL calls it mixture_coef. 0 is
        online_ipo_1.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = 0.5
    samples: int = 0
    schedule: Schedule = "constant"
    mixing: float | None = None
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Munos et al. 2023, arXiv:2312.00886"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), samples=SAMPLES, mixing=(0, 1))
        require(self, eta=(Open(0), Open(1 / self.tau)))
        if self.schedule not in get_args(Schedule):
            raise SolverError(
                f"NashMd: schedule is {self.schedule!r}, expected 'constant' or 'decreasing'"
            )

    def target(self, game: PreferenceGame) -> Solution:
        """The best response to m*; with decreasing steps and their mixing the equilibrium."""
        if self.mixing is not None:
            return NashMdPg(self.tau, self.mixing).target(game)
        if self.schedule == "decreasing":
            return NlhfExact(self.tau).solve(game)
        return NashMdPg(self.tau, self.eta * self.tau).target(game)

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, int]:
        """Log of the reference, and the number of steps taken."""
        return game.log_ref, 0

    def step(
        self, game: PreferenceGame, state: tuple[Float, int], rng: np.random.Generator
    ) -> tuple[Float, int]:
        """One step of mirror descent against the mixture."""
        theta, t = state
        eta = self.eta if self.schedule == "constant" else 2 / (self.tau * (t + 2))
        log_ref, pull = game.log_ref, eta * self.tau
        start = numerics.log_softmax((1 - pull) * theta + pull * log_ref)
        log_mix = start
        if self.mixing is not None:
            log_mix = numerics.log_softmax((1 - self.mixing) * theta + self.mixing * log_ref)
        rates = estimated_win_rates(game, np.exp(log_mix), self.samples, rng)
        return start + eta * rates, t + 1
