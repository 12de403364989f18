"""One solver on one game: the answer, its follower, its gap and its certificate."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import console, plugins
from games import GAMES, PreferenceGame, SolverError, SpecError, load, measures
from games.game import Float
from games.registry import near
from results.rows import canonical
from solvers import Solution, Solver

_MOST_ANSWERS = 30
_MOST_REPLIES = 12
_MOST_CONTEXTS = 20


def find_game(
    name: str, params: plugins.Params, group_by: str | None, rng: np.random.Generator
) -> PreferenceGame:
    """The game of the catalogue, else the one that the file of that name holds.

    Raises
    ------
    SpecError
        If there is neither, or parameters are given for a file.
    GameError
        If the file or a parameter is wrong.
    """
    if group_by is None and name in GAMES:
        return plugins.game(name, params, rng)
    if not Path(name).exists():
        raise SpecError(f"no game named {name!r} and no such file{near(name, GAMES)}")
    if params:
        raise SpecError(f"{name}: -g is for games of the catalogue, a file has no parameters")
    return load(name, group_by)


def show_json(game: PreferenceGame, solver: Solver, solution: Solution) -> None:
    """Print everything as one line of JSON; numbers in full, null where there is no answer."""
    certificate = solution.certificate
    answer = {
        "names": game.names,
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


def show(game: PreferenceGame, solution: Solution) -> None:
    """Print tables for people: of one context the answer in full, of many one line each."""
    gap = measures.duality_gap(game, solution.policy)
    certificate = solution.certificate
    if game.batch:
        _show_contexts(game, solution, gap)
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
    rates = game.win_rates(policy)
    rows = [[game.names[k], float(game.ref[k]), float(policy[k]), float(rates[k])] for k in shown]
    console.table(["answer", "reference", "policy", "wins against policy"], rows)
    if game.n > _MOST_ANSWERS:
        console.out(f"... and {game.n - _MOST_ANSWERS} more answers; --json gives all")
    if solution.follower is None:
        return
    console.out("")
    if game.n > _MOST_REPLIES:
        console.out(f"the follower's {game.n} x {game.n} table is given by --json")
        return
    replies = [
        [name, *map(float, row)] for name, row in zip(game.names, solution.follower, strict=True)
    ]
    console.table(["answer \\ follower", *game.names], replies)


def _show_contexts(game: PreferenceGame, solution: Solution, gap: Any) -> None:
    """Print a table with one line for each context."""
    policy = solution.policy.reshape(-1, game.n)
    columns = np.ravel(gap), np.ravel(solution.certificate.residual), np.ravel(solution.status)
    rows = [
        [k, _likeliest(game, p), float(p.max()), float(g), float(r), str(s)]
        for k, (p, g, r, s) in enumerate(zip(policy, *columns, strict=True))
    ]
    header = ["context", "likeliest answer", "policy", "duality gap", "residual", "status"]
    console.table(header, rows[:_MOST_CONTEXTS])
    if len(rows) > _MOST_CONTEXTS:
        console.out(f"... and {len(rows) - _MOST_CONTEXTS} more contexts; --json gives all")


def _likeliest(game: PreferenceGame, policy: Float) -> str:
    return "-" if np.isnan(policy).any() else game.names[int(policy.argmax())]


def _or_null(values: Float) -> Any:
    return np.where(np.isnan(values), None, values)  # type: ignore[call-overload]
