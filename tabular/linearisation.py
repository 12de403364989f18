"""How small deviations from the fixed point of an algorithm grow in a step of size eta.

Written out from the update rules and evaluated at the fixed point that an exact solver finds; no
step of the algorithm is taken. Deviations are of logits, in which adding a constant changes
nothing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from games import PreferenceGame, measures
from games.game import Float
from solvers.nlhf_exact import NlhfExact

Complex = NDArray[np.complex128]


def spectrum(game: PreferenceGame, policy: Float) -> Complex:
    """Eigenvalues (n,) of (P - 1/2)(diag pi - pi pi^T), the game's turning at ``policy``."""
    return np.asarray(np.linalg.eigvals((game.P - 0.5) @ _spread(policy)), dtype=np.complex128)


def omega(game: PreferenceGame, policy: Float) -> float:
    """Spectral radius of (P - 1/2)(diag pi - pi pi^T), in [0, 1/2], for one context."""
    return float(abs(spectrum(game, policy)).max())


def _spread(pi: Float) -> Float:
    return np.asarray(np.diag(pi) - np.outer(pi, pi))


Factors = Callable[[float], Complex]
"""eta -> factors by which small deviations from the fixed point grow in a step."""


def _modes(solver: Any, game: PreferenceGame) -> Complex:
    return spectrum(game, NlhfExact(solver.tau).solve(game).policy)


def _mirror_descent(solver: Any, game: PreferenceGame) -> Factors:
    modes = _modes(solver, game)
    return lambda eta: 1 - eta * solver.tau + eta * modes


def _extragradient(solver: Any, game: PreferenceGame) -> Factors:
    modes = _modes(solver, game)

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        return np.asarray(keep + eta * modes * (keep + eta * modes))

    return factors


def _optimistic(solver: Any, game: PreferenceGame) -> Factors:
    """Base' = keep base + eta mode ahead, ahead' = keep base' + eta mode ahead."""
    modes = _modes(solver, game)

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        rows = [[[keep, t], [keep**2, keep * t + t]] for t in (eta * modes).tolist()]
        return np.asarray(np.linalg.eigvals(np.array(rows)).ravel(), dtype=np.complex128)

    return factors


def _mixture(solver: Any, game: PreferenceGame) -> Factors:
    """The opponent is the mixture, whose fixed point moves with eta."""

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        mixture = NlhfExact(solver.tau / keep).solve(game).policy
        return np.asarray(keep * (1 + eta * spectrum(game, mixture)))

    return factors


def _rejection(solver: Any, game: PreferenceGame) -> Factors:
    modes = _modes(solver, game)
    return lambda eta: 1 - eta * solver.tau + eta * modes**2 / solver.tau


def _moving_average(solver: Any, game: PreferenceGame) -> Factors:
    """Theta' = keep theta + eta mode mean, mean' = (1 - rate) mean + rate theta'."""
    modes, rate = _modes(solver, game), solver.rate

    def factors(eta: float) -> Complex:
        keep = 1 - eta * solver.tau
        rows = [[[keep, t], [rate * keep, 1 - rate + rate * t]] for t in (eta * modes).tolist()]
        return np.asarray(np.linalg.eigvals(np.array(rows)).ravel(), dtype=np.complex128)

    return factors


def _history(solver: Any, game: PreferenceGame) -> Factors:
    """Roots of z^h = (keep + eta mode) sum_j weight_j z^(h - 1 - j)."""
    modes = _modes(solver, game)

    def factors(eta: float) -> Complex:
        own = 1 - eta * solver.tau + eta * modes
        return np.concatenate([np.roots([1, *(-f * solver.weights)]) for f in own])

    return factors


def _policy_gradient(solver: Any, game: PreferenceGame) -> Factors:
    """I + eta D [(1 - mixture) (P - 1/2) D_opponent - tau I], less the mode that is constant."""
    mixture = getattr(solver, "mixture", 0.0)
    opponent = game.ref
    if mixture < 1:
        opponent = NlhfExact(solver.tau / (1 - mixture)).solve(game).policy
    own = _spread(measures.best_response(game, opponent, solver.tau))
    pull = (1 - mixture) * (game.P - 0.5) @ _spread(opponent) - solver.tau * np.eye(game.n)
    flow: Complex = np.asarray(np.linalg.eigvals(own @ pull), dtype=np.complex128)
    flow = np.delete(flow, abs(flow).argmin())
    return lambda eta: 1 + eta * flow


MULTIPLIERS: dict[str, Callable[[Any, PreferenceGame], Factors]] = {
    "OnlineIpo1": _mirror_descent,
    "Egpo": _extragradient,
    "Omwu": _optimistic,
    "NashMd": _mixture,
    "NashRs": _rejection,
    "NashEma": _moving_average,
    "Mnpo": _history,
    "OnlineIpo2": _policy_gradient,
    "NashMdPg": _policy_gradient,
}
"""Class of a solver with a step size ``eta`` -> its linearisation."""
