"""The contract of a game: what every entry of the catalogue passes, as checks anyone can run."""

import inspect
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.conformance.outcome import DoesNotApply, Failed, Outcome, outcome
from games.game import PreferenceGame
from games.registry import draws, parameters
from solvers import SOLVERS
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from solvers.solver import Solver

_MOST_ANSWERS = 100

Make = Callable[..., PreferenceGame]


def run(make: Make, name: str) -> list[Outcome]:
    """Run every check of a function that makes a game, with its default parameters.

    Parameters
    ----------
    make : callable
    name : str
        Registry name.
    """
    outcomes = [outcome("name", partial(_name, make, name)), outcome("made", partial(_made, make))]
    if not all(checked.passed for checked in outcomes):
        return outcomes
    game = _build(make)
    return [
        *outcomes,
        outcome("seeds", partial(_seeds, make)),
        outcome("population", partial(_population, game)),
        outcome("known", partial(_known, game)),
        outcome("answered", partial(_answered, game)),
    ]


def _build(make: Make, seed: int = 0) -> PreferenceGame:
    return make(rng=np.random.default_rng(seed)) if draws(make) else make()


def _name(make: Make, name: str) -> None:
    if getattr(make, "__name__", "") != name:
        raise Failed(f"the function is called {getattr(make, '__name__', make)!r}, not {name!r}")
    if not (inspect.getdoc(make) or "").strip():
        raise Failed("it has no docstring; say what the game is in its first line")
    for key, parameter in parameters(make).items():
        if parameter.default is parameter.empty:
            raise Failed(f"the parameter {key!r} has no default")


def _made(make: Make) -> str:
    game: Any = _build(make)
    if not isinstance(game, PreferenceGame):
        raise Failed(f"it returns {type(game).__name__}, expected PreferenceGame")
    return repr(game)


def _seeds(make: Make) -> None:
    first, again, other = (_build(make, seed) for seed in (0, 0, 1))
    if first != again:
        raise Failed("two calls with the same arguments give two games")
    if draws(make) and first == other:
        raise Failed("asks for rng but another seed gives the same game")


def _population(game: PreferenceGame) -> None:
    people = game.population
    if people is None:
        raise DoesNotApply("there is none")
    P = np.zeros(game.P.shape)
    u = people.utilities
    for i, j in itertools.product(range(game.n), repeat=2):
        wins = (u[..., i] > u[..., j]) + 0.5 * (u[..., i] == u[..., j])
        P[..., i, j] = (people.shares * wins).sum(-1)
    if abs(P - game.P).max() > 1e-9:
        raise Failed(f"its votes and P differ by {abs(P - game.P).max():.2g}")


def _known(game: PreferenceGame) -> str:
    if not game.known:
        raise DoesNotApply("no known answers are given")
    for known in game.known:
        policy = SOLVERS[known.solver](**known.params).solve(game).policy
        off = abs(policy - np.asarray(known.policy)).max()
        if not off <= known.atol:
            error = f"{known.solver} {dict(known.params)} is off by {off:.2g}"
            raise Failed(f"{error}, allowed {known.atol:g} ({known.source})")
    return f"{len(game.known)} known answers"


def _answered(game: PreferenceGame) -> str:
    if game.n > _MOST_ANSWERS:
        raise DoesNotApply(f"{game.n} answers, more than {_MOST_ANSWERS}")
    solvers: tuple[Solver, ...] = RlhfExact(), NlhfExact(), SlhfExact()
    reason = ""
    for solver in solvers:
        solution = solver.solve(game)
        certificate, undefined = solution.certificate, solution.status == "undefined"
        if undefined.any():
            reason = "RLHF is undefined: nothing ever wins against some answers"
        if not (certificate.holds | undefined).all():
            worst = float(np.nanmax(certificate.residual))
            raise Failed(f"{type(solver).__name__}: {certificate.condition} is off by {worst:.2g}")
    return reason
