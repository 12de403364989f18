"""How fast does an iterative solver approach its target, in steps, oracle calls and seconds?

Expected (Zhou et al. 2025, arXiv:2503.08942, Sec. 5, and reference runs of these updates): with
tau = 0.1 EGPO and online IPO 1 reach machine precision and Nash-MD stays at its biased fixed
point; with smaller tau EGPO still converges linearly, while online IPO 1 cycles in the games whose
limit 2 tau / (tau^2 + omega^2) is below its step size; online IPO 2 and Nash-MD-PG are slow. How
slow depends on the step size: that of published Nash-MD-PG is lr, that of online IPO 2 4 lr / tau.
At tau = 0.1 the median gap over ten random games is 2e-2 there, and 1e-3 at 4 lr / tau.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from games import PreferenceGame, SpecError, measures, numerics
from games.game import Float
from games.measures import Mask
from results.rows import Status
from solvers import Solution, Solver
from solvers.iterative import IterativeSolver, drive
from tabular.experiment import Experiment, Measurement, RngFor
from tabular.stability import predicted_limit, skipped

_FEW_ANSWERS = 4


@dataclass(frozen=True)
class Convergence(Experiment):
    """Gaps and distances to the target at every point of the solver's trace.

    The target is what the solver converges to with its own parameters, found by another route; it
    need not be the equilibrium (see ``fixed_points``). Solvers whose answer is the average are
    measured by both, the last iterate and the average. In games of few answers the policy itself is
    measured too, and the target. Of Newton's method, the exact solver at
    tau > 0, the steps are counted and one solve is timed.

    Attributes
    ----------
    average : bool
        Whether the average of the iterates is also measured where the answer is the last one.
    most_contexts : int >= 1
        Games with more contexts give the median and the largest value over all of them.

    Raises
    ------
    SpecError
        If most_contexts is below 1.
    """

    average: bool = False
    most_contexts: int = 20

    def __post_init__(self) -> None:
        if self.most_contexts < 1:
            raise SpecError(
                f"convergence: most_contexts is {self.most_contexts}, expected at least 1"
            )

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the values along the trace, then each reply of the follower, then step limits."""
        if not isinstance(solver, IterativeSolver):
            yield from self._exact(game, solver)
            return
        target = solver.target(game)
        solution = drive(solver, game, rng_for("solver"), average=self.average)
        if (solution.status == "undefined").all():
            residual = solution.certificate.residual  # NaN
            yield from self._contexts("kl_to_target", residual, game, solution)
            return
        trace = solution.trace
        if trace is None:
            yield skipped("kl_to_target", "the solver kept no trace")
            return
        averaged = self.average or solver.iterate == "average"
        # only the last point can have missed the tolerance
        running = replace(solution, status=np.full(game.batch, "ok"))
        if target is not None:
            yield from self._policy(game, target.policy, None, "target", target)
        for k, step in enumerate(trace.steps.tolist()):
            yield Measurement("oracle_calls", float(trace.oracle_calls[k]), step=step)
            yield Measurement("seconds", float(trace.seconds[k]), step=step)
            now = solution if step == trace.steps[-1] else running
            yield from self._point(game, solver, target, trace.policies[k], step, "last", now)
            if averaged:
                mean = trace.averages[k]
                yield from self._point(game, solver, target, mean, step, "average", now)
        yield from self._replies(game, solution, target, int(trace.steps[-1]))
        yield from self._limits(game, solver, target)

    def _exact(self, game: PreferenceGame, solver: Solver) -> Iterator[Measurement]:
        """Steps and seconds of Newton's method; the second solve is timed: the first warms up."""
        tau = getattr(solver, "tau", 0.0)
        if solver.concept != "nlhf" or tau == 0 or solver.solve(game).newton_steps is None:
            yield skipped(
                "newton_steps", "of the exact solvers NLHF at tau > 0 alone counts its steps"
            )
            return
        began = time.perf_counter()
        solution = solver.solve(game)
        yield Measurement("seconds", time.perf_counter() - began)
        gap = measures.duality_gap(game, solution.policy, tau)
        for metric, value in (("newton_steps", solution.newton_steps), ("regularised_gap", gap)):
            yield from self._contexts(metric, np.asarray(value), game, solution)

    def _point(
        self,
        game: PreferenceGame,
        solver: IterativeSolver,
        target: Solution | None,
        policy: Float,
        step: int,
        iterate: str,
        solution: Solution,
    ) -> Iterator[Measurement]:
        tau = getattr(solver, "tau", 0.0)
        yield from self._policy(game, policy, step, iterate, solution)
        values = {"duality_gap": measures.duality_gap(game, policy)}
        if solver.concept == "nlhf" and tau > 0:
            values["regularised_gap"] = measures.duality_gap(game, policy, tau)
        for metric, value in values.items():
            yield from self._contexts(metric, value, game, solution, "", step, iterate=iterate)
        if target is None:
            return
        distances = {
            "kl_to_target": numerics.kl(target.log_policy, numerics.log(policy)),
            "tv_to_target": numerics.total_variation(policy, target.policy),
        }
        for metric, value in distances.items():
            against = target.message
            yield from self._contexts(metric, value, game, solution, against, step, iterate=iterate)

    def _policy(
        self, game: PreferenceGame, policy: Float, step: int | None, iterate: str, of: Solution
    ) -> Iterator[Measurement]:
        """The probability of every answer, in games of few answers and contexts."""
        if game.n > _FEW_ANSWERS or len(list(np.ndindex(game.batch))) > self.most_contexts:
            return
        for i, name in enumerate(game.names):
            value, labels = policy[..., i], {"iterate": iterate, "action": name}
            yield from self._contexts("probability", value, game, of, "", step, **labels)

    def _contexts(
        self,
        metric: str,
        values: Float,
        game: PreferenceGame,
        solution: Solution,
        against: ArrayLike = "",
        step: int | None = None,
        **labels: str,
    ) -> Iterator[Measurement]:
        """One measurement a context, or two for all of them; ``against`` as for ``each``."""
        flat, status = np.ravel(values), np.ravel(solution.status)
        reasons = np.ravel(np.where(solution.message == "", against, solution.message))
        undefined = np.isnan(flat) & (reasons != "")
        if flat.size > self.most_contexts:
            yield from _quantiles(metric, flat, status, reasons, undefined, step, labels)
            return
        for k, number in enumerate(flat.tolist()):
            state, reason = status[k].item(), ""
            if undefined[k]:
                state, reason = "undefined", reasons[k].item()
            elif np.isnan(number):
                state, reason = "diverged", "not finite"
            elif np.isinf(number):  # a KL
                state, reason = "undefined", "infinite: an answer has probability 0"
            value = number if np.isfinite(number) else np.nan
            context = k if game.batch else None
            yield Measurement(metric, value, context, labels, state, reason, step)

    def _limits(
        self, game: PreferenceGame, solver: IterativeSolver, target: Solution | None
    ) -> Iterator[Measurement]:
        """The step size up to which the fixed point of each context is stable, if predicted."""
        indices = list(np.ndindex(game.batch))
        eta = getattr(solver, "step_size", getattr(solver, "eta", None))
        if len(indices) > self.most_contexts or eta is None:
            return
        for k, index in enumerate(indices):
            if target is not None and target.status[index] == "undefined":
                continue
            limit = predicted_limit(solver, game.at(index) if game.batch else game)
            if np.isfinite(limit):
                labels = {"route": "predicted", "eta": float(eta)}
                yield Measurement("step_limit", limit, k if game.batch else None, labels)

    def _replies(
        self, game: PreferenceGame, solution: Solution, target: Solution | None, step: int
    ) -> Iterator[Measurement]:
        """Total variation of every row of the follower to its closed form, at the end."""
        if solution.follower is None or target is None or target.follower is None:
            return
        distances = numerics.total_variation(solution.follower, target.follower)
        for i, name in enumerate(game.names):
            row, against = distances[..., i], target.message
            yield from self._contexts("row_tv", row, game, solution, against, step, action=name)


def _quantiles(
    metric: str,
    values: Float,
    status: NDArray[np.str_],
    reasons: NDArray[np.str_],
    undefined: Mask,
    step: int | None,
    labels: dict[str, str],
) -> Iterator[Measurement]:
    """The median and the largest value over the contexts in which there is one."""
    if undefined.all():
        yield Measurement(metric, np.nan, None, labels, "undefined", reasons[0].item(), step)
        return
    values, status = values[~undefined], status[~undefined]
    finite = values[np.isfinite(values)]
    state: Status = "ok" if (status == "ok").all() else "max_steps"
    state = state if finite.size == values.size else "diverged"
    for name, quantile in (("median", 0.5), ("largest", 1.0)):
        value = float(np.quantile(finite, quantile)) if finite.size else np.nan
        yield Measurement(metric, value, None, {**labels, "contexts": name}, state, "", step)
