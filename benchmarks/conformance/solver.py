"""The contract of a solver: the laws that every built-in one keeps.

A check of an instance returns a figure that it measured, or raises ``Failed`` or ``DoesNotApply``.
"""

import copy
import dataclasses
from collections.abc import Callable
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any, get_args

import numpy as np

from benchmarks.conformance.outcome import (
    DoesNotApply,
    Failed,
    Outcome,
    outcome,
    outcomes_of,
)
from benchmarks.conformance.solver_games import (
    MOST_STEPS,
    STEPS,
    after_steps,
    edge_games,
    far_games,
    floating,
    generator,
    leaves,
    permuted,
    random_game,
    same,
    solved,
    states,
)
from games import numerics
from games.errors import GameError
from games.game import Float, PreferenceGame
from games.registry import camel_case
from solvers.iterative import IterativeSolver
from solvers.solver import Concept, Solution, Solver

SAMPLES = {"samples": 4_096, "n_comparisons": 1_000_000}
"""The fields that make a solver draw, and the values at which its sampled form is tried."""
_FAR = 0.05
_NEAR = {"last": 1e-6, "average": 0.05, "none": 1.0}
_STILL_MOVING = 0.002
_SAMPLING_NOISE = 0.05


def run(kind: type[Solver], name: str | None = None) -> list[Outcome]:
    """Run every check of a solver class, with default parameters and in each form that draws.

    Parameters
    ----------
    kind : Solver class
    name : str, optional
        Registry name; the last part of the module's name if left out.
    """
    name = name or kind.__module__.rpartition(".")[2]
    of_class = {"name": partial(_name, kind, name), "claims": partial(_claims, kind)}
    plain, outcomes = outcomes_of(kind, of_class, CHECKS)
    if plain is None:
        return outcomes
    for field, value in SAMPLES.items():
        if getattr(plain, field, None) == 0:
            drawing = kind(**{field: value})
            outcomes += [
                outcome(f"{check.__name__} [{field}={value}]", partial(check, drawing))
                for check in DRAWING_CHECKS
            ]
    return outcomes


def _name(kind: type[Solver], name: str) -> None:
    module = kind.__module__.rpartition(".")[2]
    if not (name.isidentifier() and name == name.lower()):
        raise Failed(f"the name {name!r} is not of the form my_method")
    if module != name:
        raise Failed(f"registered as {name!r} but the module is called {module!r}")
    if kind.__name__ != camel_case(name):
        raise Failed(f"the class is called {kind.__name__}, expected {camel_case(name)}")


def _claims(kind: type[Solver]) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Solver)):
        raise Failed(f"{kind!r} is not a subclass of Solver")
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if "__dataclass_params__" not in vars(kind) or not parameters.frozen:
        raise Failed("the class is not a frozen dataclass: decorate it @dataclass(frozen=True)")
    if kind.concept not in get_args(Concept):
        raise Failed(f"concept is {kind.concept!r}, expected one of {', '.join(get_args(Concept))}")
    if not kind.paper.strip():
        raise Failed('paper is empty; say authors, year, arXiv id or venue, or "unpublished"')
    if not (vars(kind).get("__doc__") or "").strip() or (kind.__doc__ or "").startswith(
        f"{kind.__name__}("
    ):
        raise Failed("the class has no docstring; state the update in its first line")
    legal = ("last", "average", "none")
    if issubclass(kind, IterativeSolver) and kind.iterate not in legal:
        raise Failed(f"iterate is {kind.iterate!r}, expected one of {', '.join(legal)}")


def simplex(solver: Solver) -> None:
    """Policies and followers' rows are probabilities, at the start and later."""
    game = random_game(1, 2)
    for steps in (0, STEPS):
        policy, follower = after_steps(solver, game, steps)
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
    before = copy.deepcopy(first)
    second = solver.step(game, state, generator(solver))
    if not same(first, second):
        raise Failed("step gives two results for the same state and generator")
    solver.policy(first), solver.follower(first)
    if not same(before, first):
        raise Failed("policy or follower changes the state it is given")


def seeds(solver: Solver) -> None:
    """The same seed gives the same answer, another seed another; only what draws uses one."""
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
    together, followers = after_steps(solver, games)
    for index in np.ndindex(games.batch):
        alone, follower = after_steps(solver, games.at(index))
        _require_close(together[index], alone, 1e-12, f"context {index} alone and among others")
        if follower is not None and followers is not None:
            _require_close(followers[index], follower, 1e-12, f"followers in context {index}")


def relabelling(solver: Solver) -> None:
    """Answers in another order get the same probabilities, to 1e-10."""
    if solver.draws:
        raise DoesNotApply("draws: holds in distribution only")
    game = random_game(5, 2)
    order = np.array([2, 0, 3, 1])
    policy, follower = after_steps(solver, game)
    other, follows = after_steps(solver, permuted(game, order))
    _require_close(policy[..., order], other, 1e-10, "answers in another order")
    if follower is not None and follows is not None:
        rows = follower[..., order, :][..., order]
        _require_close(rows, follows, 1e-10, "followers with answers in another order")


def target(solver: Solver) -> str:
    """The claimed target is reached from a distant start; distances are total variations."""
    game = far_games()
    expected = solver.target(game)
    if expected is None:
        if isinstance(solver, IterativeSolver):
            raise DoesNotApply("claims no target")
        solution = solver.solve(game, generator(solver))
        _require_answers("the answer", solution, game)
        return _certificate(solution)
    _require_answers("the target", expected, game)
    _certificate(expected)
    if not isinstance(solver, IterativeSolver):
        off = _distances(solver.solve(game, generator(solver)).policy, expected)
        return _reached(off, _NEAR["last"], "the solution is")
    start = _distances(solver.policy(solver.init(game, generator(solver))), expected)
    if not (start > _FAR).all():
        raise Failed(
            f"already at the target at the start: distances {_shown(start)}, so nothing is shown"
        )
    if solver.draws:
        return _sampled_target(solver, game, expected)
    solution = solved(solver, game)
    _require_answers("the answer", solution, game)
    off = _distances(solution.policy, expected)
    if solver.iterate not in ("last", "average"):
        raise DoesNotApply("claims no iterate that approaches its target")
    assert solution.trace is not None  # every iterative solver has one
    steps = int(solution.trace.steps[-1])
    allowed = np.full(off.shape, _NEAR[solver.iterate])
    late = (solution.status != "ok") & (off > allowed)
    if solver.iterate == "average" or not late.any():
        return _reached(off, allowed, f"after {steps} steps")
    halfway = int(np.searchsorted(solution.trace.steps, steps / 2))
    earlier = _distances(solution.trace.policies[halfway], expected)
    if (late & (off > 0.9 * earlier)).any():
        distances = f"after {steps} steps the distances are {_shown(off)} and no longer shrink"
        raise Failed(f"{distances}: they were {_shown(earlier)} after {steps // 2}")
    allowed[late] = _STILL_MOVING
    return _reached(off, allowed, f"still moving, after {steps} steps")


def _certificate(solution: Solution) -> str:
    certificate = solution.certificate
    worst = float(np.max(certificate.residual))
    if not certificate.holds.all():
        allowed = float(np.max(certificate.tolerance))
        raise Failed(f"{certificate.condition}: residual {worst:.2g}, allowed {allowed:.2g}")
    return f"{certificate.condition}: residual {worst:.2g}"


def _distances(policy: Float, expected: Solution) -> Float:
    return np.asarray(numerics.total_variation(policy, expected.policy))


def _reached(off: Float, allowed: float | Float, when: str) -> str:
    if not (off <= allowed).all():
        limit = float(np.max(allowed))
        raise Failed(
            f"{when} the distances to the target are {_shown(off)}, expected <= {limit:.2g}"
        )
    return f"{when} within {float(off.max()):.1g}"


def _shown(values: Float) -> str:
    return ", ".join(f"{value:.2g}" for value in np.ravel(values))


def _sampled_target(solver: IterativeSolver, game: PreferenceGame, expected: Solution) -> str:
    """A sampled form may end as far away as the exact one after as many steps, and its noise floor.

    The floor in KL is 3 eta / samples at most (observed), so that in total variation is
    sqrt(3 eta / (2 samples)). A data set of that size moves the answer by about 1e-2.
    """
    fields = {field.name for field in dataclasses.fields(solver)} & SAMPLES.keys()
    exact = dataclasses.replace(solver, **dict.fromkeys(fields, 0))
    steps, allowed = MOST_STEPS, 0.0
    if not exact.draws:
        steps //= 4
        allowed = float(_distances(solved(exact, game, steps).policy, expected).max())
    samples = getattr(solver, "samples", 0)
    eta = getattr(solver, "step_size", None) or getattr(solver, "eta", None) or 2.0
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
    """Certain preferences, tiny references, ties, one answer, two: probabilities, or a reason."""
    undefined = []
    for where, game in edge_games():
        try:
            solution = solved(solver, game, 100)
        except GameError:
            if game.n == 1 and hasattr(solver, "n_comparisons"):
                undefined.append(where)
                continue
            raise
        if solution.status == "undefined":
            if not str(solution.message) or not np.isnan(solution.policy).all():
                raise Failed(f"{where}: undefined without a reason, or with a policy")
            undefined.append(where)
            continue
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


def _require_answers(what: str, solution: Solution, game: PreferenceGame) -> None:
    """A policy in every context, or a reason why it does not exist there."""
    missing = np.isin(solution.status, ("undefined", "error"))
    if (missing & (solution.message == "")).any():
        raise Failed(f"{what} is missing without a reason; say why in the solution's message")
    policy = np.where(missing[..., None], game.ref, solution.policy)
    _require_distribution(what, policy, game.ref.shape, 1e-6)


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
"""The checks of an instance."""

DRAWING_CHECKS: tuple[Callable[[Any], str | None], ...] = (simplex, purity, seeds, target, edges)
"""The checks that are repeated for each form of a solver that draws."""
