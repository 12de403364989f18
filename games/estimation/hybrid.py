"""A reward and a cyclic term: Bradley-Terry plus the general preference model.

Huang et al., Transitivity Meets Cyclicity, ICML 2026, arXiv:2605.17342, call the sum of a scalar
and a cyclic vector part HRC. The formula is recalled from summaries of that paper, not checked.
"""

from dataclasses import dataclass
from typing import ClassVar

from games.estimation.embedded import Embedded


@dataclass(frozen=True)
class Hybrid(Embedded):
    """P_ij = sigmoid(r_i - r_j + (V R V^T)_ij), by penalised maximum likelihood.

    It contains ``bradley_terry`` (dim = 0) and ``general``, and is ``general`` with two numbers
    more of which one is the constant 1. dim = 2 expresses a Condorcet winner or loser beside a
    3-cycle. Nothing makes the two terms orthogonal: V may express part of a reward too.

    Attributes
    ----------
    dim : even int >= 0
        Numbers for each answer beside its reward.
    ridge : float >= 0
        The penalty counts as a Gaussian prior of variance 1 / ridge on each number. At 0 a
        context is fitted only where every pair was won each way: else it may be infinite.
    starts : int >= 1
        From how many points to minimise: the projection of the observed log-odds, and drawn ones.

    Raises
    ------
    GameError
        If a parameter is out of range.
    """

    with_rewards: ClassVar[bool] = True
    paper: ClassVar[str] = "Huang et al. 2026, arXiv:2605.17342 (recalled)"
