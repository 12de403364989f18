"""Nash-RS: mirror descent against the best response, which is drawn by rejection sampling.

Liu et al., Statistical Impossibility and Possibility of Aligning LLMs with Human Preferences, 2025,
arXiv:2503.10990; taken from its published code, not from the paper.
"""

from dataclasses import dataclass
from typing import ClassVar

from games import measures
from games.game import Float, PreferenceGame
from solvers.iterative import State
from solvers.mirror_descent import MirrorDescent


@dataclass(frozen=True)
class NashRs(MirrorDescent):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta P q + const, q ~ ref exp(P pi / tau).

    q, the best response to pi, is the distribution of a y ~ ref that is accepted with probability
    exp(-P(pi > y) / tau). Near the regularised equilibrium the iteration has real eigenvalues, so
    it does not rotate, and it is stable for eta < 2 tau / (tau^2 + omega^2), with omega as for
    online_ipo_1. That is local: from ``ref`` it can cycle below that limit. A step looks up win
    rates twice; drawing one answer from q would take about exp(1 / (2 tau)) proposals.

    The trap is in the published code. It accepts with probability 1 - exp(-P(pi > y) / tau), which
    favours answers that lose to pi and does not reach the equilibrium; this file does not.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``, for the policy and its opponent.
    eta : float in (0, 2 / tau], or None for the safe tau / (tau^2 + 1/4)
        Step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Accepted opponents with binary labels, for each answer and step; the best response itself
        is exact.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    paper: ClassVar[str] = "Liu et al. 2025, arXiv:2503.10990"

    def opponent(self, game: PreferenceGame, state: State) -> Float:
        """The best response to the policy."""
        return measures.best_response(game, self.policy(state), self.tau)
