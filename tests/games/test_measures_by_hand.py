"""Every measure that tables report on games by hand, and bugs that are noticed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from games import PreferenceGame, measures
from tests.mutants import Mutant, assert_noticed, mutants

REF = [0.2, 0.5, 0.3]
CYCLE = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]])
FOLLOWER = np.array([[0.1, 0.3, 0.6], [0.5, 0.2, 0.3], [0.3, 0.4, 0.3]])
LADDER = special.expit(np.subtract.outer([0.7, 0.4, -1.1], [0.7, 0.4, -1.1]))
NOTICED = (AssertionError, ValueError, IndexError, ArithmeticError, RuntimeWarning)


def close(actual: object, expected: object, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=0, atol=atol)


def check_measures(module: Any) -> None:
    """Hand values of every measure that tables report."""
    game = PreferenceGame(CYCLE, REF, FOLLOWER)
    pi = np.array([0.6, 0.3, 0.1])
    rates = CYCLE @ pi
    soft = np.array(REF) * np.exp(rates / 0.2)
    close(module.best_response(game, pi, 0.2), soft / soft.sum())
    close(module.duality_gap(game, pi), 2 * rates.max() - 1)
    kl = (pi * np.log(pi / REF)).sum()
    close(module.duality_gap(game, pi, 0.2), 2 * 0.2 * (np.log(soft.sum()) + kl) - 1)
    for tau in (0.2, 3.0):
        values = -tau * np.log((FOLLOWER * np.exp(-CYCLE / tau)).sum(-1))
        close(module.follower_values(game, tau), values)
    both, taus = PreferenceGame.stack([game, game]), np.array([0.2, 3.0])
    values = [-t * np.log((FOLLOWER * np.exp(-CYCLE / t)).sum(-1)) for t in taus]
    close(module.follower_values(both, taus), values)
    close(module.follower_values(game), [0.3, 0.1, 0.2])
    close(module.leader_value(game, pi), pi @ [0.3, 0.1, 0.2])
    close(module.borda(game), [0.6, 0.45, 0.45])
    five = np.full((5, 5), 0.5)
    for i, j in [(4, 2), (2, 1), (1, 4), (4, 0), (2, 0), (1, 0), (4, 3), (2, 3), (1, 3)]:
        five[i, j], five[j, i] = 0.8, 0.2
    crowd = PreferenceGame(five)
    close(module.smith_set(crowd), [0, 1, 1, 0, 1])
    close(module.copeland(crowd), [0.5, 3, 3, 0.5, 3])
    labels = module.majorities(crowd)
    close(labels, np.where(five > 0.5, 1, np.where(five < 0.5, 0, 0.5)))
    close(module.three_cycles(crowd), 1)
    close(module.condorcet_winner(crowd), np.zeros(5))
    close(module.condorcet_winner(PreferenceGame(LADDER)), [1, 0, 0])
    close(module.condorcet_loser(PreferenceGame(LADDER)), [0, 0, 1])
    close(module.condorcet_loser(crowd), np.zeros(5))  # the last two tie
    close(module.condorcet_loser(PreferenceGame([[0.5]])), [0])
    close(module.dominated(PreferenceGame(LADDER)), [0, 1, 1])
    close(module.dominated(crowd), [1, 0, 0, 1, 0])
    split = module.hodge_log_odds(PreferenceGame(LADDER))
    close(split.scores, [0.7, 0.4, -1.1])
    close(split.cyclic_share, 0)
    certain, clear = [[0.5, 1.0], [0.0, 0.5]], [[0.5, 0.75], [0.25, 0.5]]
    sure = PreferenceGame([certain, clear])
    close(module.certain(sure), [1, 0])
    close(module.log_odds(sure)[:, 0, 1], [np.inf, np.log(3)])
    close(module.log_odds(sure)[0, 1], [-np.inf, 0])
    close(module.hodge_log_odds(sure).scores, [[np.nan, np.nan], [np.log(3) / 2, -np.log(3) / 2]])


CHECKS: dict[Any, Callable[[Any], None]] = {measures: check_measures}

MUTANTS = mutants({
    measures: [
        ("2 * rates.max(-1) - 1", "rates.max(-1) - rates.min(-1)"),
        ("2 * tau * numerics.kl", "tau * numerics.kl"),
        ("kl(numerics.log(pi), log_best)", "kl(log_best, numerics.log(pi))"),
        ("log_best = numerics.log_softmax(game.log_ref + ", "log_best = numerics.log_softmax("),
        ("log_policy = numerics.log_softmax(game.log_ref + ", "log_policy = numerics.log_softmax("),
        ("rows.min(-1)", "rows.max(-1)"),
        ("logsumexp(log_ref - rows / tau)", "logsumexp(log_ref + rows / tau)"),
        ("np.expm1(-rows / np", "np.expm1(rows / np"),
        ("np.argsort(-wins.sum(-1)", "np.argsort(wins.sum(-1)"),
        ("inside = rank <= size", "inside = rank < size"),
        ("ordered, True)", "wins, True)"),
        ("game.P > 0.5 + TIE_TOL", "game.P >= 0.5"),
        ("beats(game).sum(-1) == game.n - 1", "beats(game).sum(-1) >= game.n - 2"),
        ("beats(game).sum(-2) == game.n - 1", "beats(game).sum(-2) >= game.n - 2"),
        ("beats(game).sum(-2)", "beats(game).sum(-1)"),
        (" & (game.n > 1)", ""),
        ("0.5 * (tied.sum(-1) - 1)", "0.5 * tied.sum(-1)"),
        ("(game.P.sum(-1) - 0.5)", "(game.P.sum(-2) - 0.5)"),
        ("(1 + wins.astype(float) - np.swapaxes(wins, -1, -2)) / 2", "wins.astype(float)"),
        ("wins[..., j, :] & no_worse", "wins[..., :, j] & no_worse"),
        ("sum((-1, -2)) / 3", "sum((-1, -2)) / 6"),
        ("scores[..., :, None] - scores", "scores[..., :, None] + scores"),
        ("(game.P == 0) | (game.P == 1)", "game.P < 0"),
        ("numerics.log(P) - numerics", "numerics.log(P) + numerics"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("subject", CHECKS)
def test_hand_values_of_the_measures(subject: Any) -> None:
    CHECKS[subject](subject)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_check_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject], NOTICED)
