"""Iterative solvers: a step against the same step through automatic differentiation, and Newton.

The extra columns of the JSON hold steps, oracle calls and microseconds a game-step.

The peers of a step are the same update written through torch autograd, batched over the games and
a game at a time. A loop over games is what one writes first, and what contexts replace; the batched
peer does the same work in as many calls, so that what remains is the price of recording a graph.
Fastest rounds in one run on one thread, torch 2.13: 21 us here, 146 us batched (7 times), 1,227 us
a game at a time (59 times). Of the 21 us, 14 are the two softmaxes.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.perf.random_games import random_game
from games import PreferenceGame, measures, numerics
from games.game import Float
from solvers.egpo import Egpo
from solvers.exact.regularized_nash import regularized_nash
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.online_ipo_1 import OnlineIpo1
from solvers.sampling import NO_DRAWS
from solvers.solver import Solution

TAU, LEARNING_RATE, GAP = 0.1, 0.1, 1e-10
TEN, THOUSAND = random_game(10, 10), random_game(10, 1_000)
EGPO = Egpo(tau=TAU, eta=4 * LEARNING_RATE / (TEN.n * TAU))


def through_autograd(torch: Any, game: PreferenceGame) -> Callable[[Any], Any]:
    """Step of EGPO, as two gradient steps on the loss of online IPO 1 with uniform pairs.

    The loss is the mean over y, y' of (h(y) - h(y') - [P(y > pi) - P(y' > pi)] / tau)^2, h =
    log pi / ref; the second gradient is taken against the policy of the first step but applied to
    the logits before it. Its learning rate is that of ``EGPO``.
    """
    P, log_ref = torch.tensor(game.P), torch.tensor(game.log_ref)

    def descend(theta: Any, opponent: Any) -> Any:
        logits = theta.clone().requires_grad_()
        h = torch.log_softmax(logits, -1) - log_ref
        rates = (P @ opponent[..., None])[..., 0] / TAU
        off = (h[..., :, None] - h[..., None, :]) - (rates[..., :, None] - rates[..., None, :])
        (off**2).mean((-1, -2)).sum().backward()
        return theta - LEARNING_RATE * logits.grad

    def step(theta: Any) -> Any:
        ahead = descend(theta, torch.softmax(theta, -1))
        return descend(theta, torch.softmax(ahead, -1))

    return step


@pytest.mark.benchmark(group="one step of EGPO, 10 games x 10 answers")
@pytest.mark.parametrize(
    "way", ["this package", "torch autograd", "torch autograd, a game at a time"]
)
def test_step_of_egpo(benchmark: BenchmarkFixture, way: str) -> None:
    state = EGPO.init(TEN, NO_DRAWS)
    if way == "this package":
        after = benchmark(EGPO.step, TEN, state, None)
    else:
        torch = pytest.importorskip("torch", reason="torch, the peer timed here, is not installed")
        torch.set_num_threads(1)
        alone = way != "torch autograd"
        games = [TEN.at(k) for k in range(TEN.batch[0])] if alone else [TEN]
        steps = [through_autograd(torch, game) for game in games]
        thetas = torch.tensor(state) if alone else torch.tensor(state)[None]
        after = benchmark(lambda: [s(t) for s, t in zip(steps, thetas, strict=True)])
        after = torch.stack(after).reshape(state.shape).numpy()
        expected = EGPO.policy(EGPO.step(TEN, state, NO_DRAWS))
        np.testing.assert_allclose(EGPO.policy(after), expected, atol=1e-12)
    assert after.shape == state.shape


@pytest.mark.benchmark(group="one step, 1,000 games x 10 answers")
@pytest.mark.parametrize("solver", [OnlineIpo1(tau=TAU), EGPO], ids=lambda s: type(s).__name__)
def test_step_of_a_batch(benchmark: BenchmarkFixture, solver: IterativeSolver) -> None:
    benchmark(solver.step, THOUSAND, solver.init(THOUSAND, NO_DRAWS), NO_DRAWS)
    if benchmark.stats is not None:
        seconds = benchmark.stats.stats.median
        benchmark.extra_info["microseconds a game-step"] = 1e6 * seconds / THOUSAND.batch[0]


def to_the_gap(solver: IterativeSolver, game: PreferenceGame, tau: float) -> tuple[Float, int, int]:
    """The policy, the steps and the oracle calls at which the regularised gap first is ``GAP``."""
    state, steps, calls = solver.init(game, NO_DRAWS), 0, 0
    while True:
        policy = solver.policy(state)
        if steps % 8 == 0 and measures.duality_gap(game, policy, tau).max() <= GAP:
            return policy, steps, calls
        state = solver.step(game, state, NO_DRAWS)
        steps, calls = steps + 1, calls + (2 if isinstance(solver, Egpo) else 1)


class CountedGame:
    """How often Newton's method evaluates win rates: patched over the primitive it calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        real = numerics.win_rates

        def counted(P: Any, policy: Any) -> Any:
            self.calls += 1
            return real(P, policy)

        monkeypatch.setattr(numerics, "win_rates", counted)


@pytest.mark.parametrize("tau", [0.1, 0.01])
@pytest.mark.parametrize("way", ["Newton", "EGPO", "online IPO 1"])
def test_reaching_a_gap(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, tau: float, way: str
) -> None:
    """Each first-order method at its default step size, which is safe in every game."""
    benchmark.group = f"regularised gap 1e-10, 10 games x 10 answers, tau = {tau}"
    if way == "Newton":
        solution: Solution = benchmark.pedantic(NlhfExact(tau).solve, (TEN,), rounds=5)
        policy = solution.policy
        with monkeypatch.context() as patch:
            counted = CountedGame(patch)
            regularized_nash(TEN.P, TEN.log_ref, tau)
        assert solution.newton_steps is not None
        steps = int(solution.newton_steps.max())
        benchmark.extra_info |= {"steps": steps, "oracle calls": counted.calls}
    else:
        solver = replace(Egpo(tau=tau) if way == "EGPO" else OnlineIpo1(tau=tau), tol=0.0)
        policy, steps, calls = benchmark.pedantic(to_the_gap, (solver, TEN, tau), rounds=3)
        benchmark.extra_info |= {"steps": steps, "oracle calls": calls}
    assert measures.duality_gap(TEN, policy, tau).max() <= GAP
