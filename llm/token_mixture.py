"""Token-by-token mixtures of distributions over a few answers, and the fixed point of Nash-MD-PG.

Answers are leaves of a tree of tokens. A geometric mixture formed at every branching of the tree
equals the mixture of whole answers only if all answers differ in their first token.
"""

from collections.abc import Sequence

import numpy as np

from games import PreferenceGame, measures, numerics
from games.game import Float
from llm.policy import Ids
from solvers import Certificate, Solution

_STEPS = 200_000
_TOL = 1e-12


def token_mixture(log_p: Float, log_q: Float, weight: float, ends: Sequence[Ids]) -> Float:
    """Log-probabilities (..., n) of the mixture p^(1 - weight) q^weight, formed token by token.

    Parameters
    ----------
    log_p, log_q : float arrays (..., n)
        Log-probabilities of whole answers.
    weight : float in [0, 1]
        Weight of q.
    ends : n token sequences, none a prefix of another
        The answers as tokens.
    """
    mixed = np.zeros(np.broadcast_shapes(log_p.shape, log_q.shape))
    nodes = [(list(range(len(ends))), 0)]
    while nodes:
        leaves, depth = nodes.pop()
        branches: dict[int, list[int]] = {}
        for i in leaves:
            branches.setdefault(ends[i][depth], []).append(i)
        parts = list(branches.values())
        masses = [
            np.stack([numerics.logsumexp(log[..., part]) for part in parts], axis=-1)
            for log in (log_p, log_q)
        ]
        steps = numerics.log_softmax((1 - weight) * masses[0] + weight * masses[1])
        for k, part in enumerate(parts):
            mixed[..., part] += steps[..., k : k + 1]
        nodes += [(part, depth + 1) for part in parts if len(part) > 1]
    return mixed


def token_mixture_target(
    game: PreferenceGame, tau: float, weight: float, ends: Sequence[Ids]
) -> Solution:
    """Fixed point pi of pi = ref exp(P m / tau) / Z, m the token mixture of pi and ref.

    Computed by mirror descent with step size tau / (tau^2 + 1/4).
    """
    eta = tau / (tau**2 + 0.25)
    state = game.log_ref
    for _ in range(_STEPS):
        log_pi = numerics.log_softmax(state)
        mixture = token_mixture(log_pi, game.log_ref, weight, ends)
        goal = game.log_ref + game.win_rates(np.exp(mixture)) / tau
        residual = abs(log_pi - numerics.log_softmax(goal)).max(-1)
        if (residual <= _TOL).all():
            break
        state = log_pi + eta * tau * (goal - log_pi)
    response = measures.best_response(game, np.exp(mixture), tau)
    condition = "log pi - log ref - P m(pi) / tau is constant"
    return Solution(numerics.log(response), Certificate(condition, residual, 1e-9))
