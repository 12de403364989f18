"""The general preference model: answers embedded so that cycles can be expressed.

Zhang et al., Beyond Bradley-Terry Models: A General Preference Model for Language Model Alignment,
ICML 2025, arXiv:2410.02197.
"""

from dataclasses import dataclass
from typing import ClassVar

from games.estimation.embedded import Embedded


@dataclass(frozen=True)
class General(Embedded):
    """P = sigmoid(V R V^T), with V (n, dim) by maximum likelihood less ridge / 2 |V|^2.

    R consists of quarter turns of pairs of coordinates, and the rows of V are not normalised (the
    paper's may be). dim = 2 expresses every 3-cycle and every Bradley-Terry model (one coordinate
    constant), but no Condorcet winner or loser beside a 3-cycle; dim >= n - 1 expresses everything.
    Pairs that were never compared follow from the embeddings of the others.

    Attributes
    ----------
    dim : even int >= 2
        Numbers for each answer.
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

    paper: ClassVar[str] = "Zhang et al. 2024, arXiv:2410.02197"
