"""Self-play without a reference or with another divergence: one step of each by hand, and bugs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from games import PreferenceGame
from games.game import Float
from solvers.gpo import Gpo
from solvers.iterated_best_of_n import IteratedBestOfN
from solvers.omwu import Omwu
from solvers.rspo import Rspo
from solvers.sampling import NO_DRAWS
from solvers.self_play_mwu import SelfPlayMwu
from solvers.spo import Spo
from solvers.sppo import Sppo
from tests.golden_games import normalised
from tests.mutants import Mutant, assert_noticed, mutants
from tests.solvers.self_play_game import GAME, PI, RATES
from tests.strategies import table


def check_self_play_mwu(kind: Any) -> None:
    solver = kind(eta=0.5)
    state = solver.step(GAME, (np.log(PI), np.array([1.0, 0.0, 2.0])), NO_DRAWS)
    want = normalised(np.array([0.2 * np.exp(0.305), 0.5 * np.exp(0.24), 0.3 * np.exp(0.23)]))
    np.testing.assert_allclose(solver.policy(state), want, atol=1e-15)
    mean = (want + np.array([1.0, 0.0, 2.0])) / 4
    gap = 2 * max(np.array([[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]]) @ mean) - 1
    np.testing.assert_allclose(solver.residual(GAME, None, state), gap, atol=1e-15)
    np.testing.assert_allclose(
        solver.policy(solver.init(GAME, NO_DRAWS)), [0.5, 0.3, 0.2], atol=1e-15
    )


def check_omwu(kind: Any) -> None:
    base = np.array([0.3, 0.1, 0.6])
    for tau in (0.0, 0.1):
        solver = kind(tau=tau, eta=0.5)
        state = solver.step(GAME, (np.log(base), np.log(PI)), NO_DRAWS)
        pull = np.array([0.5, 0.3, 0.2]) ** (0.5 * tau)
        moved = normalised(base ** (1 - 0.5 * tau) * pull * np.exp(0.5 * RATES))
        ahead = normalised(moved ** (1 - 0.5 * tau) * pull * np.exp(0.5 * RATES))
        np.testing.assert_allclose(np.exp(state[0]), moved, atol=1e-15)
        np.testing.assert_allclose(solver.policy(state), ahead, atol=1e-15)


def check_spo(kind: Any) -> None:
    old, older = np.array([0.6, 0.1, 0.3]), np.array([0.0, 0.0, 1.0])
    solver = kind(eta=0.5, samples=0, queue=2)
    state = solver.step(GAME, (np.log(PI), np.zeros(3), (older, old)), NO_DRAWS)
    # the queue is now (old, PI), on average (.4, .3, .3), with win rates (.53, .40, .56)
    want = normalised(np.array([0.2 * np.exp(0.265), 0.5 * np.exp(0.2), 0.3 * np.exp(0.28)]))
    np.testing.assert_allclose(solver.policy(state), want, atol=1e-15)
    np.testing.assert_allclose(state[2], [old, PI], atol=1e-15)
    drawing = kind(eta=0.5, samples=4, queue=1)
    state = drawing.step(GAME, (np.log(PI), np.zeros(3), (old,)), np.random.default_rng(5))
    drawn = np.random.default_rng(5).multinomial(4, PI) / 4
    want = normalised(PI * np.exp(0.5 * np.asarray(GAME.P) @ drawn))
    np.testing.assert_allclose(drawing.policy(state), want, atol=1e-15)


def check_sppo(kind: Any) -> None:
    for eta in (0.5, 10.0, 1000.0):
        solver = kind(eta=eta)
        after = solver.policy(solver.step(GAME, (np.log(PI), np.zeros(3)), NO_DRAWS))
        # stationary on the simplex: w + c exp(w) = eta (P pi - 1/2), and c = -E_pi w
        w = np.log(after / PI)
        c = -(PI * w).sum()
        off = w + c * after / PI - eta * np.array([0.11, -0.02, -0.04])
        np.testing.assert_allclose(off, 0, atol=1e-12 * max(1, eta))
        assert abs(after.sum() - 1) < 1e-14


def check_gpo(kind: Any) -> None:
    scores = np.array([[0, 1, -2], [-1, 0, 0.5], [2, -0.5, 0]])
    game = PreferenceGame(1 / (1 + np.exp(-scores)), [0.5, 0.3, 0.2])
    solver = kind(eta=0.5)
    *_, odds = solver.init(game, NO_DRAWS)
    np.testing.assert_allclose(odds, scores, atol=1e-14)
    state = solver.step(game, (np.log(PI), np.zeros(3), odds), NO_DRAWS)
    # scores against PI: (-.1, -.05, .15)
    want = normalised(np.array([0.2 * np.exp(-0.05), 0.5 * np.exp(-0.025), 0.3 * np.exp(0.075)]))
    np.testing.assert_allclose(solver.policy(state), want, atol=1e-14)
    np.testing.assert_allclose(solver.residual(game, None, state), max(scores @ want), atol=1e-14)
    np.testing.assert_allclose(kind(dimension=2).scores(game), scores, atol=1e-14)
    # two planes, of which the projection keeps the wider
    planes = np.zeros((4, 4))
    planes[0, 1], planes[2, 3] = 3, 1
    planes -= planes.T
    game = PreferenceGame(1 / (1 + np.exp(-planes)))
    wider = np.where(abs(planes) > 2, planes, 0)
    projected = kind(dimension=2, embedding="projected").scores(game)
    np.testing.assert_allclose(projected, wider, atol=1e-14)
    # the fit is stationary: H V = 0, with H the excess over P and V any basis of the scores
    low = np.array([[0, 0, 0, 0], [0.9, 0, 0, 0], [0.3, 0.8, 0, 0], [0.6, 0.1, 0.7, 0]])
    uneven = PreferenceGame(table(low))
    fitted = kind(dimension=2).scores(uneven)
    excess = 1 / (1 + np.exp(-fitted)) - uneven.P
    np.testing.assert_allclose(excess @ fitted, 0, atol=1e-7)
    assert abs(excess).max() > 0.01


def check_rspo(kind: Any) -> None:
    ref, eta, tau = np.array([0.5, 0.3, 0.2]), 0.7, 0.2
    slopes: dict[str, Callable[[Float], Float]] = {
        "chi_square": lambda p: 2 * (p / ref - 1),
        "forward_kl": lambda p: -ref / p,
        "mixed_kl": lambda p: 0.7 * np.log(p / ref) - 0.3 * ref / p,
        "reverse_kl": lambda p: np.log(p / ref) + 1,
    }
    for divergence, slope in slopes.items():
        solver = kind(tau=tau, divergence=divergence, eta=eta, forward=0.3)
        after = solver.policy(solver.step(GAME, np.log(PI) + 3, NO_DRAWS))
        constant = RATES - tau * slope(after) - np.log(after / PI) / eta
        np.testing.assert_allclose(constant, constant[0], atol=1e-14)
        assert abs(after.sum() - 1) < 1e-14
    want = normalised((PI * ref**0.14 * np.exp(0.7 * RATES)) ** (1 / 1.14))
    np.testing.assert_allclose(after, want, atol=1e-14)


def check_iterated_best_of_n(kind: Any) -> None:
    solver = kind(n_draws=3, mixing=0.25)
    after = solver.policy(solver.step(GAME, np.log(PI) - 2, NO_DRAWS))
    want = (PI * RATES**2) ** 0.75 * np.array([0.5, 0.3, 0.2]) ** 0.25
    np.testing.assert_allclose(after, normalised(want), atol=1e-15)


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    SelfPlayMwu: check_self_play_mwu,
    Omwu: check_omwu,
    Spo: check_spo,
    Sppo: check_sppo,
    Gpo: check_gpo,
    Rspo: check_rspo,
    IteratedBestOfN: check_iterated_best_of_n,
}

MUTANTS = mutants({
    SelfPlayMwu: [
        ("log_policy + self.eta * rates", "log_policy - self.eta * rates"),
        ("(game, np.exp(log_policy), self.samples", "(game, game.ref, self.samples"),
        ("total + np.exp(log_policy)", "np.exp(log_policy)"),
        ("total / total.sum(-1, keepdims=True)", "np.exp(after[0])"),
    ],
    Omwu: [
        ("np.exp(log_policy), self.samples", "np.exp(base), self.samples"),
        ("return base, numerics.log_softmax(shrink * base + move)", "return base, base"),
        ("(self.tau * game.log_ref + rates)", "rates"),
        ("1 - self.eta * self.tau, self.eta", "1 - self.tau, self.eta"),
    ],
    Spo: [
        ("(*queue, drawn)[-self.queue :]", "(*queue, drawn)"),
        ("(*queue, drawn)[-self.queue :]", "(*queue, drawn)[: self.queue]"),
        ("self.samples, drawn) / self.samples", "self.samples, drawn)"),
        ("log_policy + self.eta * rates", "log_policy - self.eta * rates"),
    ],
    Sppo: [
        ("self.eta * (rates - mean_rate)", "self.eta * rates"),
        ("self.eta * (rates - mean_rate)", "self.eta * (mean_rate - rates)"),
        ("c = decreasing_root(", "c = 0 * decreasing_root("),
    ],
    Gpo: [
        ("measures.log_odds(fit)", "(2 * fit.P - 1)"),
        ("log_policy + self.eta * gain", "log_policy - self.eta * gain"),
        ("log_odds(projected(odds, self.dimension))", "log_odds(projected(-odds, self.dimension))"),
        ("Comparisons(game.P * (1", "Comparisons(game.P**2 * (1"),
        ("General(self.dimension,", "General(2 * self.dimension,"),
        ("after[1] / after[1].sum(-1, keepdims=True)", "np.exp(after[0]) / 2"),
    ],
    Rspo: [
        ("log_policy - game.log_ref + eta", "log_policy + eta"),
        ("log_policy - game.log_ref + eta * game", "log_policy - game.log_ref - eta * game"),
        ("= 1.0, 2 * weight, 1\n", "= 1.0, weight, 1\n"),
        ("share, sign = self.forward_share, -1", "share, sign = self.forward_share, 1"),
        ("1 + weight * (1 - share), weight * share", "1 + weight * share, weight * (1 - share)"),
        ('"mixed_kl": self.forward}', '"mixed_kl": 0.5}'),
        ("game.win_rates(np.exp(log_policy))", "game.win_rates(game.ref)"),
    ],
    IteratedBestOfN: [
        ("self.n_draws - 1) * numerics.log(", "self.n_draws) * numerics.log("),
        ("1) * numerics.log(game.win_rates(np.exp(log_policy)))",
         "1) * numerics.log(game.win_rates(game.ref))"),
        ("+ self.mixing * game.log_ref", "- self.mixing * game.log_ref"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("cls", CHECKS)
def test_one_step_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject])
