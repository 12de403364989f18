"""Published answers of a game, and helpers with which the catalogue states them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from games import numerics
from games.validation import TIE_TOL, Float

_ZERO = {
    "rlhf_exact": {"tau": 0.0},
    "nlhf_exact": {"tau": 0.0},
    "slhf_exact": {"tau_leader": 0.0, "tau_follower": 0.0},
}


@dataclass(frozen=True, eq=False)
class Known:
    """A published or derived answer of a game, checked by the tests of the registry.

    Attributes
    ----------
    solver : str
        Name in the solver registry.
    params : mapping
        Its parameters.
    policy : float array (..., n)
        The answer.
    source : str
        Where it is published, or how it is derived.
    atol : float > 0
        Half a unit of the last printed digit.
    """

    solver: str
    params: Mapping[str, float]
    policy: ArrayLike
    source: str
    atol: float = 1e-9


def best(values: ArrayLike, ref: ArrayLike = 1.0) -> Float:
    """The policy ``ref`` (uniform if left out) restricted to the maximisers of ``values``."""
    scores = np.asarray(values, dtype=np.float64)
    log_ref = np.log(np.broadcast_to(np.asarray(ref, dtype=np.float64), scores.shape))
    return np.asarray(np.exp(numerics.spread_over_best(scores, log_ref, TIE_TOL)))


def at_zero_tau(
    source: str,
    *,
    rlhf: ArrayLike | None = None,
    nlhf: ArrayLike | None = None,
    slhf: ArrayLike | None = None,
    atol: float = 1e-9,
) -> tuple[Known, ...]:
    """Known answers of the unregularised concepts, for those that are given."""
    given = zip(_ZERO.items(), (rlhf, nlhf, slhf), strict=True)
    return tuple(
        Known(solver, params, policy, source, atol)
        for (solver, params), policy in given
        if policy is not None
    )
