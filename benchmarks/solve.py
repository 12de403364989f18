"""One solver on one game: the answer, its follower, its gap and its certificate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import calls, console, files, plugins
from benchmarks.data import DataOptions
from benchmarks.methods import METHODS
from games import (
    GAMES,
    PreferenceGame,
    PrefgamesError,
    SolverError,
    SpecError,
    measures,
)
from games.game import Float
from games.registry import near
from results.rows import canonical
from solvers import Solution, Solver
from solvers.aliases import resolve

_MOST_ANSWERS = 30
_MOST_REPLIES = 12
_MOST_CONTEXTS = 20
_LONGEST_NAME = 30
_LONGEST_PROMPT = 40


class BrokenSolverError(Exception):
    """A solver raised an error that it did not mean to raise, or gave no policy and no reason."""


def find_solver(text: str, params: plugins.Params) -> Solver:
    """The solver of that name, with the parameters in it, or in that file.

    Raises
    ------
    SpecError
        If there is none, or a parameter is unknown, of another type, or given twice.
    SolverError
        If a value is out of range.
    """
    name, written = calls.parse(text)
    name, params = resolve(name, _joined(text, written, params))
    solvers = METHODS["tabular"]
    name = solvers.named(name)
    solver: Solver = solvers.make(name, solvers.with_weights(name, params))
    return solver


def find_game(
    text: str, params: plugins.Params, data: DataOptions, rng: np.random.Generator
) -> tuple[PreferenceGame, tuple[str, ...]]:
    """The game of the catalogue or of a .py file, else the one that the data in a file make.

    With it come the prompts that its contexts stand for; none if they are not known.

    Raises
    ------
    SpecError
        If there is neither, parameters are given for data, or options for data with a game.
    GameError
        If the file or a parameter is wrong.
    """
    name, written = calls.parse(text)
    is_game = name in GAMES or name.endswith(".py")
    if is_game and not (data.given and Path(text).exists()):
        if data.given:
            raise SpecError(f"{data.given} belongs to a file of comparisons, and {text} is a game")
        name = files.registered("game", name)
        return plugins.game(name, _joined(text, written, params), rng), ()
    if not Path(text).exists():
        raise SpecError(f"no game named {text!r} and no such file{near(name, GAMES)}")
    if params:
        raise SpecError(f"{text}: -g is for games of the catalogue, a file has no parameters")
    return data.game(Path(text))


def _joined(text: str, written: plugins.Params, given: plugins.Params) -> dict[str, Any]:
    twice = sorted(written.keys() & given.keys())
    if twice:
        raise SpecError(f"{text}: {twice[0]} is also given as an option; keep one")
    return {**written, **given}


def solved(solver: Solver, game: PreferenceGame, rng: np.random.Generator) -> Solution:
    """The solution, if there is an answer in any context.

    Raises
    ------
    SolverError
        With the reason, if there is no answer.
    BrokenSolverError
        If the solver raises any other error, or a policy is NaN where no reason is given.
    """
    try:
        solution = solver.solve(game, rng)
    except PrefgamesError:
        raise
    except Exception as error:  # of a plugin, which may raise anything
        raise BrokenSolverError(plugins.reason(error)) from error
    unexplained = np.isnan(solution.policy).any(-1) & np.isin(solution.status, ["ok", "max_steps"])
    if unexplained.any():
        raise BrokenSolverError(
            f"the policy is NaN in {unexplained.sum()} of {unexplained.size} contexts, where the "
            "solver gives no reason; expected probabilities"
        )
    return require_answer(solution)


def show_json(
    game: PreferenceGame, solver: Solver, solution: Solution, prompts: Sequence[str] = ()
) -> None:
    """Print everything as one line of JSON; numbers in full, null where there is no answer."""
    certificate = solution.certificate
    answer = {
        "names": game.names,
        **({"prompts": tuple(prompts)} if prompts else {}),
        "concept": solver.concept,
        "policy": _or_null(solution.policy),
        "follower": None if solution.follower is None else _or_null(solution.follower),
        "duality_gap": _or_null(measures.duality_gap(game, solution.policy)),
        "certificate": {
            "condition": certificate.condition,
            "residual": _or_null(certificate.residual),
            "tolerance": _or_null(np.asarray(certificate.tolerance)),
        },
        "status": solution.status,
        "message": solution.message,
    }
    console.out(canonical(answer))


def show(game: PreferenceGame, solution: Solution, prompts: Sequence[str] = ()) -> None:
    """Print tables for people: of one context the answer in full, of many one line each."""
    gap = measures.duality_gap(game, solution.policy)
    certificate = solution.certificate
    if game.batch:
        _show_contexts(game, solution, gap, prompts)
    else:
        _show_policy(game, solution)
        console.out("")
        console.out(f"duality gap  {float(gap):.4g}")
    missing = solution.message != ""
    worst = float(np.max(np.asarray(certificate.residual)[~missing]))
    allowed = float(np.nanmax(certificate.tolerance))
    console.out(
        f"certificate  {certificate.condition}: residual {worst:.2g}, allowed {allowed:.2g}"
        f"{'' if (certificate.holds | missing).all() else ': DOES NOT HOLD'}"
    )
    for k in np.flatnonzero(missing)[:_MOST_CONTEXTS]:
        console.out(f"context {k}: {solution.message.flat[k]}")


def require_answer(solution: Solution) -> Solution:
    """The solution, if there is an answer in any context.

    Raises
    ------
    SolverError
        With the reason, if there is none.
    """
    if (solution.status == "undefined").all():
        raise SolverError(str(solution.message.flat[0]))
    return solution


def _show_policy(game: PreferenceGame, solution: Solution) -> None:
    """Print the answers, likeliest first where not all are shown, and the follower's replies."""
    policy = solution.policy
    order = np.arange(game.n) if game.n <= _MOST_ANSWERS else np.argsort(-policy, kind="stable")
    shown = [int(k) for k in order[:_MOST_ANSWERS]]
    rates, names = game.win_rates(policy), _short_names(game)
    rows = [[names[k], float(game.ref[k]), float(policy[k]), float(rates[k])] for k in shown]
    console.table(["answer", "reference", "policy", "wins against policy"], rows)
    if game.n > _MOST_ANSWERS:
        console.out(f"... and {game.n - _MOST_ANSWERS} more answers; --json gives all")
    if solution.follower is None:
        return
    console.out("")
    if game.n > _MOST_REPLIES:
        console.out(f"the follower's {game.n} x {game.n} table is given by --json")
        return
    replies = [[name, *map(float, row)] for name, row in zip(names, solution.follower, strict=True)]
    console.table(["answer \\ follower", *names], replies)


def _show_contexts(
    game: PreferenceGame, solution: Solution, gap: Any, prompts: Sequence[str]
) -> None:
    """Print a table with one line for each context."""
    policy = solution.policy.reshape(-1, game.n)
    columns = np.ravel(gap), np.ravel(solution.certificate.residual), np.ravel(solution.status)
    rows = [
        [
            console.one_line(prompts[k], _LONGEST_PROMPT) if prompts else k,
            _likeliest(game, p),
            float(p.max()),
            float(g),
            float(r),
            str(s),
        ]
        for k, (p, g, r, s) in enumerate(zip(policy, *columns, strict=True))
    ]
    header = [
        "prompt" if prompts else "context",
        "likeliest answer",
        "policy",
        "duality gap",
        "residual",
        "status",
    ]
    console.table(header, rows[:_MOST_CONTEXTS])
    if len(rows) > _MOST_CONTEXTS:
        console.out(f"... and {len(rows) - _MOST_CONTEXTS} more contexts; --json gives all")


def _likeliest(game: PreferenceGame, policy: Float) -> str:
    return "-" if np.isnan(policy).any() else _short_names(game)[int(policy.argmax())]


def _short_names(game: PreferenceGame) -> list[str]:
    """The answers in one short line each; those that begin alike are numbered."""
    short = [console.one_line(name, _LONGEST_NAME) for name in game.names]
    return [f"{name} ({k + 1})" if short.count(name) > 1 else name for k, name in enumerate(short)]


def _or_null(values: Float) -> Any:
    return np.where(np.isnan(values), None, values)  # type: ignore[call-overload]
