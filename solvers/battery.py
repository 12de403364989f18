"""The contract battery: the laws that every solver passes, as checks that anyone can run.

``prefgames check NAME-or-FILE`` prints them; the project's own tests run them over the registry.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from multiprocessing.reduction import ForkingPickler
from typing import Any, get_args

import numpy as np

from games import numerics
from games.errors import GameError, UndefinedError
from games.game import Float, PreferenceGame
from solvers.discovery import camel_case
from solvers.iterative import IterativeSolver, State
from solvers.solver import Concept, Solution, Solver

_STEPS = 20
_MOST_STEPS = 4_000
_SAMPLES = {"samples": 4_096, "n_comparisons": 1_000_000}
_FAR = 0.05
_NEAR = {"last": 1e-6, "average": 0.05, "none": 1.0}
_STILL_MOVING = 0.02
_SAMPLING_NOISE = 0.05


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one check found.

    Attributes
    ----------
    name : str
        The check; in brackets the parameters it ran with, where they are not the defaults.
    passed : bool, or None where the check does not apply
    reason : str
        Why it failed or does not apply; for a passed check what was seen, or "".
    """

    name: str
    passed: bool | None
    reason: str = ""


class Failed(Exception):
    """The solver breaks the law; the message says how."""


class DoesNotApply(Exception):
    """The law says nothing about this solver; the message says why."""


def run(kind: type[Solver], name: str | None = None) -> list[Outcome]:
    """Every check of a solver class, with default parameters and in each form that draws.

    Parameters
    ----------
    kind : Solver class
    name : str, optional
        Registry name; the last part of the module's name if left out.
    """
    name = name or kind.__module__.rpartition(".")[2]
    outcomes = [
        outcome("name", partial(_name, kind, name)),
        outcome("claims", partial(_claims, kind)),
    ]
    try:
        plain = kind()
    except Exception as error:  # a plugin may raise anything
        reason = f"{kind.__name__}() raises {_told(error)}; every parameter needs a default"
        return [*outcomes, Outcome("defaults", False, reason)]
    outcomes += [outcome(check.__name__, partial(check, plain)) for check in CHECKS]
    for field, value in _SAMPLES.items():
        if getattr(plain, field, None) == 0:
            drawing = kind(**{field: value})
            outcomes += [
                outcome(f"{check.__name__} [{field}={value}]", partial(check, drawing))
                for check in DRAWING_CHECKS
            ]
    return outcomes


def outcome(name: str, check: Callable[[], str | None]) -> Outcome:
    """What a check says, or raises."""
    try:
        with np.errstate(all="ignore"):
            return Outcome(name, True, check() or "")
    except DoesNotApply as why:
        return Outcome(name, None, str(why))
    except Failed as why:
        return Outcome(name, False, str(why))
    except Exception as error:  # a plugin may raise anything
        return Outcome(name, False, f"raises {_told(error)}")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


# The games


def _random_game(seed: int, *batch: int, n: int = 4) -> PreferenceGame:
    """Everything generic: preferences, references of both players and pair weights."""
    rng = np.random.default_rng(seed)
    low = np.tril(rng.uniform(0.05, 0.95, (*batch, n, n)), -1)
    P = low + np.triu(1 - np.swapaxes(low, -1, -2), 1) + np.eye(n) / 2
    ref, rows = rng.uniform(0.2, 1, (*batch, n)), rng.uniform(0.2, 1, (*batch, n, n))
    pairs = rng.uniform(0.2, 1, (*batch, n, n))
    return PreferenceGame(
        P,
        ref / ref.sum(-1, keepdims=True),
        rows / rows.sum(-1, keepdims=True),
        pairs + np.swapaxes(pairs, -1, -2),
    )


@lru_cache(maxsize=1)
def _far_games() -> PreferenceGame:
    """Three games far from their references: a steep cycle, a clear winner, both mixed."""
    P = [
        [[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]],
        [[0.5, 0.3, 0.6], [0.7, 0.5, 0.8], [0.4, 0.2, 0.5]],
        [[0.5, 0.55, 0.35], [0.45, 0.5, 0.75], [0.65, 0.25, 0.5]],
    ]
    ref = [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.15, 0.7, 0.15]]
    pairs = [[0, 1, 2], [1, 0, 3], [2, 3, 0]]
    return PreferenceGame(P, ref, pairs=pairs)


def _edge_games() -> Iterator[tuple[str, PreferenceGame]]:
    cycle = [[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]
    order = [[0.5, 1, 1], [0, 0.5, 1], [0, 0, 0.5]]
    even = np.full((3, 3), 0.5)
    yield "a cycle of certain preferences", PreferenceGame(cycle, [0.5, 0.3, 0.2])
    yield "a certain order", PreferenceGame(order, [0.2, 0.3, 0.5])
    yield "a reference of 1e-12", PreferenceGame(_far_games().P[0], [1 - 2e-12, 1e-12, 1e-12])
    yield "one answer", PreferenceGame([[0.5]])
    yield "two answers", PreferenceGame([[0.5, 0.7], [0.3, 0.5]], [0.9, 0.1])
    yield "ties everywhere", PreferenceGame(even, [0.5, 0.3, 0.2])


def _permuted(game: PreferenceGame, order: Float) -> PreferenceGame:
    def both(table: Float | None) -> Float | None:
        return None if table is None else table[..., order, :][..., order]

    P = game.P[..., order, :][..., order]
    return PreferenceGame(P, game.ref[..., order], both(game.ref_follower), both(game.pairs))


# Ways to run a solver


def _rng(solver: Solver, seed: int = 0) -> np.random.Generator | None:
    return np.random.default_rng(seed) if solver.draws else None


def _states(
    solver: IterativeSolver, game: PreferenceGame, steps: int, seed: int = 0
) -> Iterator[State]:
    rng = _rng(solver, seed)
    state = solver.init(game, rng)
    yield state
    for _ in range(steps):
        state = solver.step(game, state, rng)
        yield state


def _played(
    solver: Solver, game: PreferenceGame, steps: int = _STEPS, seed: int = 0
) -> tuple[Float, Float | None]:
    """Policy and follower after some steps, or of the solution of a solver without steps."""
    if isinstance(solver, IterativeSolver):
        *_, state = _states(solver, game, steps, seed)
        return solver.policy(state), solver.follower(state)
    solution = solver.solve(game, _rng(solver, seed))
    return solution.policy, solution.follower


def _solved(
    solver: Solver, game: PreferenceGame, most_steps: int = _MOST_STEPS, **changes: Any
) -> Solution:
    if isinstance(solver, IterativeSolver):
        steps = min(most_steps, solver.max_steps)
        solver = dataclasses.replace(solver, max_steps=steps, **changes)
    return solver.solve(game, _rng(solver))


def _leaves(state: Any) -> Iterator[Any]:
    """The arrays and numbers of a state, in order."""
    if isinstance(state, dict):
        state = tuple(state.values())
    elif dataclasses.is_dataclass(state):
        state = tuple(vars(state).values())
    if isinstance(state, tuple | list):
        for part in state:
            yield from _leaves(part)
    else:
        yield state


def _same(a: Any, b: Any) -> bool:
    ours, theirs = list(_leaves(a)), list(_leaves(b))
    if len(ours) != len(theirs):
        return False
    pairs = zip(ours, theirs, strict=True)
    return all(x is y or np.array_equal(x, y, equal_nan=_floating(x)) for x, y in pairs)


def _floating(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


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


# The checks of the class


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
    for claim, legal in (
        ("iterate", ("last", "average", "none")),
        ("needs", ("matrix", "samples", "dataset")),
    ):
        if issubclass(kind, IterativeSolver) and getattr(kind, claim) not in legal:
            raise Failed(f"{claim} is {getattr(kind, claim)!r}, expected one of {', '.join(legal)}")


# The checks of an instance


def simplex(solver: Solver) -> None:
    """Policies and followers' rows are probabilities, at the start and later."""
    game = _random_game(1, 2)
    for steps in (0, _STEPS):
        policy, follower = _played(solver, game, steps)
        _require_distribution("the policy", policy, game.ref.shape, 1e-12)
        if follower is not None:
            _require_distribution("the follower", follower, game.P.shape, 1e-12)


def purity(solver: Solver) -> None:
    """The same arguments give the same result, and are not changed."""
    game = _random_game(2, 2)
    if not isinstance(solver, IterativeSolver):
        first, second = (solver.solve(game, _rng(solver)) for _ in range(2))
        if not np.array_equal(first.log_policy, second.log_policy):
            raise Failed("solve gives two answers to the same game")
        return
    if not _same(solver.init(game, _rng(solver)), solver.init(game, _rng(solver))):
        raise Failed("init gives two states for the same game and generator")
    *_, state = _states(solver, game, 3)
    before = copy.deepcopy(state)
    first = solver.step(game, state, _rng(solver))
    if not _same(before, state):
        raise Failed("step changes the state it is given; build a new one")
    kept = copy.deepcopy(first)
    second = solver.step(game, state, _rng(solver))
    if not _same(first, second):
        raise Failed("step gives two results for the same state and generator")
    solver.policy(first), solver.follower(first)
    if not _same(kept, first):
        raise Failed("policy or follower changes the state it is given")


def seeds(solver: Solver) -> None:
    """The same seed gives the same answer, another one another; without drawing, none is used."""
    game = _random_game(3, 2)
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
        solver = dataclasses.replace(solver, max_steps=_STEPS)
    return solver.solve(game, rng)


def contexts(solver: Solver) -> None:
    """All contexts at once give what one at a time gives, to 1e-12."""
    if solver.draws:
        raise DoesNotApply("draws: contexts that share a generator see other numbers")
    games = _random_game(4, 2, 2)
    together, followers = _played(solver, games)
    for index in np.ndindex(games.batch):
        alone, follower = _played(solver, games.at(index))
        _require_close(together[index], alone, 1e-12, f"context {index} alone and among others")
        if follower is not None and followers is not None:
            _require_close(followers[index], follower, 1e-12, f"followers in context {index}")


def relabelling(solver: Solver) -> None:
    """Answers in another order get the same probabilities, to 1e-10."""
    if solver.draws:
        raise DoesNotApply("draws: holds in distribution only")
    game = _random_game(5, 2)
    order = np.array([2, 0, 3, 1])
    policy, follower = _played(solver, game)
    other, follows = _played(solver, _permuted(game, order))
    _require_close(policy[..., order], other, 1e-10, "answers in another order")
    if follower is not None and follows is not None:
        rows = follower[..., order, :][..., order]
        _require_close(rows, follows, 1e-10, "followers with answers in another order")


def target(solver: Solver) -> str:
    """What is claimed is reached, from elsewhere: distance is total variation."""
    game = _far_games()
    expected = solver.target(game)
    if expected is None:
        if isinstance(solver, IterativeSolver):
            raise DoesNotApply("claims no target")
        return _certificate(solver.solve(game, _rng(solver)))
    _certificate(expected)
    if not isinstance(solver, IterativeSolver):
        off = _distances(solver.solve(game, _rng(solver)).policy, expected)
        return _reached(off, _NEAR["last"], "the solution")
    start = _distances(solver.policy(solver.init(game, _rng(solver))), expected)
    if not (start > _FAR).all():
        raise Failed(f"already there at the start: distances {_shown(start)}, so nothing is shown")
    if solver.draws:
        return _sampled_target(solver, game, expected)
    solution = _solved(solver, game)
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
    fields = {field.name for field in dataclasses.fields(solver)} & _SAMPLES.keys()
    exact = dataclasses.replace(solver, **dict.fromkeys(fields, 0))
    steps, allowed = _MOST_STEPS, 0.0
    if not exact.draws:
        steps //= 4
        allowed = float(_distances(_solved(exact, game, steps).policy, expected).max())
    samples = getattr(solver, "samples", 0)
    eta = getattr(solver, "eta", 0) or 2.0
    allowed += np.sqrt(1.5 * eta / samples) if samples else _SAMPLING_NOISE
    off = _distances(_solved(solver, game, steps).policy, expected)
    return _reached(off, allowed, f"sampled, after {steps} steps")


def float32(solver: Solver) -> str:
    """In single precision nothing is upcast on the way, and the answer is the same to 1e-4."""
    if not isinstance(solver, IterativeSolver):
        raise DoesNotApply("an exact solver works in float64")
    if solver.draws:
        raise DoesNotApply("draws: sampled shares are float64")
    game = _far_games()
    single = game.astype(np.float32)
    for t, state in enumerate(_states(solver, single, 3)):
        for value in _leaves(state):
            if _floating(value) and value.dtype != np.float32:
                raise Failed(f"the state after {t} steps holds {value.dtype}, expected float32")
        if solver.policy(state).dtype != np.float32:
            raise Failed(f"policy gives {solver.policy(state).dtype}, expected float32")
    # the tolerance of double precision is out of reach: equally many steps in both
    answers = [_solved(solver, g, 500, tol=0).policy for g in (game, single)]
    off = float(abs(answers[0] - answers[1]).max())
    if not off <= 1e-4:
        raise Failed(f"policies in float32 and float64 differ by {off:.2g}, expected at most 1e-4")
    return f"within {off:.1g}"


def edges(solver: Solver) -> str:
    """Certain preferences, tiny references, ties, one answer, two: probabilities, or undefined."""
    undefined = []
    for where, game in _edge_games():
        try:
            solution = _solved(solver, game, 100)
        except UndefinedError:
            undefined.append(where)
            continue
        except GameError:
            if game.n == 1 and getattr(solver, "needs", "") == "dataset":
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
    solution = _solved(solver, _random_game(6), _STEPS)
    back = loads(ForkingPickler.dumps(solution))
    if not _same(solution, back):
        raise Failed("the solution comes back changed")


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
