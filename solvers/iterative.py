"""What an iterative algorithm is, and the one driver that runs them all."""

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
"""What a solver carries from step to step: arrays, or a tuple of arrays; never changed in place."""


@dataclass(frozen=True, kw_only=True)
class IterativeSolver(Solver):
    """An algorithm given by ``init`` and ``step``; everything else is the driver's.

    ``step`` is pure (same arguments and generator state, same result; arguments unchanged) and
    works on all contexts at once. A state is the logits of the policy or a tuple that begins with
    them; otherwise override ``policy``. ``rng`` is never None in ``init`` and ``step``: a solver
    that does not draw may get ``NO_DRAWS``, of which every use is an error. The driver owns the
    loop, stopping, the trace, the clock (only ``step`` is timed), the count of oracle calls and the
    average of the iterates.

    Attributes
    ----------
    max_steps : int >= 1
        Steps at most; contexts that have not settled by then have status "max_steps".
    tol : float >= 0
        A context has settled when ``residual`` is at most this.
    iterate : "last", "average" or "none"
        Which iterate approaches ``target`` (and is the answer); "none" if neither is known to. The
        answer of "average" is the last iterate where that has settled.
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
        """The policy to deploy now, shape (..., n); by default the softmax of its logits."""
        logits = state[0] if isinstance(state, tuple) else state
        return np.asarray(np.exp(numerics.log_softmax(logits)))

    def follower(self, state: State) -> Float | None:
        """The follower to deploy now, shape (..., n, n); None if there is none."""
        return None

    def residual(self, game: PreferenceGame, before: State, after: State) -> Float:
        """How far from settled, for each context; by default the largest change of a probability.

        The follower's count too, where there is one.
        Of a solver with ``samples`` it is what the exact step (0 samples) would change: a sampled
        one may change nothing by luck.
        """
        if getattr(self, "samples", 0) > 0:
            after = replace(self, samples=0).step(game, before, NO_DRAWS)  # type: ignore[call-arg]
        change = abs(self.policy(after) - self.policy(before)).max(-1)
        now, last = self.follower(after), self.follower(before)
        if now is not None and last is not None:
            change = np.maximum(change, abs(now - last).max((-1, -2)))
        return np.asarray(change)

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """Run to the tolerance, ``max_steps`` or divergence."""
        return drive(self, game, rng)


class Oracle:
    """A game that counts how often it is asked; it stands in for the game in ``step``.

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
    """Step until every context has settled or diverged, or ``max_steps``.

    Contexts without an answer (``Solver.undefined``) are left out, and are NaN in the solution.
    With ``average`` the answer is the average of the iterates whatever ``solver.iterate`` says.

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
            began = time.perf_counter()
            after = solver.step(oracle, state, generator)
            seconds += time.perf_counter() - began
            look = t in marks or t % 16 == 0
            if look or averaged:
                policy = solver.policy(after)
                total = total + policy
            if look:
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
    """1, 2, 3, ... then about twelve marks a decade, up to and including ``last``."""
    marks = np.unique(np.rint(10 ** np.arange(0, np.log10(last) + 1e-9, 1 / 12)).astype(int))
    return [*marks.tolist(), last]
