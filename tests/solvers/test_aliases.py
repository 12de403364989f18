"""Aliases: the update of each method's own paper is that of the solver it stands for."""

from collections.abc import Callable

import numpy as np
import pytest

from games import PreferenceGame, SpecError
from games.game import Float
from solvers import ALIASES, SOLVERS
from solvers.aliases import resolve
from solvers.iterative import IterativeSolver
from solvers.rlhf_exact import RlhfExact
from solvers.sampling import NO_DRAWS
from tests.golden_games import normalised


def random_game() -> PreferenceGame:
    P = [[0.5, 0.8, 0.3], [0.2, 0.5, 0.9], [0.7, 0.1, 0.5]]
    return PreferenceGame(P, [0.15, 0.15, 0.7])


def dno(game: PreferenceGame, pi: Float, eta: float) -> Float:
    """arXiv:2404.03715: the minimiser of the cross-entropy of sigma((log-ratio difference) / eta)
    against sigma(reward difference): pi exp(eta r) with r = P(y > pi)."""
    return normalised(pi * np.exp(eta * (game.P @ pi)))


def mmd(game: PreferenceGame, pi: Float, alpha: float, eta: float) -> Float:
    """arXiv:2206.05825, Eq. for the closed form with negative entropy: the magnet is ref."""
    power = 1 / (1 + eta * alpha)
    return normalised((pi * game.ref ** (eta * alpha) * np.exp(eta * (game.P @ pi))) ** power)


def wind(game: PreferenceGame, pi: Float, beta: float, eta: float) -> Float:
    """arXiv:2410.20727: log pi' = (log pi + eta beta log ref + eta P pi) / (1 + eta beta)."""
    logits = np.log(pi) + eta * beta * np.log(game.ref) + eta * (game.P @ pi)
    return normalised(np.exp(logits / (1 + eta * beta)))


def nash_mirror_prox(game: PreferenceGame, pi: Float, beta: float, eta: float) -> Float:
    def proximal(opponent: Float) -> Float:
        logits = np.log(pi) + eta * (beta * np.log(game.ref) + game.P @ opponent)
        p = np.exp(logits / (1 + eta * beta))
        return np.asarray(p / p.sum())

    return proximal(proximal(pi))


def omd(game: PreferenceGame, pi: Float, tau: float, eta: float) -> Float:
    p = pi ** (1 - eta * tau) * game.ref ** (eta * tau) * np.exp(eta * game.P @ pi)
    return np.asarray(p / p.sum())


WITH_MEMORY = {"onpo", "comal_inpo"}
"""Their updates carry a second sequence: tested with omwu and with mpo."""

UPDATES: dict[str, tuple[Callable[..., Float], dict[str, float]]] = {
    "dno": (dno, {"eta": 0.7}),
    "mmd": (mmd, {"alpha": 0.15, "eta": 0.6}),
    "nash_mirror_prox": (nash_mirror_prox, {"beta": 0.2, "eta": 1.1}),
    "omd": (omd, {"tau": 0.2, "eta": 0.9}),
    "rebel_self_play": (dno, {"eta": 0.4}),
    "wind": (wind, {"beta": 0.25, "eta": 1.3}),
}


def test_every_alias_has_its_update_written_out() -> None:
    assert set(ALIASES) == set(UPDATES) | WITH_MEMORY | {"rloo"}


def test_rloo_is_reinforce_with_the_mean_of_the_others_as_baseline() -> None:
    """arXiv:2402.14740: 1/k sum_i [R(y_i) - mean of R(y_j), j not i] grad log pi(y_i)."""
    game, k, beta, eta = random_game(), 5, 0.3, 0.8
    name, params = resolve("rloo", {"k": k, "beta": beta, "eta": eta})
    solver = SOLVERS[name](**params)
    assert isinstance(solver, IterativeSolver)
    assert solver.draws
    rng, theirs = np.random.default_rng(4), np.random.default_rng(4)
    state = solver.init(game, rng)
    r, theta = RlhfExact().rewards(game), np.log(game.ref)
    for _ in range(6):
        state = solver.step(game, state, rng)
        pi = normalised(np.exp(theta))
        drawn = np.repeat(np.arange(3), theirs.multinomial(k, pi))
        rewards = [r[y] - beta * np.log(pi[y] / game.ref[y]) for y in drawn]
        gradient = np.zeros(3)
        for i, y in enumerate(drawn):
            others = np.mean([rewards[j] for j in range(k) if j != i])
            gradient += (rewards[i] - others) * (np.eye(3)[y] - pi) / k
        theta = theta + eta * gradient
        np.testing.assert_allclose(solver.policy(state), normalised(np.exp(theta)), atol=1e-13)
    assert abs(solver.policy(state) - game.ref).max() > 0.05


def test_rloo_needs_two_answers() -> None:
    with pytest.raises(SpecError, match="k is 1, expected at least 2"):
        resolve("rloo", {"k": 1})


@pytest.mark.parametrize("name", sorted(UPDATES))
def test_an_alias_has_the_update_of_its_own_paper(name: str) -> None:
    update, params = UPDATES[name]
    game = random_game()
    solver_name, mapped = resolve(name, params)
    solver = SOLVERS[solver_name](**mapped)
    assert isinstance(solver, IterativeSolver)
    state = solver.init(game, NO_DRAWS)
    pi = game.ref
    for _ in range(5):
        state = solver.step(game, state, NO_DRAWS)
        pi = update(game, pi, **params)
        np.testing.assert_allclose(solver.policy(state), pi, rtol=0, atol=1e-14)
    assert abs(pi - game.ref).max() > 0.05


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_an_alias_is_run_once_and_gives_the_same_trajectory(name: str) -> None:
    alias = ALIASES[name]
    assert alias.name == name
    assert name not in SOLVERS
    assert alias.solver in SOLVERS
    assert alias.paper.strip()
    assert "\n" not in alias.why
    solver_name, params = resolve(name, {"max_steps": 30, "tol": 0.0})
    assert solver_name == alias.solver
    ours = SOLVERS[solver_name](**params).solve(random_game(), np.random.default_rng(0))
    theirs = SOLVERS[alias.solver](max_steps=30, tol=0.0, **alias.params()).solve(
        random_game(), np.random.default_rng(0)
    )
    assert ours.trace is not None
    assert theirs.trace is not None
    np.testing.assert_array_equal(ours.trace.policies, theirs.trace.policies)
