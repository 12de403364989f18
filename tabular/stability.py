"""Up to which step size is an algorithm stable: by its linearisation, and by running it.

omega_k are the (real) frequencies of the game at the fixed point: the spectrum of (P - 1/2) D,
D = diag(pi) - pi pi^T, is imaginary, i omega_k with |omega_k| <= 1/2. Near the fixed point the
logits of a mode move by a factor (``linearisation.multipliers``) a step, and the limit is the
smallest eta at which the largest factor has modulus 1. For online IPO 1 that is 2 tau / (tau^2 +
omega^2). Where small steps are unstable too (``Mpo``, whose magnet must not move too often; see
``NashEma``), it is the upper end of the first stable interval.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from games import PreferenceGame, SolverError, SpecError, numerics
from games.game import Float
from results.rows import Status
from solvers import Solution, Solver, taus
from solvers.iterative import IterativeSolver
from solvers.sampling import NO_DRAWS
from tabular.experiment import Experiment, Measurement, RngFor
from tabular.linearisation import multipliers, omega

_NUDGE = 1e-6
_SETTLED = 1e-3
_ESCAPED = 100.0
_MARGIN = 1e-13
_UNUSED_PROBABILITY = 1e-200
_VISIBLE = 1e-11
_RECORDED_EVERY = 4
_CHECKED_EVERY = 16
_CONVERGED = 1e-14
_NO_LIMIT = {"predicted": "no formula", "observed": "too near a pure answer to see a deviation"}


def predicted_limit(
    solver: IterativeSolver, game: PreferenceGame, precision: float = 1e-6
) -> float:
    """Step size at which the linearisation in one context stops contracting.

    NaN where no formula is known, 0 where no small step contracts, inf where every step size that
    the solver accepts does.
    """
    factors = multipliers(solver, game)
    if factors is None:
        return float("nan")

    def contracts(eta: float) -> bool:
        return bool((abs(factors(eta)) < 1 - _MARGIN).all())

    return _limit(solver, contracts, precision, 1.15)


def observed_limit(
    solver: IterativeSolver, game: PreferenceGame, steps: int = 2000, precision: float = 0.01
) -> float:
    """Step size at which a small deviation from the fixed point stops shrinking, in one context.

    Found by bisection on log eta; see ``deviation_shrinks`` for the criterion. NaN where the
    target, or a row of its follower, is so near a pure answer that a deviation is lost in rounding.
    """
    target = _end(solver, game)
    for policy in (target.policy, target.follower):
        if policy is not None:
            deviation = numerics.total_variation(_perturbed(numerics.log(policy)), policy)
            if deviation.min() < _VISIBLE:
                return float("nan")

    def stable(eta: float) -> bool:
        return deviation_shrinks(replace(solver, eta=eta), game, steps)  # type: ignore[call-arg]

    return _limit(solver, stable, precision, 1.5)


def deviation_shrinks(solver: IterativeSolver, game: PreferenceGame, steps: int = 2000) -> bool:
    """Whether a deviation of 1e-6 in the logits of the target shrinks, in one context.

    It does if the distance (total variation; the largest row's, if there is a follower) falls to a
    thousandth, or if its largest value in the last quarter of the steps is below that in the second
    quarter; it does not once it has grown a hundredfold. A deviation that may grow first and shrink
    later gets up to four times the steps; they are at least 8 / (eta tau), so that one which turns
    slowly passes through all its phases. The run starts as if the references were next to the
    target, with 1e-200 for answers that the target never gives.
    """
    steps = max(steps, int(8 / (solver.eta * max(_weights(solver)))))  # type: ignore[attr-defined]
    path = _distances(solver, game, _end(solver, game))
    first = next(path)
    distances: list[float] = []
    for total in (steps, 2 * steps, 4 * steps):
        for distance in islice(path, total // _RECORDED_EVERY - len(distances)):
            distances.append(distance)
            if not distance <= _ESCAPED * first:
                return False
            if distance <= _SETTLED * first:
                return True
        quarter = len(distances) // 4
        if max(distances[-quarter:]) < max(distances[quarter : 2 * quarter]):
            return True
    return False


def _end(solver: IterativeSolver, game: PreferenceGame) -> Solution:
    target = solver.target(game)
    if target is None:
        raise SolverError(f"{type(solver).__name__} has no target to start from")
    return target


def _distances(solver: IterativeSolver, game: PreferenceGame, target: Solution) -> Iterator[float]:
    """Distance to the target of a perturbed start, then after every fourth step, without end."""
    log_follower = None if target.follower is None else numerics.log(target.follower)
    ref_follower = None if log_follower is None else _perturbed(log_follower)
    start = PreferenceGame(game.P, _perturbed(target.log_policy), ref_follower, game.pairs)
    state = solver.init(start, NO_DRAWS)
    while True:
        distance = numerics.total_variation(solver.policy(state), target.policy)
        follower = solver.follower(state)
        if follower is not None and target.follower is not None:
            rows = numerics.total_variation(follower, target.follower)
            distance = np.maximum(distance, rows.max())
        yield float(distance)
        with np.errstate(all="ignore"):
            for _ in range(_RECORDED_EVERY):
                state = solver.step(game, state, NO_DRAWS)


def _perturbed(log_policy: Float) -> Float:
    """The policies with a small deterministic vector added to their logits."""
    nudge = _NUDGE * np.sin(np.arange(1.0, log_policy.shape[-1] + 1))
    logits = np.maximum(log_policy, np.log(_UNUSED_PROBABILITY)) + nudge
    return np.asarray(np.exp(numerics.log_softmax(logits)))


def final_kl(solver: IterativeSolver, game: PreferenceGame, target: Solution, steps: int) -> float:
    """KL(target | policy) in nats after a run in one context; NaN if the run diverges.

    The run starts from the reference with its logits tilted by sin(1), sin(2), ..., because in
    symmetric games the reference itself may be the target.
    """
    tilted = np.exp(numerics.log_softmax(game.log_ref + np.sin(np.arange(1.0, game.n + 1))))
    state = solver.init(PreferenceGame(game.P, tilted, None, game.pairs), NO_DRAWS)
    divergence = np.inf
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            state = solver.step(game, state, NO_DRAWS)
            if t % _CHECKED_EVERY == 0 or t == steps:
                now = numerics.log(solver.policy(state))
                divergence = float(numerics.kl(target.log_policy, now))
                if not divergence > _CONVERGED:
                    break
    return divergence if np.isfinite(divergence) else float("nan")


def _limit(
    solver: IterativeSolver, stable: Callable[[float], bool], precision: float, growth: float
) -> float:
    """Where ``stable`` first becomes False as eta grows; then by bisection on log eta.

    The search starts at half of tau / (tau^2 + 1/4), below every limit of mirror descent (and of
    1 / tau, for a follower that moves kappa times as fast), and multiplies by ``growth``; 0 if no
    step size is stable, inf if the largest that the solver accepts still is.
    """
    tau, most = max(_weights(solver)), _largest_step(solver)
    low = min(tau / (tau**2 + 0.25) / 2, 1 / (tau * getattr(solver, "kappa", 1.0)))
    while not stable(low):  # too slow for the deviation to shrink within the run, or not stable yet
        low *= growth
        if low > most:
            return 0.0
    high = low
    while stable(high):
        if high >= most:
            return float("inf")
        low, high = high, min(growth * high, most)
    while high > low * (1 + precision):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if stable(middle) else (low, middle)
    return float(np.sqrt(low * high))


def _weights(solver: Solver) -> list[float]:
    """The solver's weights of KL penalties: tau, or one for each player."""
    return [float(getattr(solver, name)) for name in taus(type(solver))]


def _largest_step(solver: IterativeSolver) -> float:
    """The largest eta the solver accepts, of some powers of ten and the bounds of its ranges."""
    tau = max(_weights(solver))
    for eta in (1e4, 1e3, 2 / tau, (1 - 1e-6) / tau, 2 - 1e-6):
        try:
            replace(solver, eta=eta)  # type: ignore[call-arg]
        except SolverError:
            continue
        return eta
    raise SolverError(f"{type(solver).__name__}: no step size up to 2 / tau is allowed")


@dataclass(frozen=True)
class Stability(Experiment):
    """Step-size limits, predicted and observed, and runs from the reference next to the limit.

    Attributes
    ----------
    steps : int >= 32
        Steps of each run that starts next to the fixed point.
    precision : float > 0
        Relative width at which the bisection stops.
    run_steps : int >= 0
        Steps of each run from the reference at ``factors`` of the predicted limit (see
        ``final_kl``); 0 for no such runs.
    factors : list of float > 0
        Step sizes of those runs as multiples of the predicted limit: below 1 they should converge,
        above 1 cycle.
    most_contexts : int >= 1
        Only the first ``most_contexts`` contexts are measured.

    Raises
    ------
    SpecError
        If a value is out of range.
    """

    steps: int = 2000
    precision: float = 0.01
    run_steps: int = 20_000
    factors: tuple[float, ...] | list[float] = (0.95, 1.05)
    most_contexts: int = 10

    def __post_init__(self) -> None:
        for name, least in (("steps", 32), ("run_steps", 0), ("most_contexts", 1)):
            if getattr(self, name) < least:
                raise SpecError(
                    f"stability: {name} is {getattr(self, name)}, expected at least {least}"
                )
        if not self.precision > 0 or not all(factor > 0 for factor in self.factors):
            raise SpecError("stability: precision and factors must be positive")

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Context by context: omega, the two limits, and where the runs end."""
        del rng_for
        reason = why_no_limit(solver, game)
        if reason or not isinstance(solver, IterativeSolver):
            yield skipped("step_limit", reason)
            return
        indices = list(np.ndindex(game.batch))[: self.most_contexts]
        for k, index in enumerate(indices):
            one = game.at(index) if game.batch else game
            yield from self._context(one, solver, k if game.batch else None)

    def _context(
        self, game: PreferenceGame, solver: IterativeSolver, context: int | None
    ) -> Iterator[Measurement]:
        end = _end(solver, game)
        if end.status == "undefined":
            yield Measurement("omega", np.nan, context, {}, "undefined", end.message.item())
            return
        yield Measurement("omega", omega(game, end.policy), context)
        predicted = predicted_limit(solver, game)
        observed = observed_limit(solver, game, self.steps, self.precision)
        for route, limit in (("predicted", predicted), ("observed", observed)):
            labels = {"route": route}
            if np.isfinite(limit):
                yield Measurement("step_limit", limit, context, labels)
            else:
                why = _NO_LIMIT[route] if np.isnan(limit) else "stable at every step size it takes"
                yield Measurement("step_limit", np.nan, context, labels, "skipped", why)
        if not np.isfinite(predicted) or predicted == 0 or self.run_steps == 0:
            return
        for factor in self.factors:
            try:
                run = replace(solver, eta=factor * predicted)  # type: ignore[call-arg]
            except SolverError:  # larger than the solver accepts
                continue
            value = final_kl(run, game, _end(run, game), self.run_steps)
            labels_of = {"of_limit": factor}
            status: Status = "ok" if value <= _CONVERGED else "max_steps"
            status = status if np.isfinite(value) else "diverged"
            yield Measurement("kl_to_target", value, context, labels_of, status)


def why_no_limit(solver: Solver, game: PreferenceGame) -> str:
    """The reason why the solver has no step-size limit; "" if it has one."""
    if not isinstance(solver, IterativeSolver):
        return "an exact solver takes no steps"
    if solver.iterate != "last":
        return "its last iterate is not claimed to converge"
    if solver.draws:
        return "a sampled step never settles"
    if not hasattr(solver, "eta"):
        return "it has no step size called eta"
    if not _weights(solver) or min(_weights(solver)) == 0:
        return "it is not regularised"
    return "" if solver.target(game) is not None else "its target is not known by another route"


def skipped(metric: str, reason: str) -> Measurement:
    """A measurement of status "skipped" that says why nothing was measured."""
    return Measurement(metric, np.nan, status="skipped", message=reason)
