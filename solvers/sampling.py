"""Win rates as a learner sees them: exactly, or from sampled opponents and binary labels."""

import numpy as np

from games.errors import SolverError
from games.game import Float, PreferenceGame


def estimated_win_rates(
    game: PreferenceGame, policy: Float, samples: int, rng: np.random.Generator | None
) -> Float:
    """Share of ``samples`` comparisons that each answer wins against draws from ``policy``.

    An unbiased estimate of P pi: for every answer i on its own, ``samples`` opponents j ~ policy
    and one label ~ Bernoulli(P[i, j]) each. As opponents are drawn independently this is
    Binomial(samples, (P pi)_i) / samples, which is how it is computed. 0 samples: P pi itself.

    Raises
    ------
    SolverError
        If samples > 0 and ``rng`` is None.
    """
    rates = game.win_rates(policy)
    if samples == 0:
        return rates
    if rng is None:
        raise SolverError("sampled win rates need rng=numpy.random.default_rng(seed)")
    return np.asarray(rng.binomial(samples, np.clip(rates, 0, 1)) / samples)
