"""``IterativeSolver``: an algorithm given by ``init`` and ``step``; ``drive`` runs it."""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.sampling import NO_DRAWS
from solvers.solver import Certificate, Solution, Solver, Trace, require, solve_defined

State = Any
"""What passes from step to step: an array or a tuple of arrays, never changed in place."""


@dataclass(frozen=True, kw_only=True)
class IterativeSolver(Solver):
    """An algorithm given by ``init`` and ``step``; ``drive`` runs it.

    ``step`` is pure (the same arguments and generator state give the same result, and the arguments
    are not changed) and works on all contexts at once. A state is the logits of the policy or a
    tuple that begins with them; for any other state override ``policy``. ``rng`` is never None in
    ``init`` and ``step``: a solver that does not draw may be given ``NO_DRAWS``, which raises when
    it is used. The loop, stopping, the trace, the clock (only ``step`` is timed), the count of
    oracle calls and the average of the iterates belong to ``drive``.

    Attributes
    ----------
    max_steps : int >= 1
        Largest number of steps; contexts that have not settled by then have status "max_steps".
    tol : float >= 0
        A context has settled when its ``residual`` is at most this.
    iterate : "last", "average" or "none"
        Which iterate approaches ``target``, and is the answer; "none" if neither is known to, and
        the answer is the last one. With "average" the answer is the last iterate where the context
        has settled.
    """

    max_steps: int = 10_000
    tol: float = 1e-12
    iterate: ClassVar[Literal["last", "average", "none"]] = "last"

    @property
    def draws(self) -> bool:
        """Whether a field ``samples`` or ``n_comparisons`` is above 0."""
        return any(getattr(self, field, 0) > 0 for field in ("samples", "n_comparisons"))

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> State:
        """The state before the first step; by default the log of the reference."""
        return game.log_ref

    def step(self, game: PreferenceGame, state: State, rng: np.random.Generator) -> State:
        """The next state."""
        raise NotImplementedError

    def policy(self, state: State) -> Float:
        """The policy in this state, shape (..., n); by default the softmax of its logits."""
        logits = state[0] if isinstance(state, tuple) else state
        return np.asarray(np.exp(numerics.log_softmax(logits)))

    def follower(self, state: State) -> Float | None:
        """The follower in this state, shape (..., n, n), or None if the method has none."""
        return None

    def residual(self, game: PreferenceGame, before: State, after: State) -> Float:
        """How far each context is from settled: by default, the largest change of a probability.

        The probabilities of the follower count too, if there is one. For a solver with ``samples``
        the change is that of an exact step (0 samples) from ``before``, because a sampled step may
        change nothing by luck.
        """
        if getattr(self, "samples", 0) > 0:
            after = replace(self, samples=0).step(game, before, NO_DRAWS)  # type: ignore[call-arg]
        change = abs(self.policy(after) - self.policy(before)).max(-1)
        follower, previous = self.follower(after), self.follower(before)
        if follower is not None and previous is not None:
            change = np.maximum(change, abs(follower - previous).max((-1, -2)))
        return np.asarray(change)

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """Step until every context has settled or diverged, or ``max_steps``: see ``drive``."""
        return drive(self, game, rng)


class Oracle:
    """A game that counts its oracle calls; ``step`` is given one in place of the game.

    One call is one look-up of the win rates of one policy, or of the whole table.
    """

    def __init__(self, game: PreferenceGame) -> None:
        self.game = game
        self.calls = 0

    def win_rates(self, policy: Float) -> Float:
        """P pi, counted."""
        self.calls += 1
        return self.game.win_rates(policy)

    @property
    def P(self) -> Float:
        """The table, counted."""
        self.calls += 1
        return self.game.P

    def rows(self, i: Any) -> Float:
        """Rows of the table, counted."""
        self.calls += 1
        return self.game.rows(i)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.game, name)


def drive(
    solver: IterativeSolver,
    game: PreferenceGame,
    rng: np.random.Generator | None,
    *,
    average: bool = False,
) -> Solution:
    """Step until every context has settled or diverged, or ``max_steps``; return the solution.

    Contexts without an answer (``Solver.undefined``) are left out, and are NaN in the solution.

    Parameters
    ----------
    solver : IterativeSolver
    game : PreferenceGame
    rng : numpy Generator, or None if the solver does not draw
    average : bool
        Whether the answer is the average of the iterates whatever ``solver.iterate`` says.

    Raises
    ------
    SolverError
        If the solver draws and ``rng`` is None.
    """
    name = type(solver).__name__
    require(solver, max_steps=(1, np.inf), tol=(0, np.inf))
    if solver.draws and rng is None:
        raise SolverError(f"{name} draws random numbers; pass rng=numpy.random.default_rng(seed)")
    message = solver.undefined(game)
    if (message != "").any():
        return solve_defined(partial(drive, solver, rng=rng, average=average), game, message)
    generator = NO_DRAWS if rng is None else rng
    oracle: Any = Oracle(game)
    state = solver.init(oracle, generator)
    policy = solver.policy(state)
    total = np.zeros_like(policy)
    record = [(0, policy, policy, 0.0, oracle.calls)]
    residual = np.full(game.batch, np.inf)
    seconds, averaged = 0.0, average or solver.iterate == "average"
    marks = set(_log_spaced(solver.max_steps))
    with np.errstate(all="ignore"):
        for t in range(1, solver.max_steps + 1):
            start = time.perf_counter()
            after = solver.step(oracle, state, generator)
            seconds += time.perf_counter() - start
            check = t in marks or t % 16 == 0
            if check or averaged:
                policy = solver.policy(after)
                total = total + policy
            if check:
                residual = solver.residual(game, state, after)
                mean = total / t if averaged else policy
                if t in marks:
                    record.append((t, policy, mean, seconds, oracle.calls))
                broken = ~np.isfinite(policy).all(-1)
                if (broken | (residual <= solver.tol)).all():
                    state = after
                    break
            state = after
    if record[-1][0] != t:
        record.append((t, policy, total / t if averaged else policy, seconds, oracle.calls))
    steps, policies, averages, times, calls = zip(*record, strict=True)
    trace = Trace(
        np.array(steps), np.array(policies), np.array(averages), np.array(times), np.array(calls)
    )
    answer = trace.policies[-1]
    if averaged:  # once nothing moves, the average can only creep towards the last iterate
        answer = np.where((residual <= solver.tol)[..., None], answer, trace.averages[-1])
    broken = ~np.isfinite(answer).all(-1)
    status = np.where(broken, "diverged", np.where(residual <= solver.tol, "ok", "max_steps"))
    certificate = Certificate(
        "largest change of a probability in the last step", residual, solver.tol
    )
    return Solution(numerics.log(answer), certificate, solver.follower(state), status, trace)


def _log_spaced(last: int) -> list[int]:
    """Steps 1, 2, 3, ..., then about twelve in each decade, up to and including ``last``."""
    marks = np.unique(np.rint(10 ** np.arange(0, np.log10(last) + 1e-9, 1 / 12)).astype(int))
    return [*marks.tolist(), last]
