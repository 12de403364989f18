"""``Estimator``, the interface of every preference model, and ``Fit``, what it returns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from games import numerics
from games.certificate import Certificate, Reasons
from games.comparisons import Comparisons
from games.errors import GameError
from games.game import Float, PreferenceGame


@dataclass(frozen=True)
class Fit:
    """An estimated game, and what is known of the optimum that it stands for.

    Attributes
    ----------
    game : PreferenceGame
        The estimate, with the counts of comparisons as ``pairs`` and a uniform reference.
    certificate : Certificate
        How nearly the estimate is stationary: the largest entry of the objective's gradient per
        comparison. It is no proof of a global optimum, unless the objective is convex.
    losses : float array (..., s)
        The objective per comparison after each of s starts, in nats; the fit is the best of them.
    """

    game: PreferenceGame
    certificate: Certificate
    losses: Float

    @property
    def spread(self) -> Float:
        """How far the starts ended from one another: largest less smallest loss; (...)."""
        return np.asarray(self.losses.max(-1) - self.losses.min(-1))


class Estimator(ABC):
    """A preference model; subclasses are frozen dataclasses, whose fields are hyper-parameters.

    Subclasses write ``compute``. All contexts are fitted at once, each by itself.

    Attributes
    ----------
    paper : str
        Authors, year, arXiv id or venue.
    """

    paper: ClassVar[str] = ""

    if TYPE_CHECKING:  # subclasses are dataclasses: their fields are the keywords

        def __init__(self, *args: Any, **params: Any) -> None: ...

    @abstractmethod
    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        """The fit to comparisons whose every context has one."""

    def fit(
        self, comparisons: Comparisons, rng: np.random.Generator | None = None
    ) -> PreferenceGame:
        """The estimated game of every context.

        Its reference is uniform: give another one with ``PreferenceGame(game.P, ref, ...)``.

        Raises
        ------
        GameError
            If some context has no fit (see ``undefined``), or the estimator draws and ``rng`` is
            None.
        """
        return self.fitted(comparisons, rng).game

    def fitted(self, comparisons: Comparisons, rng: np.random.Generator | None = None) -> Fit:
        """The estimated game of every context, with its certificate; raises as ``fit`` does."""
        name = type(self).__name__
        reasons = np.ravel(self.undefined(comparisons))
        without = np.flatnonzero(reasons != "")
        if without.size:
            raise GameError(
                f"{name}: {without.size} of {reasons.size} contexts have no fit; "
                f"context {without[0]}: {reasons[without[0]]}"
            )
        if self.draws and rng is None:
            raise GameError(f"{name} draws its starts: give rng, e.g. numpy.random.default_rng(0)")
        return self.compute(comparisons, rng)

    @property
    def draws(self) -> bool:
        """Whether ``fit`` needs an ``rng``."""
        return False

    def undefined(self, comparisons: Comparisons) -> Reasons:
        """Why a context has no fit, e.g. an infinite one; "" where it has one."""
        empty = comparisons.pairs.sum((-1, -2)) == 0
        return np.where(empty, "nothing is compared; drop the context", "")


def log_loss(game: PreferenceGame, comparisons: Comparisons) -> Float:
    """Mean of -log P(winner) over the comparisons, in nats, [0, inf]; shape (...).

    A tie counts half to each side. A guess of 1/2 has log 2 = .693; a comparison that the game
    gives probability 0 makes it infinite. NaN in a context without comparisons.
    """
    wins = comparisons.points
    total = wins.sum((-1, -2))
    loss = np.where(wins > 0, -numerics.log(np.where(wins > 0, game.P, 1.0)), 0.0)
    summed = (wins * loss).sum((-1, -2))
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan))
