"""Win rates as a learner sees them: exactly, or from sampled opponents and binary labels."""

from typing import Any, cast

import numpy as np

from games.errors import SolverError
from games.game import Float, PreferenceGame

SAMPLES = (0, 2**31 - 1)
"""Range of every solver's ``samples``: what counts of 32 bits hold; 0 is the expectation."""


class _NoDraws:
    """Stands in for a generator where nothing is to be drawn: any use of it is an error."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying and pickling ask for
            raise AttributeError(name)
        raise SolverError(
            f"rng.{name} is asked for without a generator; "
            "pass rng=numpy.random.default_rng(seed), and let `draws` be True"
        )


NO_DRAWS = cast(np.random.Generator, _NoDraws())
"""The generator of a solver that does not draw."""


def estimated_win_rates(
    game: PreferenceGame, policy: Float, samples: int, rng: np.random.Generator
) -> Float:
    """Share of ``samples`` comparisons that each answer wins against draws from ``policy``.

    An unbiased estimate of P pi: for every answer i on its own, ``samples`` opponents j ~ policy
    and one label ~ Bernoulli(P[i, j]) each. As opponents are drawn independently this is
    Binomial(samples, (P pi)_i) / samples, which is how it is computed. 0 samples: P pi itself.
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
    answer with itself stay on the diagonal.
    """
    n = game.n
    both = (policy[..., :, None] * policy[..., None, :]).reshape(*game.batch, n**2)
    drawn = rng.multinomial(samples, both / both.sum(-1, keepdims=True))
    drawn = drawn.reshape(*game.batch, n, n)
    first = rng.binomial(drawn, game.P)
    return np.asarray((first + np.swapaxes(drawn - first, -1, -2)) / samples)
