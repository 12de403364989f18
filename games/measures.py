"""Measures of a game, and of a policy on a game; every one works on all contexts at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from games import numerics
from games.game import TIE_TOL, Float, PreferenceGame

Mask = NDArray[np.bool_]


def win_rate(game: PreferenceGame, policy: ArrayLike, opponent: ArrayLike) -> Float:
    """Probability in [0, 1] that a draw from ``policy`` is preferred to one from ``opponent``."""
    return np.asarray((np.asarray(policy) * game.win_rates(opponent)).sum(-1))


def best_response(game: PreferenceGame, policy: ArrayLike, tau: float = 0.0) -> Float:
    """argmax_p P(p > policy) - tau KL(p | ref); tau = 0: ``ref`` on the best answers.

    Returns
    -------
    float array (..., n)
        tau > 0: ref exp(P pi / tau) / Z.
    """
    rates = game.win_rates(policy)
    if numerics.is_soft(tau):
        log_policy = numerics.log_softmax(game.log_ref + rates / tau)
    else:
        log_policy = numerics.spread_over_best(rates, game.log_ref, TIE_TOL)
    return np.asarray(np.exp(log_policy))


def duality_gap(game: PreferenceGame, policy: ArrayLike, tau: float | Float = 0.0) -> Float:
    """NashConv = 2 x exploitability: what best responses on both sides gain; 0 at equilibrium only.

    tau = 0: 2 max_i (P pi)_i - 1, in [0, 1]. tau > 0: 2 [tau log sum_i ref_i exp((P pi)_i / tau)
    + tau KL(pi | ref)] - 1 = 2 tau KL(pi | best response), in [0, inf). An array (...) > 0 holds a
    tau for each context.
    """
    pi = np.asarray(policy, dtype=np.float64)
    rates = game.win_rates(pi)
    if numerics.is_soft(tau):
        log_best = numerics.log_softmax(game.log_ref + rates / numerics.per_context(tau, rates))
        return np.asarray(2 * tau * numerics.kl(numerics.log(pi), log_best))
    return np.asarray(2 * rates.max(-1) - 1)


def kl_to_ref(game: PreferenceGame, policy: ArrayLike) -> Float:
    """KL(pi | ref) in nats, shape (...)."""
    return np.asarray(numerics.kl(numerics.log(np.asarray(policy, dtype=float)), game.log_ref))


def worst_win_rate(game: PreferenceGame, policy: ArrayLike) -> Float:
    """Win rate against the best response, in [0, 1/2]: min_j P(pi > j) = (1 - duality_gap) / 2."""
    return np.asarray(1 - game.win_rates(policy).max(-1))


def follower_values(game: PreferenceGame, tau_follower: float | Float = 0.0) -> Float:
    """V(y), shape (..., n): win rate of answer y against the follower's best reply to it.

    tau_follower = 0: min_y' P[y, y']; else the soft minimum
    -tau_follower log sum_y' ref_follower(y'|y) exp(-P[y, y'] / tau_follower). An array (...) > 0
    holds a tau_follower for each context.
    """
    block = max(1, (1 << 24) // max(1, game.n))
    parts, soft = [], numerics.is_soft(tau_follower)
    for start in range(0, game.n, block):
        i = slice(start, start + block)
        rows = game.rows(i)
        log_ref = game.log_ref_follower(i) if soft else None
        parts.append(rows.min(-1) if log_ref is None else _soft_minima(rows, log_ref, tau_follower))
    return np.concatenate(parts, axis=-1)


def _soft_minima(rows: Float, log_ref: Float, tau: float | Float) -> Float:
    tau = numerics.per_context(tau, rows)
    large = tau >= 1
    soft = -tau * numerics.logsumexp(log_ref - rows / tau)[..., None]
    if np.any(large):  # near the mean of the row: the log-sum-exp would cancel
        lost = (np.exp(log_ref) * np.expm1(-rows / np.maximum(tau, 1))).sum(-1, keepdims=True)
        soft = np.where(large, -tau * np.log1p(lost), soft)
    return np.asarray(soft[..., 0])


def leader_value(game: PreferenceGame, policy: ArrayLike, tau_follower: float = 0.0) -> Float:
    """sum_y pi(y) V(y): a leader's win rate against the follower that sees its answer."""
    return np.asarray((np.asarray(policy) * follower_values(game, tau_follower)).sum(-1))


def beats(game: PreferenceGame) -> Mask:
    """Mask (..., n, n): i strictly beats j, P[i, j] > 1/2 + 1e-9."""
    return np.asarray(game.P > 0.5 + TIE_TOL)


def majorities(game: PreferenceGame) -> Float:
    """Hard labels (..., n, n): 1 where i strictly beats j, 0 where j does i, 1/2 where they tie."""
    wins = beats(game)
    return np.asarray((1 + wins.astype(float) - np.swapaxes(wins, -1, -2)) / 2)


def condorcet_winner(game: PreferenceGame) -> Mask:
    """Mask (..., n) of the answer that beats every other; all False if no answer does."""
    return np.asarray(beats(game).sum(-1) == game.n - 1)


def condorcet_loser(game: PreferenceGame) -> Mask:
    """Mask (..., n) of the answer that every other one beats; all False if no answer is.

    Strictly: one tie, and there is none. The only answer of a game is its winner, not its loser.
    """
    return np.asarray((beats(game).sum(-2) == game.n - 1) & (game.n > 1))


def smith_set(game: PreferenceGame) -> Mask:
    """Mask (..., n) of the smallest non-empty set whose members strictly beat all outsiders.

    Sets that beat all outsiders are prefixes of the order by number of answers beaten: a member
    beats every outsider, an outsider only other outsiders.
    """
    wins = beats(game)
    order = np.argsort(-wins.sum(-1), axis=-1, kind="stable")
    ordered = np.take_along_axis(
        np.take_along_axis(wins, order[..., :, None], -2), order[..., None, :], -1
    )
    n = game.n
    rank = np.arange(n)
    # weakest[k]: the first k + 1 all beat everything from rank k + 1 on
    later = np.where(rank[:, None] < rank[None, :], ordered, True)
    reach = np.minimum.accumulate(later, axis=-2)  # all of the first rows beat column j
    holds = np.stack([reach[..., k, k + 1 :].all(-1) for k in range(n)], axis=-1)
    size = holds.argmax(-1)
    inside = rank <= size[..., None]
    out = np.zeros_like(inside)
    np.put_along_axis(out, order, inside, axis=-1)
    return np.asarray(out)


def copeland(game: PreferenceGame) -> Float:
    """Copeland scores (..., n): answers beaten plus half the answers tied with."""
    wins = beats(game)
    tied = ~wins & ~np.swapaxes(wins, -1, -2)
    return np.asarray(wins.sum(-1) + 0.5 * (tied.sum(-1) - 1))


def borda(game: PreferenceGame) -> Float:
    """Borda scores (..., n) in [0, 1]: mean of P[i, j] over j != i."""
    return np.asarray((game.P.sum(-1) - 0.5) / max(1, game.n - 1))


def dominated(game: PreferenceGame) -> Mask:
    """Mask (..., n) of the answers i that some j beats while P[j, k] >= P[i, k] for all k."""
    P = game.P
    wins = beats(game)
    out = np.zeros((*game.batch, game.n), dtype=bool)
    for j in range(game.n):
        no_worse = (P[..., j, None, :] >= P).all(-1)
        out |= wins[..., j, :] & no_worse
    return out


def three_cycles(game: PreferenceGame) -> NDArray[np.int64]:
    """Number of cycles i > j > k > i of strict majorities, each counted once."""
    wins = beats(game).astype(np.float64)
    closed = (wins @ wins) * np.swapaxes(wins, -1, -2)
    return np.asarray(np.rint(closed.sum((-1, -2)) / 3), dtype=np.int64)


def log_odds(game: PreferenceGame) -> Float:
    """log(P / (1 - P)) = log P - log P^T, shape (..., n, n); infinite where P is 0 or 1."""
    P = game.P
    return np.asarray(numerics.log(P) - numerics.log(np.swapaxes(P, -1, -2)))


def certain(game: PreferenceGame) -> Mask:
    """Mask (...) of the contexts in which some P is 0 or 1, so that log-odds are infinite."""
    return np.asarray(((game.P == 0) | (game.P == 1)).any((-1, -2)))


class HodgeDecomposition(NamedTuple):
    """A skew table Y as the sum of score differences and an orthogonal, cyclic part.

    Attributes
    ----------
    scores : float array (..., n), sums to 0
        Row means of Y; the transitive part is scores_i - scores_j.
    cyclic : float array (..., n, n)
        Y minus the transitive part; its rows sum to 0.
    cyclic_share : float array (...) in [0, 1]
        |cyclic|^2 / |Y|^2; 0 where Y is 0.
    """

    scores: Float
    cyclic: Float
    cyclic_share: Float


def hodge_margins(game: PreferenceGame) -> HodgeDecomposition:
    """Hodge decomposition of the margins P - 1/2, all pairs equally weighted."""
    return _hodge(game.P - 0.5)


def hodge_log_odds(game: PreferenceGame) -> HodgeDecomposition:
    """Hodge decomposition of log(P / (1 - P)); a Bradley-Terry game has cyclic share 0.

    Where some P is 0 or 1 the log-odds are infinite and the whole context is NaN.
    """
    return _hodge(np.where(certain(game)[..., None, None], np.nan, log_odds(game)))


def _hodge(Y: Float) -> HodgeDecomposition:
    scores = Y.mean(-1)
    cyclic = Y - (scores[..., :, None] - scores[..., None, :])
    total = (Y**2).sum((-1, -2))
    rest = (cyclic**2).sum((-1, -2))
    share = np.divide(rest, total, out=np.zeros_like(total), where=total != 0)
    return HodgeDecomposition(scores, cyclic, share)
