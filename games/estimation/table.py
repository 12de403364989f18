"""The table of observed win rates, smoothed."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games.certificate import Certificate
from games.comparisons import Comparisons
from games.errors import GameError
from games.estimation.estimator import Estimator, Fit, log_loss
from games.game import PreferenceGame
from games.ranges import require


@dataclass(frozen=True)
class Table(Estimator):
    """P = (wins + ties / 2 + prior) / (pairs + 2 prior); 1/2 for a pair that was never compared.

    Every pair is estimated by itself, so that nothing is learnt of one from the others. The mean
    under a Beta(prior, prior) distribution, and the maximum likelihood at prior = 0.

    Attributes
    ----------
    prior : float >= 0
        Comparisons added to each side of each pair; 1 is Laplace's rule of succession, 1/2 that
        of Krichevsky and Trofimov. ``Fit.losses`` leaves the prior out: they are the log-loss. At 0
        a pair with one winner is certain, and a log-loss on other comparisons may be infinite.

    Raises
    ------
    GameError
        If ``prior`` is out of range.
    """

    prior: float = 1.0
    paper: ClassVar[str] = "Laplace 1774, the rule of succession"

    def __post_init__(self) -> None:
        require(self, GameError, prior=(0, np.inf))

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        """The smoothed win rates, exact by their formula."""
        pairs = comparisons.pairs
        total = pairs + 2 * self.prior
        wins = comparisons.points + self.prior
        P = np.divide(wins, total, out=np.full(total.shape, 0.5), where=total > 0)
        game = PreferenceGame(P, pairs=pairs, names=comparisons.names)
        exact = Certificate("closed form", np.zeros(game.batch), 0.0)
        return Fit(game, exact, log_loss(game, comparisons)[..., None])
