"""The contract of an experiment: what every built-in one of scale "tabular" keeps.

Every check asks the experiment, with default parameters, of several solvers on small games.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.conformance.outcome import (
    DoesNotApply,
    Failed,
    Outcome,
    one_line,
    outcomes_of,
)
from benchmarks.conformance.solver_games import edge_games, permuted, random_game
from games.game import PreferenceGame
from games.population import Population, every_order, majority
from games.registry import camel_case
from results.metrics import METRICS
from results.rows import canonical
from solvers.nash_md import NashMd
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from solvers.solver import Solver
from tabular.experiment import Experiment, Measurement

SOLVERS: tuple[Solver, ...] = (
    RlhfExact(0.3),
    NlhfExact(0.3),
    NlhfExact(0.0),
    SlhfExact(0.3, 0.4),
    NashMd(tau=0.3, max_steps=30),
)
"""One of each concept, one without a penalty, and an algorithm."""

_LEGAL = ("ok", "max_steps", "diverged", "undefined", "skipped")
_CLOSE = 1e-7
_EFFORT = ("seconds", "newton_steps")
"""Metrics of what it took, which may differ where the answers do not."""

Key = tuple[str, int | None, str]
Values = dict[Key, list[tuple[str, float]]]


def run(kind: type[Experiment], name: str | None = None) -> list[Outcome]:
    """Run every check of an experiment, with its default parameters.

    Parameters
    ----------
    kind : Experiment class
    name : str, optional
        Registry name; the last part of the module's name if left out.
    """
    name = name or kind.__module__.rpartition(".")[2]
    return outcomes_of(kind, {"name": partial(_name, kind, name)}, CHECKS)[1]


def _name(kind: type[Experiment], name: str) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Experiment)):
        raise Failed(f"{kind!r} is not a subclass of Experiment")
    if kind.__name__ != camel_case(name):
        raise Failed(f"the class is called {kind.__name__}, expected {camel_case(name)}")
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if "__dataclass_params__" not in vars(kind) or not parameters.frozen:
        raise Failed("the class is not a frozen dataclass: decorate it @dataclass(frozen=True)")
    if (vars(kind).get("__doc__") or "").startswith((f"{kind.__name__}(", " ")):
        raise Failed("the class has no docstring; say what it measures in its first line")


def rows(experiment: Experiment) -> str:
    """Metrics are declared and within their range; what has no value says why."""
    count = 0
    for game, solver in _asked():
        for row in _measured(experiment, game, solver):
            _require_sound(row, game)
            count += 1
    if not count:
        raise Failed("yields nothing, whatever it is asked")
    return f"{count} rows"


def seeds(experiment: Experiment) -> None:
    """The same generators give the same rows; others give others only if ``draws`` is True."""
    moved = False
    for game, solver in _asked():
        first, again, other = (
            _values(_measured(experiment, game, solver, seed)) for seed in (0, 0, 1)
        )
        _require_same(first, again, f"two runs with the same generators, {_who(solver)}", 0.0)
        try:
            _require_same(first, other, "")
        except Failed:
            moved = True
    if moved and not experiment.draws:
        raise Failed("other generators give other rows, but `draws` is False")
    if experiment.draws and not moved:
        raise Failed("`draws` is True, but other generators give the same rows")


def contexts(experiment: Experiment) -> None:
    """Several contexts give the rows that each gives alone."""
    if experiment.draws:
        raise DoesNotApply("it draws, and a context alone may see other numbers")
    for game, solver in _asked():
        together = _measured(experiment, game, solver)
        for k in range(math.prod(game.batch)):
            part = _values(row for row in together if row.context in (k, None))
            alone = _values(_measured(experiment, game.at(k), solver))
            _require_same(part, alone, f"context {k} among others and alone, {_who(solver)}")


def purity(experiment: Experiment) -> None:
    """Neither the game nor the experiment is changed."""
    for game, solver in _asked():
        before = game.digest, repr(experiment)
        _measured(experiment, game, solver)
        if (game.digest, repr(experiment)) != before:
            raise Failed(f"measuring {_who(solver)} changes the game or the experiment")


def relabelling(experiment: Experiment) -> None:
    """Answers in another order give the same rows: labels name answers, not positions."""
    if experiment.draws:
        raise DoesNotApply("it draws, and another order of the answers is other numbers")
    for game, solver in _asked():
        order: Any = np.random.default_rng(5).permutation(game.n)
        names = tuple(game.names[k] for k in order)
        people = game.population
        if people is not None:
            people = Population(people.shares, people.utilities[..., order])
        other = dataclasses.replace(permuted(game, order), names=names, population=people)
        first, second = (_values(_measured(experiment, g, solver)) for g in (game, other))
        _require_same(first, second, f"two orders of the answers, {_who(solver)}")


def undefined(experiment: Experiment) -> str:
    """Where RLHF has no answer, rows say so, and other contexts keep theirs."""
    found: list[Measurement] = []
    for without, defined in _without_answer():
        game, solver = PreferenceGame.stack([without, defined]), SOLVERS[0]
        both = _measured(experiment, game, solver)
        for row in both:
            _require_sound(row, game)
        if not experiment.draws:
            kept = _values(row for row in both if row.context in (1, None))
            alone = _values(_measured(experiment, defined, solver))
            _require_same(kept, alone, "a context beside one without an answer, and alone")
        found += both
    return f"{sum(row.status == 'undefined' for row in found)} of {len(found)} rows"


def edges(experiment: Experiment) -> None:
    """Games of one and two answers, ties and certain preferences are no reason to fail."""
    for description, game in edge_games():
        for solver in SOLVERS:
            try:
                found = _measured(experiment, game, solver)
            except Exception as error:  # a plugin may raise anything
                raise Failed(f"{description}, {_who(solver)}: raises {one_line(error)}") from None
            for row in found:
                _require_sound(row, game)


CHECKS: tuple[Callable[[Experiment], str | None], ...] = (
    rows,
    seeds,
    contexts,
    purity,
    relabelling,
    undefined,
    edges,
)


def _asked() -> Iterator[tuple[PreferenceGame, Solver]]:
    """Every solver on random games, and on games made by the majorities of user types."""
    plain, voted = random_game(3, 2, n=3), _of_voters()
    named = dataclasses.replace(plain, names=("x", "y", "z"))
    for game in (named, voted):
        for solver in SOLVERS:
            yield game, solver


def _of_voters() -> PreferenceGame:
    """Two contexts of six user types each, one a ranking, with unequal shares."""
    rng = np.random.default_rng(4)
    utilities = 2.0 - np.argsort(every_order(3), axis=1)
    people = Population(rng.dirichlet(np.full(6, 8), size=2), np.stack([utilities, utilities]))
    ref = rng.dirichlet(np.full(3, 5), size=2)
    return PreferenceGame(majority(people), ref, names=("x", "y", "z"), population=people)


def _without_answer() -> Iterator[tuple[PreferenceGame, PreferenceGame]]:
    """Games in which Bradley-Terry rewards are infinite, and others of the same form."""
    sure = [[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]]
    yield PreferenceGame(sure), PreferenceGame(random_game(6, n=3).P)
    voted = _of_voters().at(0)
    assert voted.population is not None  # the voters
    last = np.array([[2.0, 1, 0], [1, 2, 0]] * 3)
    agreed = Population(voted.population.shares, last)
    yield PreferenceGame(majority(agreed), names=voted.names, population=agreed), voted


def _measured(
    experiment: Experiment, game: PreferenceGame, solver: Solver, seed: int = 0
) -> list[Measurement]:
    """The rows, with generators by role and key; data may be drawn only if the experiment draws."""

    def rng_for(role: str, *key: Any) -> np.random.Generator:
        if role != "solver" and not experiment.draws:
            raise Failed(f"draws {role!r} but its `draws` is False: the cell would have no seed")
        words = canonical({"role": role, "key": key}).encode()
        return np.random.default_rng([seed, *words])

    return list(experiment.measure(game, solver, rng_for))


def _require_sound(row: Any, game: PreferenceGame) -> None:
    if not isinstance(row, Measurement):
        raise Failed(f"yields {row!r}, expected a Measurement")
    if row.metric not in METRICS:
        raise Failed(f"the metric {row.metric!r} is not in results/metrics.py; declare it")
    if row.status not in _LEGAL:
        raise Failed(f"{row.metric}: the status is {row.status!r}, expected {', '.join(_LEGAL)}")
    try:
        canonical(dict(row.labels))
    except (TypeError, ValueError) as error:
        raise Failed(f"{row.metric}: the labels {row.labels} are no JSON: {error}") from None
    contexts = math.prod(game.batch) if game.batch else 0
    if row.context is not None and not 0 <= row.context < contexts:
        raise Failed(f"{row.metric}: the context is {row.context}, but the game has {contexts}")
    if math.isnan(row.value):
        if row.status in ("ok", "max_steps") or not row.message:
            raise Failed(f"{row.metric} is NaN with status {row.status!r}; say why in the message")
        return
    if row.status in ("undefined", "skipped"):
        raise Failed(f"{row.metric} is {row.value} but its status is {row.status!r}")
    low, high = METRICS[row.metric].low, METRICS[row.metric].high
    if not (low - _CLOSE <= row.value <= high + _CLOSE and math.isfinite(row.value)):
        raise Failed(f"{row.metric} is {row.value} {dict(row.labels)}, outside [{low}, {high}]")


def _values(found: Any) -> Values:
    """(metric, step, labels) -> status and value, sorted; effort is left out."""
    out: Values = {}
    for row in found:
        if row.metric not in _EFFORT:
            key = row.metric, row.step, canonical(_sorted(dict(row.labels)))
            out.setdefault(key, []).append((row.status, row.value))
    return {key: sorted(pairs) for key, pairs in out.items()}


def _sorted(labels: dict[str, Any]) -> dict[str, Any]:
    """A label that lists several answers stands for the set of them."""
    return {k: sorted(v, key=json.dumps) if isinstance(v, list) else v for k, v in labels.items()}


def _require_same(first: Values, second: Values, what: str, atol: float = _CLOSE) -> None:
    lost = first.keys() ^ second.keys()
    if lost:
        metric, _, labels = min(lost, key=repr)
        raise Failed(f"{what}: {metric} {labels} is measured in one of them only")
    for (metric, _, labels), pairs in first.items():
        others = second[metric, _, labels]
        if [status for status, _ in pairs] != [status for status, _ in others]:
            raise Failed(f"{what}: {metric} {labels} differ in number or status")
        ours, theirs = ([value for _, value in each] for each in (pairs, others))
        if not np.allclose(ours, theirs, rtol=atol, atol=atol, equal_nan=True):
            raise Failed(f"{what}: {metric} {labels} is {pairs[0][1]:.9g} or {others[0][1]:.9g}")


def _who(solver: Solver) -> str:
    return type(solver).__name__
