"""My estimator: what it assumes, by whom, where.

Authors, title, year, arXiv id or venue.

Try it:  prefgames check my_estimator.py
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.certificate import Certificate, Reasons
from games.comparisons import Comparisons
from games.errors import GameError
from games.estimation import Estimator, Fit, log_loss
from games.estimation.bradley_terry import BradleyTerry
from games.estimation.table import Table
from games.game import PreferenceGame
from games.ranges import require


# The class is the file's name in CamelCase. Its fields are the parameters, each with a default.
@dataclass(frozen=True)
class MyEstimator(Estimator):
    """P = (1 - weight) P_table + weight P_Bradley-Terry.

    Say here what the model can express, and what becomes of pairs that were never compared.

    Attributes
    ----------
    weight : float in [0, 1]
        Share of the Bradley-Terry fit.

    Raises
    ------
    GameError
        If ``weight`` is out of range.
    """

    weight: float = 0.5

    # The claims; `prefgames check` tests them.
    paper: ClassVar[str] = "unpublished"  # authors, year, arXiv id or venue

    def __post_init__(self) -> None:
        require(self, GameError, weight=(0, 1))

    # Why a context has no fit, "" where it has one. Leave the method out if every context that has
    # comparisons can be fitted: then the base class says it all.
    def undefined(self, comparisons: Comparisons) -> Reasons:
        """Where one of the two parts has no fit."""
        return BradleyTerry().undefined(comparisons)

    # Leading axes are contexts. Draw only from `rng`, and then let the property `draws` be True.
    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        """The two fits, averaged."""
        parts = Table().fit(comparisons).P, BradleyTerry().fit(comparisons).P
        P = (1 - self.weight) * parts[0] + self.weight * parts[1]
        game = PreferenceGame(P, pairs=comparisons.pairs, names=comparisons.names)
        # What was checked of the optimum, in numbers: here there is none to search for.
        certificate = Certificate("closed form, given its parts", np.zeros(game.batch), 0.0)
        # The loss from each start, along the last axis: here from one.
        return Fit(game, certificate, log_loss(game, comparisons)[..., None])
