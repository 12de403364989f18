"""Online IPO 1: online mirror descent against the current policy (self-play).

Calandriello et al., Human Alignment of Large Language Models through Online Preference
Optimisation, ICML 2024, arXiv:2403.08635; in this form Zhou et al. 2025, arXiv:2503.08942.
"""

from dataclasses import dataclass
from typing import ClassVar

from solvers.mirror_descent import MirrorDescent


@dataclass(frozen=True)
class OnlineIpo1(MirrorDescent):
    """log pi <- (1 - eta tau) log pi + eta tau log ref + eta P pi + const.

    This is a gradient step on E (log-ratio difference of y, y' - [P(y > y'') - P(y' > y'')] /
    tau)^2 with y and y' uniform and y'' ~ pi; a learning rate lr gives eta = 4 lr / (n tau).

    The trap is the step size. The fixed point is the regularised equilibrium for every eta, but it
    is stable only if eta < 2 tau / (tau^2 + omega^2), where omega is the largest modulus of the
    (imaginary) eigenvalues of (P - 1/2)(diag pi - pi pi^T) at that point; with larger steps the
    policy cycles. As omega <= 1/2, the default is stable in every game. Near the fixed point KL
    shrinks by the factor (1 - eta tau)^2 + eta^2 omega^2 in each step.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in (0, 2 / tau], or None for the safe tau / (tau^2 + 1/4)
        Step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step. The policy then hovers
        around the target, at a KL of the order of eta / samples.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    paper: ClassVar[str] = "Calandriello et al. 2024, arXiv:2403.08635"
