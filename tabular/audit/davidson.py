"""Ties beside wins: the Davidson model, a Bradley-Terry model of three outcomes.

Davidson, On Extending the Bradley-Terry Model to Accommodate Ties, JASA 1970 (recalled, not
checked).
"""

from dataclasses import dataclass

import numpy as np

from games.comparisons import Comparisons
from games.game import Float

_STEPS = 100
_RIDGE = 1e-6
_NEVER = -40.0


@dataclass(frozen=True)
class Davidson:
    """P(i wins) : P(tie) : P(j wins) = e^(g/2) : nu : e^(-g/2) with g = r_i - r_j.

    Attributes
    ----------
    rewards : float array (n,), summing to 0
    nu : float >= 0
        2 P(tie) / (1 - P(tie)) of two equal answers, over 2: 0 if there are no ties.
    """

    rewards: Float
    nu: float

    def chances(self) -> tuple[Float, Float]:
        """P(i wins) and P(tie), arrays (n, n); the diagonal means nothing."""
        half = (self.rewards[:, None] - self.rewards[None, :]) / 2
        top = np.maximum(abs(half), 0)
        up, down, tie = np.exp(half - top), np.exp(-half - top), self.nu * np.exp(-top)
        total = up + down + tie
        return up / total, tie / total

    def sample(self, pairs: Float, n: int, rng: np.random.Generator) -> Comparisons:
        """N data sets in which each pair is compared as often as ``pairs`` says (n, n)."""
        size = len(pairs)
        i, j = np.triu_indices(size, 1)
        win, tie = (chance[i, j] for chance in self.chances())
        counts = rng.multinomial(
            np.rint(pairs[i, j]).astype(np.int64),
            np.stack([win, tie, np.clip(1 - win - tie, 0, None)], axis=-1),
            size=(n, len(i)),
        )
        wins, ties = np.zeros((2, n, size, size))
        wins[:, i, j], wins[:, j, i] = counts[..., 0], counts[..., 2]
        ties[:, i, j] = ties[:, j, i] = counts[..., 1]
        return Comparisons(wins, ties)


def fit(data: Comparisons) -> Davidson:
    """The maximum likelihood of one context, by Newton's method.

    A penalty of 1e-6 / 2 |r|^2 a comparison keeps the rewards of answers that never win finite.
    """
    wins, ties = data.wins, data.ties
    n = len(wins)
    total = (wins.sum() + ties.sum() / 2) or 1.0
    never_tied = not ties.any()
    theta = np.zeros(n + 1)  # the rewards, then log nu
    theta[n] = _NEVER if never_tied else 0.0
    points = (wins + ties / 2) / total
    share, pairs = (ties / total).sum() / 2, data.pairs / total
    for _ in range(_STEPS):
        model = Davidson(theta[:n], float(np.exp(theta[n])))
        win, tie = model.chances()
        expected = win + tie / 2
        slope = np.append(
            (points - pairs * expected).sum(-1) - _RIDGE * theta[:n],
            share - (pairs * tie).sum() / 2,
        )
        # of the score of i, 1, 1/2 or 0, and of the indicator of a tie
        variance = pairs * (win + tie / 4 - expected**2)
        shared = pairs * tie * (1 / 2 - expected)
        curve = np.zeros((n + 1, n + 1))
        curve[:n, :n] = -variance
        curve[np.arange(n), np.arange(n)] += variance.sum(-1) + _RIDGE
        curve[:n, n] = curve[n, :n] = shared.sum(-1)
        curve[n, n] = (pairs * tie * (1 - tie)).sum() / 2 + _RIDGE
        slope[n] -= _RIDGE * theta[n]
        if never_tied:
            curve[n], curve[:, n], slope[n] = 0, 0, 0
            curve[n, n] = 1
        step = np.linalg.solve(curve, slope)
        theta += step * min(1.0, 2.0 / max(abs(step).max(), 1e-300))
        if abs(step).max() < 1e-12 * max(1.0, abs(theta[:n]).max()):
            break
    rewards = theta[:n] - theta[:n].mean()
    return Davidson(rewards, 0.0 if never_tied else float(np.exp(theta[n])))
