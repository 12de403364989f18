"""A game stored as factors instead of a table, for more answers than a table can have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from games import numerics
from games.errors import GameError
from games.game import DENSE_LIMIT, Float, PreferenceGame
from games.validation import frozen

_BLOCK = 1 << 24


@dataclass(frozen=True, init=False, eq=False, repr=False)
class ScoreGame(PreferenceGame):
    """A preference game with P[i, j] = link(x_i' R x_j) and skew R.

    The link is 1/2 + score ("linear") or sigmoid(score) ("logistic"). Rows are computed on
    demand; ``P`` itself is refused above 5,000 answers. A Bradley-Terry game is the logistic case
    with x = (reward, 1). One context only; pairs are uniform.

    Attributes
    ----------
    X : float array (n, d)
        Features of the answers.
    R : float array (d, d), R = -R^T
        How the features of two answers interact.
    link : "linear" or "logistic"

    Raises
    ------
    GameError
        If R is not skew, shapes do not fit, or a linear score leaves [-1/2, 1/2].
    """

    X: Float
    R: Float
    link: Literal["linear", "logistic"]

    def __init__(
        self,
        X: ArrayLike,
        R: ArrayLike,
        link: Literal["linear", "logistic"],
        ref: ArrayLike | None = None,
        names: Sequence[str] = (),
    ) -> None:
        if link not in ("linear", "logistic"):
            raise GameError(f"ScoreGame: link is {link!r}, expected 'linear' or 'logistic'")
        features, meet = frozen("ScoreGame: X", X), frozen("ScoreGame: R", R)
        if features.ndim != 2 or features.size == 0 or meet.shape != (features.shape[1],) * 2:
            raise GameError(
                f"ScoreGame: X {features.shape} and R {meet.shape} must be (n, d) and (d, d)"
            )
        finite = np.isfinite(features).all() and np.isfinite(meet).all()
        if not (finite and np.array_equal(meet, -meet.T)):
            raise GameError(
                "ScoreGame: X and R must be finite and R skew-symmetric: use (R - R^T) / 2"
            )
        for name, value in (("X", features), ("R", meet), ("link", link)):
            object.__setattr__(self, name, value)
        n = features.shape[0]
        self._finish((), n, ref, None, None, names, None, ())
        if link == "linear":
            for start in range(0, n, max(1, _BLOCK // n)):
                worst = abs(self._scores(slice(start, start + max(1, _BLOCK // n)))).max()
                if not worst <= 0.5 + 1e-9:
                    raise GameError(
                        f"ScoreGame: a linear score reaches {worst:.6g}, expected at most 1/2; "
                        "scale X down or use the logistic link"
                    )

    def _scores(self, i: Any) -> Float:
        return np.asarray(self.X[i] @ self.R @ self.X.T)

    @property  # type: ignore[misc]  # made from factors, never stored
    def P(self) -> Float:
        """The table (n, n), computed anew at each access; a GameError above 5,000 answers."""
        if self.n > DENSE_LIMIT:
            raise GameError(
                f"ScoreGame: a table of {self.n} x {self.n} answers is too large "
                f"(limit {DENSE_LIMIT}); read game.rows(i) or game.win_rates(policy)"
            )
        return self.rows(slice(None))

    def rows(self, i: Any) -> Float:
        """Rows ``i`` of P, computed from the factors; shape (..., i, n)."""
        scores = self._scores(i)
        if self.link == "logistic":
            return np.asarray(numerics.sigmoid(scores))
        return np.clip(0.5 + scores, 0, 1)

    def win_rates(self, policy: ArrayLike) -> Float:
        """(P pi)_i, from the factors (linear) or from blocks of rows (logistic)."""
        pi = np.asarray(policy, dtype=np.float64)
        if self.link == "linear":
            return np.asarray(0.5 * pi.sum(-1) + self.X @ (self.R @ (self.X.T @ pi)))
        block = max(1, _BLOCK // self.n)
        starts = range(0, self.n, block)
        return np.concatenate([self.rows(slice(s, s + block)) @ pi for s in starts])

    def at(self, index: Any) -> PreferenceGame:
        """Raise a GameError: a score game has a single context."""
        raise GameError("ScoreGame: there is one context; build one game a context")

    def _table(self) -> dict[str, Float]:
        return {"X": self.X, "R": self.R, "logistic": np.array(float(self.link == "logistic"))}
