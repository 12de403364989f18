"""Several groups of raters with a reward each: a mixture of Bradley-Terry models by EM.

Dempster, Laird and Rubin, J. Royal Statistical Society B 1977; used for populations of raters by
Chakraborty et al., MaxMin-RLHF, 2024, arXiv:2402.08925.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.certificate import Certificate, Reasons
from games.comparisons import Comparisons
from games.errors import GameError
from games.estimation.estimator import Estimator, Fit
from games.estimation.rewards import newton_step, reward_gradient, why_infinite
from games.game import Float, PreferenceGame
from games.population import Population
from games.ranges import require, require_whole

_MAX_STEPS = 3_000
_TOLERANCE = 1e-7


@dataclass(frozen=True)
class Mixture(Estimator):
    """P_ij = sum_k share_k sigmoid(r_ki - r_kj): each rater belongs to one of ``k`` groups.

    Which group is not observed. Expectation maximisation alternates between the probabilities of
    the groups for each rater and, with these as weights, the shares and a step of the Bradley-Terry
    fit of each group; the likelihood less its penalty never falls. It has several maxima: the
    fit is the best of ``starts``. The game has the groups as its ``population``, with rewards as
    utilities and the largest group first; P is the mean of their probabilities, not their vote.

    Attributes
    ----------
    k : int >= 1
    ridge : float >= 0
        The penalty counts as a Gaussian prior of variance 1 / ridge on each reward of each group.
        At 0 a context is fitted only where the wins of every rater are strongly connected: else it
        may be infinite.
    starts : int >= 1
        From how many random assignments of the raters to begin.

    Raises
    ------
    GameError
        If a parameter is out of range.
    """

    k: int = 2
    ridge: float = 1.0
    starts: int = 4
    paper: ClassVar[str] = "Dempster, Laird and Rubin 1977; Chakraborty et al. 2024"

    def __post_init__(self) -> None:
        require(self, GameError, ridge=(0, np.inf))
        require_whole(self, GameError, k=range(1, 2**31), starts=range(1, 2**31))

    @property
    def draws(self) -> bool:
        """Whether there are groups to assign raters to."""
        return self.k > 1

    def undefined(self, comparisons: Comparisons) -> Reasons:
        """Why there is no fit: raters unknown or, at ridge = 0, one whose rewards are infinite."""
        reasons = super().undefined(comparisons)
        if comparisons.raters is None:
            return np.full(reasons.shape, "it is not known who compared; use Comparisons.by_rater")
        if comparisons.ties.any():
            unknown = "it is not known whose the ties are; count each as half a win each way"
            return np.full(reasons.shape, unknown)
        if self.ridge > 0:
            return reasons
        for rater, wins in enumerate(comparisons.raters):
            why = why_infinite(wins, wins + np.swapaxes(wins, -1, -2), comparisons.names)
            why = np.where(why == "", "", np.char.add(f"rater {rater}: ", why))
            reasons = np.where(reasons == "", why, reasons)
        return reasons

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        """The fit of highest likelihood, context by context."""
        assert comparisons.raters is not None  # else ``undefined`` gives the reason
        m, n = len(comparisons.raters), comparisons.wins.shape[-1]
        batch = comparisons.wins.shape[:-2]
        raters = np.moveaxis(comparisons.raters.reshape(m, -1, n, n), 1, 0)
        size = (self.starts, self.k, m)
        first = np.ones(size) if rng is None or not self.draws else rng.exponential(size=size)
        first /= first.sum(1, keepdims=True)
        fits = [_best(wins, first, self.ridge) for wins in raters]
        shares, rewards, losses, off = (np.stack(parts) for parts in zip(*fits, strict=True))
        shares, rewards = (x.reshape(*batch, *x.shape[1:]) for x in (shares, rewards))
        gaps = rewards[..., :, None] - rewards[..., None, :]
        P = (shares[..., None, None] * numerics.sigmoid(gaps)).sum(-3)
        people = Population(shares, rewards)
        game = PreferenceGame(
            P, pairs=comparisons.pairs, names=comparisons.names, population=people
        )
        condition = f"stationarity of the best of {self.starts} starts"
        certificate = Certificate(condition, off.reshape(batch), _TOLERANCE)
        return Fit(game, certificate, losses.reshape(*batch, self.starts))


@dataclass(frozen=True)
class State:
    """Estimates from s starts, for one context.

    Attributes
    ----------
    shares : float array (s, k)
    rewards : float array (s, k, n)
    loss : float array (s,)
        Mean of -log likelihood over the comparisons, plus ridge / 2 |r|^2 over their number.
    residual : float array (s,)
        How far from stationary: the largest entry of the gradient of the loss by rewards, or the
        largest difference of a share to the mean probability of its group.
    """

    shares: Float
    rewards: Float
    loss: Float
    residual: Float


def expectation_maximisation(wins: Float, groups: Float, ridge: float) -> Iterator[State]:
    """The estimates of EM until all starts are stationary, or for 3,000 rounds.

    Parameters
    ----------
    wins : float array (m, n, n)
        By rater.
    groups : float array (s, k, m)
        Probabilities of the groups for each rater, at the starts.
    ridge : float >= 0
    """
    total, active = wins.sum(), wins.any((-1, -2))
    penalty = np.full(groups.shape[:-1], ridge / total)
    r = np.zeros((*groups.shape[:-1], wins.shape[-1]))
    P, w = _weighted(wins, groups)
    for _ in range(_MAX_STEPS):
        shares = groups[..., active].mean(-1)
        r = newton_step(P, w, penalty, r)
        log_joint = numerics.log(shares)[..., None] + _log_likelihood(wins, r)
        log_marginal = numerics.logsumexp(log_joint, axis=1)
        groups = np.exp(log_joint - log_marginal[:, None])
        P, w = _weighted(wins, groups)
        loss = (ridge / 2 * (r**2).sum((-1, -2)) - log_marginal.sum(-1)) / total
        slope = abs(reward_gradient(P, w, penalty, r)).max((-1, -2))
        residual = np.maximum(slope, abs(groups[..., active].mean(-1) - shares).max(-1))
        yield State(shares, r, loss, residual)
        if residual.max() < _TOLERANCE / 100:
            return


def _weighted(wins: Float, groups: Float) -> tuple[Float, Float]:
    """Share of wins of each pair in each group, and its weight; (s, k, n, n)."""
    won = np.einsum("skm,mij->skij", groups, wins) / wins.sum()
    w = won + np.swapaxes(won, -1, -2)
    return np.divide(won, w, out=np.full(w.shape, 0.5), where=w > 0), w


def _log_likelihood(wins: Float, r: Float) -> Float:
    """Of what each rater said, if it belonged to each group; (s, k, m)."""
    gaps = r[..., :, None] - r[..., None, :]
    return np.asarray(np.einsum("mij,skij->skm", wins, -np.logaddexp(0, -gaps)))


def _best(wins: Float, groups: Float, ridge: float) -> tuple[Float, Float, Float, Float]:
    """Shares (k,) and rewards (k, n) of the best start, losses (s,) of all, residual of the best.

    The arguments are those of ``expectation_maximisation``.
    """
    for state in expectation_maximisation(wins, groups, ridge):
        last = state
    best = int(np.argmin(last.loss))
    order = np.argsort(-last.shares[best], kind="stable")
    # a group that has lost every rater keeps the least share that a population can have
    shares = np.maximum(last.shares[best][order], np.finfo(np.float64).tiny)
    return shares, last.rewards[best][order], last.loss, last.residual[best]
