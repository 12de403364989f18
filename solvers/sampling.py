"""Win rates estimated from sampled opponents and binary labels; ``NO_DRAWS``."""

from typing import Any, cast

import numpy as np

from games.errors import SolverError
from games.game import Float, PreferenceGame

SAMPLES = (0, 2**31 - 1)
"""Range of every solver's ``samples``: counts that fit 32 bits; 0 stands for the expectation."""


class _NoDraws:
    """Stands in for a generator where nothing may be drawn: any use of it is an error."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying and pickling ask for
            raise AttributeError(name)
        raise SolverError(
            f"rng.{name} is used, but no generator was given; "
            "pass rng=numpy.random.default_rng(seed), and let `draws` be True"
        )


NO_DRAWS = cast(np.random.Generator, _NoDraws())
"""What a solver that does not draw is given as ``rng``; any use raises SolverError."""


def estimated_win_rates(
    game: PreferenceGame, policy: Float, samples: int, rng: np.random.Generator
) -> Float:
    """Share of ``samples`` comparisons that each answer wins against draws from ``policy``.

    An unbiased estimate of P pi, shape (..., n): each answer i meets ``samples`` opponents of its
    own, j ~ policy, with one label ~ Bernoulli(P[i, j]) each. As opponents are drawn independently
    this is Binomial(samples, (P pi)_i) / samples, which is how it is computed. With 0 samples it
    is P pi itself.
    """
    rates = game.win_rates(policy)
    if samples == 0:
        return rates
    return np.asarray(rng.binomial(samples, np.clip(rates, 0, 1)) / samples)


def sampled_wins(
    game: PreferenceGame, policy: Float, samples: int, rng: np.random.Generator
) -> Float:
    """Share (..., n, n) of ``samples`` pairs in which the row's answer beat the column's.

    Both answers of a pair are drawn from ``policy``, and the winner from ``game.P``. Pairs of an
    answer with itself are counted on the diagonal.
    """
    n = game.n
    both = (policy[..., :, None] * policy[..., None, :]).reshape(*game.batch, n**2)
    drawn = rng.multinomial(samples, both / both.sum(-1, keepdims=True))
    drawn = drawn.reshape(*game.batch, n, n)
    first = rng.binomial(drawn, game.P)
    return np.asarray((first + np.swapaxes(drawn - first, -1, -2)) / samples)
