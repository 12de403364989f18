"""What methods of mirror descent on win rates share: parameters, step size, target and step."""

from abc import ABC
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver, State
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import SAMPLES, estimated_win_rates
from solvers.solver import Concept, Open, Solution, require


@dataclass(frozen=True)
class MirrorDescent(IterativeSolver, ABC):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta P q + const, q the ``opponent``.

    A method of the family overrides ``opponent`` or ``step``. Its limit, and the step size up to
    which it is stable, depend on the opponent and are given in its docstring.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in (0, 2 / tau], or None for ``default_step``
        Step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float | None = None
    samples: int = field(default=0, kw_only=True)
    concept: ClassVar[Concept] = "nlhf"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), samples=SAMPLES)
        require(self, eta=(Open(0), 2 / self.tau))

    @property
    def default_step(self) -> float:
        """The step size tau / (tau^2 + 1/4): half the limit of self-play in any game."""
        return self.tau / (self.tau**2 + 0.25)

    @property
    def step_size(self) -> float:
        """``eta``, or the default where that is None."""
        return self.default_step if self.eta is None else self.eta

    def target(self, game: PreferenceGame) -> Solution:
        """The regularised equilibrium at tau."""
        return NlhfExact(self.tau).solve(game)

    def opponent(self, game: PreferenceGame, state: State) -> Float:
        """Policy (..., n) that answers are compared with; by default the current one."""
        return self.policy(state)

    def descend(
        self, game: PreferenceGame, theta: Float, opponent: Float, rng: np.random.Generator
    ) -> Float:
        """The logits after one step from the logits ``theta``."""
        eta, tau = self.step_size, self.tau
        rates = estimated_win_rates(game, opponent, self.samples, rng)
        return (1 - eta * tau) * theta + eta * tau * game.log_ref + eta * rates

    def step(self, game: PreferenceGame, state: State, rng: np.random.Generator) -> State:
        """One step of mirror descent against the opponent."""
        return self.descend(game, state, self.opponent(game, state), rng)
