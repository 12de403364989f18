"""Preference models with embedded answers: the best of several fits by L-BFGS."""

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from games.certificate import Certificate, Reasons
from games.comparisons import Comparisons
from games.errors import GameError
from games.estimation.embeddings import LogisticLoss, projected
from games.estimation.estimator import Estimator, Fit
from games.estimation.rewards import mean_weights
from games.game import Float, PreferenceGame
from games.ranges import require, require_whole

_TOLERANCE = 1e-7


@dataclass(frozen=True)
class Embedded(Estimator, ABC):
    """P = sigmoid(V R V^T), plus rewards where ``with_rewards``; base of such models.

    The loss has several local minima, and a stationary point proves nothing about the others: the
    fit is the best of ``starts``. The first start is the projection of the observed log-odds, the
    others are drawn, the same for every context.
    """

    dim: int = 2
    ridge: float = 1.0
    starts: int = 4
    with_rewards: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self, GameError, ridge=(0, np.inf))
        least = 0 if self.with_rewards else 2
        require_whole(self, GameError, dim=range(least, 2**31, 2), starts=range(1, 2**31))

    @property
    def draws(self) -> bool:
        """Whether there are starts beside the projection."""
        return self.starts > 1

    def undefined(self, comparisons: Comparisons) -> Reasons:
        """Why the fit is not known to exist at ridge = 0: a pair without a win each way."""
        empty = super().undefined(comparisons)
        if self.ridge > 0:
            return empty
        points, names = comparisons.points, comparisons.names
        n = points.shape[-1]
        reasons = empty.astype(object)
        without = (points == 0) & ~np.eye(n, dtype=bool)
        for context in map(tuple, np.argwhere(without.any((-1, -2)) & (empty == ""))):
            i, j = np.argwhere(without[context])[0]
            reasons[context] = (
                f"{names[i]} never won against {names[j]}, so that log-odds may be infinite or "
                "unknown; set ridge > 0"
            )
        return reasons.astype(np.str_)

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        """The fit of lowest loss, context by context."""
        P, pairs = comparisons.shares, comparisons.pairs
        batch, n = P.shape[:-2], P.shape[-1]
        columns = self.dim + self.with_rewards
        drawn = [] if rng is None else list(rng.normal(size=(self.starts - 1, n, columns)))
        first = self._projection(comparisons).reshape(-1, n, columns)
        tables, w = P.reshape(-1, n, n), mean_weights(pairs).reshape(-1, n, n)
        total = pairs.reshape(-1, n, n).sum((-1, -2)) / 2
        fitted = np.zeros(tables.shape)
        losses, off = np.zeros((len(tables), self.starts)), np.zeros(len(tables))
        for k in range(len(tables)):
            loss = LogisticLoss(tables[k], w[k], self.ridge / total[k], self.dim)
            points = [loss.minimised(start) for start in [first[k], *drawn]]
            losses[k] = [loss.at(point)[0] for point in points]
            best = points[int(np.argmin(losses[k]))]
            fitted[k] = expit(loss.log_odds(best))
            off[k] = abs(loss.at(best)[1]).max()
        game = PreferenceGame(fitted.reshape(P.shape), pairs=pairs, names=comparisons.names)
        condition = f"stationarity of the best of {self.starts} starts"
        certificate = Certificate(condition, off.reshape(batch), _TOLERANCE)
        return Fit(game, certificate, losses.reshape(*batch, self.starts))

    def _projection(self, comparisons: Comparisons) -> Float:
        """The observed log-odds as rewards and nearest embeddings; half a win where there is none.

        The rewards are the row means, so that the embeddings have to explain the cycles only.
        """
        wins = comparisons.points
        losses = np.swapaxes(wins, -1, -2)
        added = np.where((wins > 0) & (losses > 0), 0.0, 0.5)
        S = np.log(wins + added) - np.log(losses + added)
        if not self.with_rewards:
            return projected(S, self.dim)
        r = S.mean(-1)
        V = projected(S - r[..., :, None] + r[..., None, :], self.dim)
        return np.concatenate([V, r[..., None]], axis=-1)
