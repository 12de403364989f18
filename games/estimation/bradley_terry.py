"""One reward for each answer: the Bradley-Terry model.

Bradley and Terry, Biometrika 1952.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import measures, numerics
from games.certificate import Certificate, Reasons
from games.comparisons import Comparisons
from games.errors import GameError
from games.estimation.estimator import Estimator, Fit
from games.estimation.rewards import (
    fit_rewards,
    mean_weights,
    reward_gradient,
    reward_loss,
    why_infinite,
)
from games.game import PreferenceGame
from games.ranges import require


@dataclass(frozen=True)
class BradleyTerry(Estimator):
    """P_ij = sigmoid(r_i - r_j), with r by maximum likelihood less ridge / 2 |r|^2.

    A pair that was never compared follows from the others, and a cycle cannot be expressed: on one
    whose answers win equally often r = 0 and P = 1/2. The objective is convex. At ridge = 0 the fit
    is infinite where the graph of wins is not strongly connected (Ford's condition); the reason
    names the components.

    Attributes
    ----------
    ridge : float >= 0
        The penalty counts as a Gaussian prior of variance 1 / ridge on each reward: it weighs less
        the more comparisons there are. (``ridge`` of ``rlhf_exact`` is for each comparison.)

    Raises
    ------
    GameError
        If ``ridge`` is out of range.
    """

    ridge: float = 1.0
    paper: ClassVar[str] = "Bradley and Terry 1952"

    def __post_init__(self) -> None:
        require(self, GameError, ridge=(0, np.inf))

    def undefined(self, comparisons: Comparisons) -> Reasons:
        """Why the fit is infinite or not unique, or nothing is compared; "" where it exists."""
        empty = super().undefined(comparisons)
        if self.ridge > 0:
            return empty
        P, pairs = comparisons.shares, comparisons.pairs
        infinite = why_infinite(P, pairs, comparisons.names)
        return np.where(empty == "", infinite, empty)

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        """The fitted rewards as a game, certified by the rewards that its P implies."""
        P, pairs = comparisons.shares, comparisons.pairs
        w = mean_weights(pairs)
        ridge = self.ridge / (pairs.sum((-1, -2)) / 2)
        r = fit_rewards(P, w, ridge)
        fitted = numerics.sigmoid(r[..., :, None] - r[..., None, :])
        game = PreferenceGame(fitted, pairs=pairs, names=comparisons.names)
        r = measures.log_odds(game).mean(-1)
        off = abs(reward_gradient(P, w, ridge, r)).max(-1)
        certificate = Certificate("Bradley-Terry stationarity", off, 1e-10)
        return Fit(game, certificate, reward_loss(P, w, ridge, r)[..., None])
