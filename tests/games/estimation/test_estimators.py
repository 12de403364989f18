"""Every estimator against a formula written another way, and bugs that this must notice."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import schur
from scipy.optimize import minimize

from games import Comparisons, Population, PreferenceGame, comparisons
from games.errors import GameError
from games.estimation import ESTIMATORS, embeddings, estimator, log_loss, rewards
from games.estimation.bradley_terry import BradleyTerry
from games.estimation.general import General
from games.estimation.hybrid import Hybrid
from games.estimation.mixture import Mixture, expectation_maximisation
from games.estimation.table import Table
from games.game import Float
from tests.games.estimation.infinite_data import exact, sigmoid
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import random_games

WINS = np.array([[0, 7, 2, 0], [3, 0, 9, 4], [8, 1, 0, 2], [0, 6, 5, 0.0]])
TIES = np.array([[0, 2, 0, 0], [2, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0.0]])
DATA = Comparisons(WINS, TIES)
BOTH = Comparisons(np.stack([WINS.T, WINS]), np.stack([0 * TIES, TIES]))
"""Two contexts; answers 0 and 3 were never compared."""
WON = WINS + TIES / 2
TOTAL = float(WON.sum())
NOTICED = (AssertionError, ValueError, IndexError, ArithmeticError, RuntimeWarning)
GROUPS = np.array([[1.5, 0.5, -0.5, -1.5], [-1.0, -0.2, 0.2, 1.0]])


def close(actual: object, expected: object, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=0, atol=atol)


def odds(game: PreferenceGame) -> Float:
    return np.asarray(np.log(game.P) - np.log(np.swapaxes(game.P, -1, -2)))


def nll(P: Float) -> float:
    """Mean of -log P(winner) over ``DATA``, by a loop."""
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    return -float(sum(WON[i, j] * np.log(P[i, j]) for i, j in pairs)) / TOTAL


def penalised_likelihood(people: Population, data: Comparisons) -> float:
    """Loss of a mixture per comparison at ridge .1, by a loop over the raters."""
    assert data.raters is not None
    likelihood = 0.0
    for wins in data.raters:
        each = [np.prod(sigmoid(u) ** wins) for u in people.utilities]
        likelihood += np.log(people.shares @ np.array(each))
    return float((0.05 * (people.utilities**2).sum() - likelihood) / data.wins.sum())


def by_raters(m: int = 60, n_comparisons: int = 40) -> Comparisons:
    """A third of the raters belong to the second of ``GROUPS``."""
    kinds = (np.arange(m) % 3 == 0).astype(int)
    games = PreferenceGame.stack([PreferenceGame(sigmoid(GROUPS[k])) for k in kinds])
    return Comparisons.sample_raters(games, n_comparisons, np.random.default_rng(1))


# Checks


def check_table(kind: Any) -> None:
    """Entries by hand, at two priors; a pair without comparisons."""
    P = kind(2.0).fit(DATA).P
    close(P[0, 1], (7 + 1 + 2) / (12 + 4))
    close(P[1, 2], (9 + 0.5 + 2) / (11 + 4))
    close(P[0, 3], 0.5)
    P = kind(0.0).fit(BOTH).P
    close(P[1][[0, 3, 0], [1, 1, 3]], [8 / 12, 0.6, 0.5])
    close(P[0][0, 1], 0.3)
    fit = kind(0.5).fitted(BOTH)
    close(fit.losses[1], nll(fit.game.P[1]))
    close(fit.spread, [0, 0])
    close(fit.game.pair_weights[1], WINS + WINS.T + TIES)


def check_bradley_terry(kind: Any) -> None:
    """The penalised maximum by another optimiser, in counts; it fades with more data."""

    def penalised(r: Float) -> float:
        return nll(sigmoid(r)) + 0.7 / 2 * float(r @ r) / TOTAL

    r = minimize(penalised, np.zeros(4), tol=1e-12, method="BFGS", options={"gtol": 1e-8}).x
    fit = kind(0.7).fitted(BOTH)
    close(fit.game.P[1], sigmoid(r), 1e-6)
    close(fit.losses[1], penalised(r), 1e-10)
    assert fit.certificate.holds.all()
    assert abs(fit.game.P[1] - kind(0.0).fit(DATA).P).max() > 0.01
    more = Comparisons(1e6 * WINS, 1e6 * TIES)
    close(kind(0.7).fit(more).P, kind(0.0).fit(DATA).P, 1e-6)
    close((WON - (WON + WON.T) * kind(0.0).fit(DATA).P).sum(-1), 0, 1e-8)


def check_general(kind: Any) -> None:
    """Rank, and loss: that of the game plus ridge / 2 times the nuclear norm of the log-odds.

    Embeddings of least norm have |V|^2 equal to the sum of the singular values of V R V^T.
    """
    fit = kind(2, ridge=0.5, starts=6).fitted(BOTH, np.random.default_rng(0))
    S = odds(fit.game)
    assert (np.linalg.matrix_rank(S, tol=1e-6) == 2).all()
    nuclear = np.linalg.svd(S[1], compute_uv=False).sum()
    close(fit.losses[1].min(), nll(fit.game.P[1]) + 0.5 / 2 * nuclear / TOTAL, 1e-9)
    assert fit.certificate.holds.all()
    assert fit.certificate.tolerance <= 1e-6
    close(fit.spread, fit.losses.max(-1) - fit.losses.min(-1))
    # stationary: no log-odds of the same rank and norm that are near are likelier
    basis = np.linalg.svd(S[1])[0][:, :2]
    off = (WON + WON.T) * fit.game.P[1] - WON
    off[np.diag_indices(4)] = 0
    close(abs(basis.T @ off @ basis)[0, 1], 0.5, 1e-6)
    outside = np.linalg.svd(S[1])[0][:, 2:]
    close(outside.T @ off @ basis, 0, 1e-6)
    alone = kind(2, ridge=0.5, starts=1)
    assert not alone.draws
    close(alone.fitted(DATA).losses[0], fit.losses[1][0])
    # where the first start does not end best
    data = exact(random_games(0, 26, 10).P[25])
    several = kind(2, ridge=0.0, starts=6).fitted(data, np.random.default_rng(0))
    assert several.losses[0] - several.losses.min() > 1e-3
    assert several.certificate.holds
    close(log_loss(several.game, data), several.losses.min())
    assert kind(4, ridge=0.0, starts=1).fitted(data).losses < several.losses.min() - 0.02


def check_hybrid(kind: Any) -> None:
    """At dim 0 Bradley-Terry; a reward as large as that of the likeliest scores."""
    rewarded = kind(0, ridge=0.5).fitted(BOTH, np.random.default_rng(0))
    bt = BradleyTerry(0.5).fitted(BOTH)
    close(rewarded.game.P, bt.game.P, 1e-7)
    close(rewarded.losses.min(-1), bt.losses[..., 0], 1e-10)
    fit = kind(2, ridge=0.5, starts=6).fitted(BOTH, np.random.default_rng(0))
    assert (fit.losses.min(-1) < bt.losses[..., 0] - 1e-3).all()
    # the penalty is least where both terms share the log-odds best: rewards have mean 0
    assert fit.certificate.holds.all()
    lone = General(2, ridge=0.5, starts=6).fitted(BOTH, np.random.default_rng(0))
    assert (fit.losses.min(-1) <= lone.losses.min(-1) + 1e-9).all()


def check_mixture(kind: Any) -> None:
    """The groups that the data are from; the likelihood by a loop; one group; raters who agree."""
    data = by_raters()
    fit = kind(2, ridge=0.1).fitted(data, np.random.default_rng(0))
    people = fit.game.population
    close(people.shares, [2 / 3, 1 / 3], 1e-3)
    close(people.utilities, GROUPS, 0.25)
    close(people.utilities.sum(-1), 0, 1e-9)
    mean = sum(s * sigmoid(u) for s, u in zip(people.shares, people.utilities, strict=True))
    close(fit.game.P, mean, 1e-12)
    small = by_raters(12, 20)
    several = kind(3, ridge=0.1, starts=6).fitted(small, np.random.default_rng(0))
    assert several.spread > 1e-3
    for each, judged in ((fit, data), (several, small)):
        close(each.losses.min(), penalised_likelihood(each.game.population, judged), 1e-10)
        assert (np.diff(each.game.population.shares) <= 0).all()
    assert fit.certificate.holds
    one = kind(1, ridge=0.3)
    assert not one.draws
    close(one.fit(data).P, BradleyTerry(0.3).fit(data).P, 1e-7)
    assert data.raters is not None
    twice = Comparisons.by_rater(np.stack([data.raters, data.raters], 1))
    many = kind(2).fitted(twice, np.random.default_rng(0))
    close(many.game.P[0], many.game.P[1], 1e-12)
    # a rater who compared nothing belongs to no group
    silent = np.concatenate([data.raters, np.zeros((30, 4, 4))])
    more = kind(2, ridge=0.1).fitted(Comparisons.by_rater(silent), np.random.default_rng(0))
    close(more.game.population.shares, people.shares, 1e-5)


def check_embeddings(module: ModuleType) -> None:
    """Log-odds by their definition, the projection by the real Schur form, the gradient."""
    rng = np.random.default_rng(0)
    V = rng.normal(size=(5, 4))
    R = np.kron(np.eye(2), [[0, -1], [1, 0]])
    close(module.log_odds(V), V @ R @ V.T)
    skew = rng.normal(size=(2, 5, 5))
    skew -= np.swapaxes(skew, -1, -2)
    blocks, basis = schur(skew[1])
    widest = sorted(range(4), key=lambda k: -abs(blocks[k, k + 1]))[0]
    u, v = basis[:, widest], basis[:, widest + 1]
    plane = blocks[widest, widest + 1] * (np.outer(u, v) - np.outer(v, u))
    close(module.log_odds(module.projected(skew, 2))[1], plane)
    close(module.log_odds(module.projected(skew, 4)), skew)
    close(module.log_odds(module.projected(skew, 8)), skew)
    assert module.projected(skew, 8).shape == (2, 5, 8)
    w = rewards.mean_weights((lambda A: (A + A.T) * (1 - np.eye(5)))(rng.random((5, 5))))
    for columns in (4, 5):
        loss = module.LogisticLoss(1 / (1 + np.exp(-skew[0])), w, 0.3, 4)
        point = rng.normal(size=(5, columns))
        value, gradient = loss.at(point)
        S = point[:, :4] @ R @ point[:, :4].T
        if columns == 5:
            S = S + np.subtract.outer(point[:, 4], point[:, 4])
        by_hand = (loss.w * loss.P * np.log(1 + np.exp(-S))).sum() + 0.15 * (point**2).sum()
        close(value, by_hand)
        for k in np.ndindex(point.shape):
            step = np.zeros_like(point)
            step[k] = 1e-5
            slope = (loss.at(point + step)[0] - loss.at(point - step)[0]) / 2e-5
            close(gradient[k], slope, 1e-8)


def check_log_loss(module: ModuleType) -> None:
    """By a loop, in two contexts; never and always wrong; nothing to judge."""
    P = sigmoid(np.array([0.5, 0.1, -0.4, 0.2]))
    game = PreferenceGame(np.stack([P.T, P]))
    close(module.log_loss(game, BOTH)[1], nll(P))
    close(module.log_loss(PreferenceGame(np.full((4, 4), 0.5)), DATA), np.log(2))
    sure = PreferenceGame([[0.5, 1], [0, 0.5]])
    close(module.log_loss(sure, Comparisons([[0, 9], [0, 0]])), 0)
    assert module.log_loss(sure, Comparisons([[0, 9], [1, 0]])) == np.inf
    assert np.isnan(module.log_loss(sure, Comparisons(np.zeros((2, 2)))))


def check_comparisons(module: ModuleType) -> None:
    """Points, and shares of a pair with ties, and of one that was never compared, by hand."""
    data = module.Comparisons(WINS, TIES)
    close(data.points[[0, 1, 2], [1, 2, 1]], [8, 9.5, 1.5])
    close(data.shares[[0, 1, 0], [1, 0, 3]], [8 / 12, 4 / 12, 0.5])


CHECKS: dict[Any, Callable[[Any], None]] = {
    Table: check_table,
    BradleyTerry: check_bradley_terry,
    General: check_general,
    Hybrid: check_hybrid,
    Mixture: check_mixture,
    embeddings: check_embeddings,
    comparisons: check_comparisons,
    estimator: check_log_loss,
}

MUTANTS = mutants({
    Table: [
        ("pairs + 2 * self.prior", "pairs + self.prior"),
        ("comparisons.points + self.prior", "comparisons.wins + comparisons.ties + self.prior"),
        ("comparisons.points", "comparisons.pairs - comparisons.points"),
        ("np.full(total.shape, 0.5)", "np.full(total.shape, 0.4)"),
        ("pairs=pairs", "pairs=None"),
    ],
    BradleyTerry: [
        ("self.ridge / (pairs.sum((-1, -2)) / 2)", "self.ridge / pairs.sum((-1, -2))"),
        ("self.ridge / (pairs.sum((-1, -2)) / 2)", "np.full(pairs.shape[:-2], self.ridge)"),
        ("r[..., :, None] - r[..., None, :])", "r[..., None, :] - r[..., :, None])"),
        ("fit_rewards(P, w, ridge)", "fit_rewards(P, w)"),
        ("fit_rewards(P, w, ridge)", "fit_rewards(P, mean_weights(1.0 * (w > 0)), ridge)"),
    ],
    General: [
        ("self.ridge / total[k]", "self.ridge"),
        ("self.ridge / total[k]", "2 * self.ridge / total[k]"),
        ("np.argmin(losses[k])", "0 * np.argmin(losses[k])"),
        ("expit(loss.log_odds(best))", "expit(-loss.log_odds(best))"),
        ("tables[k], w[k]", "tables[0], w[k]"),
        ("tables[k], w[k]", "tables[k], 0 * w[k] + w[k].mean()"),
        ("self.starts > 1", "True"),
        ("_TOLERANCE = 1e-7", "_TOLERANCE = 1e-3"),
    ],
    Hybrid: [
        ("self.dim + self.with_rewards", "self.dim + 2 * self.with_rewards"),
        ("with_rewards: ClassVar[bool] = True", "with_rewards: ClassVar[bool] = False"),
    ],
    Mixture: [
        ("ridge / 2 * (r**2)", "ridge * (r**2)"),
        ("numerics.log(shares)[..., None] + _log", "_log"),
        ("np.argmin(last.loss)", "np.argmax(last.loss)"),
        ("np.argsort(-last", "np.argsort(last"),
        ("last.rewards[best][order]", "last.rewards[best]"),
        ("shares[..., None, None] * numerics", "0.5 * numerics"),
        ("numerics.logsumexp(log_joint, axis=1)", "log_joint.max(axis=1)"),
        ("ridge / total)", "ridge)"),
        ("self.k > 1", "True"),
    ],
    embeddings: [
        ("pairs[..., 1], -pairs[..., 0]", "-pairs[..., 1], pairs[..., 0]"),
        ("vectors[..., n - kept :]", "vectors[..., :kept]"),
        ("np.sqrt(2 * np", "np.sqrt(np"),
        ("gradient[:, : self.dim] -= H", "gradient[:, : self.dim] += H"),
        ("+= H.sum(-1, keepdims=True)", "-= H.sum(-1, keepdims=True)"),
        ("expit(S) - self.P", "expit(S) - self.P.T"),
        ("gradient = self.ridge * point", "gradient = 0 * point"),
        ("self.ridge / 2 * (point**2)", "self.ridge * (point**2)"),
        ("self.w * self.P * np", "self.w * self.P.T * np"),
    ],
    comparisons: [
        ("self.wins + self.ties / 2)", "self.wins + self.ties)"),
        ("self.wins.shape, 0.5)", "self.wins.shape, 0.0)"),
    ],
    estimator: [
        ("wins = comparisons.points", "wins = comparisons.wins"),
        ("wins > 0, -numerics", "wins > 0, numerics"),
        ("total = wins.sum((-1, -2))", "total = np.maximum(1, wins.sum((-1, -2)))"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("subject", CHECKS, ids=lambda subject: subject.__name__)
def test_an_estimator_agrees_with_a_formula_written_another_way(subject: Any) -> None:
    CHECKS[subject](subject)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_check_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject], NOTICED)


# Laws


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from([0.0, 0.01, 1.0]))
def test_a_round_of_em_never_raises_the_loss(seed: int, k: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    wins = rng.integers(0, 4, (6, 4, 4)) * (1.0 - np.eye(4))
    groups = rng.dirichlet(np.ones(k), (3, 6)).swapaxes(1, 2)
    losses = []
    for state, _ in zip(expectation_maximisation(wins, groups, ridge), range(60), strict=False):
        losses.append(state.loss)
    assert np.diff(losses, axis=0).max(initial=0) < 1e-12
    assert k == 1 or losses[0].max() > losses[-1].max() + 1e-6


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_more_comparisons_lower_the_log_loss_on_others(name: str) -> None:
    few, many, others = (by_raters(30, n) for n in (4, 400, 50))
    losses = [
        float(log_loss(ESTIMATORS[name]().fit(data, np.random.default_rng(0)), others))
        for data in (few, many)
    ]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("kind", "params", "wanted"),
    [
        (General, {"dim": 2.0}, "an even number"),
        (General, {"dim": 3}, "an even number"),
        (General, {"dim": 0}, r"an even number in \[2"),
        (Hybrid, {"starts": 2.0}, "a whole number"),
        (Mixture, {"k": 2.0}, "a whole number"),
        (Mixture, {"k": True}, "a whole number"),
        (Mixture, {"starts": 0}, "a whole number"),
        (Mixture, {"starts": 2.5}, "a whole number"),
    ],
)
def test_sizes_are_whole_numbers(kind: Any, params: dict[str, Any], wanted: str) -> None:
    with pytest.raises(GameError, match=f"expected {wanted}"):
        kind(**params)
    assert kind(**{name: np.int64(4) for name in params})
