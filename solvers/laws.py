"""The laws that every solver keeps, each a check of one instance.

A check returns what it has seen, or raises ``Failed`` or ``DoesNotApply``.
"""

import copy
import dataclasses
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from games import numerics
from games.errors import GameError, UndefinedError
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.outcome import DoesNotApply, Failed
from solvers.solver import Solution, Solver
from solvers.trials import (
    MOST_STEPS,
    STEPS,
    edge_games,
    far_games,
    floating,
    generator,
    leaves,
    permuted,
    played,
    random_game,
    same,
    solved,
    states,
)

SAMPLES = {"samples": 4_096, "n_comparisons": 1_000_000}
"""The fields that make a solver draw, and the values at which its sampled form is tried."""
_FAR = 0.05
_NEAR = {"last": 1e-6, "average": 0.05, "none": 1.0}
_STILL_MOVING = 0.02
_SAMPLING_NOISE = 0.05


def simplex(solver: Solver) -> None:
    """Policies and followers' rows are probabilities, at the start and later."""
    game = random_game(1, 2)
    for steps in (0, STEPS):
        policy, follower = played(solver, game, steps)
        _require_distribution("the policy", policy, game.ref.shape, 1e-12)
        if follower is not None:
            _require_distribution("the follower", follower, game.P.shape, 1e-12)


def purity(solver: Solver) -> None:
    """The same arguments give the same result, and are not changed."""
    game = random_game(2, 2)
    if not isinstance(solver, IterativeSolver):
        first, second = (solver.solve(game, generator(solver)) for _ in range(2))
        if not np.array_equal(first.log_policy, second.log_policy):
            raise Failed("solve gives two answers to the same game")
        return
    if not same(solver.init(game, generator(solver)), solver.init(game, generator(solver))):
        raise Failed("init gives two states for the same game and generator")
    *_, state = states(solver, game, 3)
    before = copy.deepcopy(state)
    first = solver.step(game, state, generator(solver))
    if not same(before, state):
        raise Failed("step changes the state it is given; build a new one")
    kept = copy.deepcopy(first)
    second = solver.step(game, state, generator(solver))
    if not same(first, second):
        raise Failed("step gives two results for the same state and generator")
    solver.policy(first), solver.follower(first)
    if not same(kept, first):
        raise Failed("policy or follower changes the state it is given")


def seeds(solver: Solver) -> None:
    """The same seed gives the same answer, another one another; without drawing, none is used."""
    game = random_game(3, 2)
    if not solver.draws:
        rng = np.random.default_rng(0)
        before = rng.bit_generator.state
        _solve_briefly(solver, game, rng)
        if rng.bit_generator.state != before:
            raise Failed("draws from rng although `draws` is False")
        return
    once, again, other = (
        _solve_briefly(solver, game, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    if not np.array_equal(once.log_policy, again.log_policy):
        raise Failed("the same seed gives two answers")
    if np.array_equal(once.log_policy, other.log_policy):
        raise Failed("another seed gives the same answer although `draws` is True")


def _solve_briefly(solver: Solver, game: PreferenceGame, rng: np.random.Generator) -> Solution:
    if isinstance(solver, IterativeSolver):
        solver = dataclasses.replace(solver, max_steps=STEPS)
    return solver.solve(game, rng)


def contexts(solver: Solver) -> None:
    """All contexts at once give what one at a time gives, to 1e-12."""
    if solver.draws:
        raise DoesNotApply("draws: contexts that share a generator see other numbers")
    games = random_game(4, 2, 2)
    together, followers = played(solver, games)
    for index in np.ndindex(games.batch):
        alone, follower = played(solver, games.at(index))
        _require_close(together[index], alone, 1e-12, f"context {index} alone and among others")
        if follower is not None and followers is not None:
            _require_close(followers[index], follower, 1e-12, f"followers in context {index}")


def relabelling(solver: Solver) -> None:
    """Answers in another order get the same probabilities, to 1e-10."""
    if solver.draws:
        raise DoesNotApply("draws: holds in distribution only")
    game = random_game(5, 2)
    order = np.array([2, 0, 3, 1])
    policy, follower = played(solver, game)
    other, follows = played(solver, permuted(game, order))
    _require_close(policy[..., order], other, 1e-10, "answers in another order")
    if follower is not None and follows is not None:
        rows = follower[..., order, :][..., order]
        _require_close(rows, follows, 1e-10, "followers with answers in another order")


def target(solver: Solver) -> str:
    """What is claimed is reached, from elsewhere: distance is total variation."""
    game = far_games()
    expected = solver.target(game)
    if expected is None:
        if isinstance(solver, IterativeSolver):
            raise DoesNotApply("claims no target")
        return _certificate(solver.solve(game, generator(solver)))
    _certificate(expected)
    if not isinstance(solver, IterativeSolver):
        off = _distances(solver.solve(game, generator(solver)).policy, expected)
        return _reached(off, _NEAR["last"], "the solution")
    start = _distances(solver.policy(solver.init(game, generator(solver))), expected)
    if not (start > _FAR).all():
        raise Failed(f"already there at the start: distances {_shown(start)}, so nothing is shown")
    if solver.draws:
        return _sampled_target(solver, game, expected)
    solution = solved(solver, game)
    off = _distances(solution.policy, expected)
    if solver.iterate not in ("last", "average"):
        raise DoesNotApply("claims no iterate that approaches its target")
    assert solution.trace is not None  # every iterative solver has one
    steps = int(solution.trace.steps[-1])
    settled = solution.status == "ok"
    if solver.iterate == "last" and not settled.all():
        halfway = int(np.searchsorted(solution.trace.steps, steps / 2))
        earlier = _distances(solution.trace.policies[halfway], expected)
        late = ~settled & (off > _NEAR["last"])
        if (late & (off > 0.9 * earlier)).any():
            told = f"after {steps} steps the distances are {_shown(off)} and no longer shrink"
            raise Failed(f"{told}: they were {_shown(earlier)} after {steps // 2}")
        off, slow = np.where(late, 0, off), off[late].max(initial=0)
        _reached(np.asarray(slow), _STILL_MOVING, f"after {steps} steps")
    return _reached(off, _NEAR[solver.iterate], f"after {steps} steps")


def _certificate(solution: Solution) -> str:
    certificate = solution.certificate
    worst = float(np.max(certificate.residual))
    if not certificate.holds.all():
        allowed = float(np.max(certificate.tolerance))
        raise Failed(f"{certificate.condition}: residual {worst:.2g}, allowed {allowed:.2g}")
    return f"{certificate.condition}: residual {worst:.2g}"


def _distances(policy: Float, expected: Solution) -> Float:
    return np.asarray(numerics.total_variation(policy, expected.policy))


def _reached(off: Float, tol: float, when: str) -> str:
    if not (off <= tol).all():
        raise Failed(f"{when} the distances to the target are {_shown(off)}, expected <= {tol:.2g}")
    return f"{when} within {float(off.max()):.1g}"


def _shown(values: Float) -> str:
    return ", ".join(f"{value:.2g}" for value in np.ravel(values))


def _sampled_target(solver: IterativeSolver, game: PreferenceGame, expected: Solution) -> str:
    """A sampled form may end as far away as the exact one after as many steps, and its noise floor.

    The floor in KL is 3 eta / samples at most (observed), so that in total variation is
    sqrt(3 eta / (2 samples)). A data set of the battery's size moves the answer by about 1e-2.
    """
    fields = {field.name for field in dataclasses.fields(solver)} & SAMPLES.keys()
    exact = dataclasses.replace(solver, **dict.fromkeys(fields, 0))
    steps, allowed = MOST_STEPS, 0.0
    if not exact.draws:
        steps //= 4
        allowed = float(_distances(solved(exact, game, steps).policy, expected).max())
    samples = getattr(solver, "samples", 0)
    eta = getattr(solver, "eta", 0) or 2.0
    allowed += np.sqrt(1.5 * eta / samples) if samples else _SAMPLING_NOISE
    off = _distances(solved(solver, game, steps).policy, expected)
    return _reached(off, allowed, f"sampled, after {steps} steps")


def float32(solver: Solver) -> str:
    """In single precision nothing is upcast on the way, and the answer is the same to 1e-4."""
    if not isinstance(solver, IterativeSolver):
        raise DoesNotApply("an exact solver works in float64")
    if solver.draws:
        raise DoesNotApply("draws: sampled shares are float64")
    game = far_games()
    single = game.astype(np.float32)
    for t, state in enumerate(states(solver, single, 3)):
        for value in leaves(state):
            if floating(value) and value.dtype != np.float32:
                raise Failed(f"the state after {t} steps holds {value.dtype}, expected float32")
        if solver.policy(state).dtype != np.float32:
            raise Failed(f"policy gives {solver.policy(state).dtype}, expected float32")
    # the tolerance of double precision is out of reach: equally many steps in both
    answers = [solved(solver, g, 500, tol=0).policy for g in (game, single)]
    off = float(abs(answers[0] - answers[1]).max())
    if not off <= 1e-4:
        raise Failed(f"policies in float32 and float64 differ by {off:.2g}, expected at most 1e-4")
    return f"within {off:.1g}"


def edges(solver: Solver) -> str:
    """Certain preferences, tiny references, ties, one answer, two: probabilities, or undefined."""
    undefined = []
    for where, game in edge_games():
        try:
            solution = solved(solver, game, 100)
        except UndefinedError:
            undefined.append(where)
            continue
        except GameError:
            if game.n == 1 and hasattr(solver, "n_comparisons"):
                undefined.append(where)
                continue
            raise
        _require_distribution(f"{where}: the policy", solution.policy, game.ref.shape, 1e-6)
        if solution.follower is not None:
            follower = solution.follower
            _require_distribution(f"{where}: the follower", follower, game.P.shape, 1e-6)
    return f"undefined, and says so: {', '.join(undefined)}" if undefined else ""


def pickling(solver: Solver) -> None:
    """Solver and solution go to a worker process and back unchanged."""
    loads = ForkingPickler.loads
    if loads(ForkingPickler.dumps(solver)) != solver:
        raise Failed("the solver comes back changed")
    solution = solved(solver, random_game(6), STEPS)
    back = loads(ForkingPickler.dumps(solution))
    if not same(solution, back):
        raise Failed("the solution comes back changed")


def _require_distribution(what: str, p: Float, shape: tuple[int, ...], tol: float) -> None:
    if np.shape(p) != shape:
        raise Failed(f"{what} has shape {np.shape(p)}, expected {shape}")
    if not np.isfinite(p).all():
        raise Failed(f"{what} has entries that are not finite: {_first(p, ~np.isfinite(p))}")
    if (p < 0).any():
        raise Failed(f"{what} has negative probabilities: {_first(p, p < 0)}")
    off = abs(p.sum(-1) - 1).max()
    if off > tol:
        raise Failed(f"{what} sums to 1 only within {off:.2g}, expected {tol:g}")


def _first(p: Float, wrong: Any) -> str:
    context = np.argwhere(wrong)[0][:-1]
    return np.array2string(p[tuple(context)], precision=3)


def _require_close(a: Float, b: Float, tol: float, what: str) -> None:
    off = abs(a - b).max()
    if not off <= tol:
        raise Failed(f"{what}: policies differ by {off:.2g}, expected at most {tol:g}")


CHECKS: tuple[Callable[[Any], str | None], ...] = (
    simplex,
    purity,
    seeds,
    contexts,
    relabelling,
    target,
    float32,
    edges,
    pickling,
)
"""The checks that take an instance."""

DRAWING_CHECKS: tuple[Callable[[Any], str | None], ...] = (simplex, purity, seeds, target, edges)
"""Those that are repeated for each form of a solver that draws."""
