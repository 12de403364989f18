"""What an answer costs: by how much the best reply beats it, as far as the votes can tell."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from games import PreferenceGame, measures
from games.game import Float
from solvers import Solver
from tabular.audit.answers import LEVEL, solvers
from tabular.audit.votes import Votes, game_of

_DIGITS = 12


@dataclass(frozen=True)
class Cost:
    """How far a concept's policy can be exploited: its duality gap 2 max_i (P pi)_i - 1.

    Attributes
    ----------
    concept, strength : str
    same_data : float in [0, 1]
        The gap of the policy on the votes that it was made from. For NLHF at tau = 0 it is 0 by
        construction and says nothing.
    lower : float in [-1, 1], or NaN
        Policy from a third of the votes, best reply chosen on another, its margin measured on the
        last; mean over the six orders. A reply chosen on other votes is not the best: in
        expectation the gap of the policy of a third is at least this.
    upper : float in [0, 1], or NaN
        With 95 % confidence the gap of the policy made from a third of the votes is at most this,
        from the other two.
    """

    concept: str
    strength: str
    same_data: float
    lower: float
    upper: float


def costs(
    votes: Votes,
    tau: float,
    kl: float,
    draws: int,
    rng: np.random.Generator,
    by: str | None = None,
) -> list[Cost]:
    """The cost of each concept at each strength.

    The two bounds are about the policy that a third of the votes would give, which is noisier
    than the answer from all of them.
    """
    whole = votes.comparisons().game()
    parts = votes.split(3, rng, by)
    if not all(part.weight.any() for part in parts):
        unknown = float("nan")
        return [
            Cost(c, s, float(measures.duality_gap(whole, _policy(solver, whole))), unknown, unknown)
            for c, s, solver in solvers(tau, kl)
        ]
    games = [game_of(part.points) for part in parts]
    held_out = parts[1].joined(parts[2])
    rest, samples = game_of(held_out.points), game_of(held_out.resampled(draws, rng, by))
    out = []
    for concept, strength, solver in solvers(tau, kl):
        policies = [_policy(solver, game) for game in games]
        gaps = [
            2 * games[c].win_rates(policies[a])[games[b].win_rates(policies[a]).argmax()] - 1
            for a, b, c in permutations(range(3))
        ]
        everything = _policy(solver, whole)
        out.append(
            Cost(
                concept,
                strength,
                round(float(measures.duality_gap(whole, everything)), _DIGITS),
                float(np.mean(gaps)),
                _upper(rest, samples, policies[0]),
            )
        )
    return out


def _policy(solver: Solver, game: PreferenceGame) -> Float:
    """The answer, or NaN where it does not exist."""
    return solver.solve(game).policy


def _upper(game: PreferenceGame, samples: PreferenceGame, policy: Float) -> float:
    """The gap that max_i (P pi)_i has at the upper ends of a simultaneous bootstrap-t band."""
    if not np.isfinite(policy).all():
        return float("nan")
    rates = game.win_rates(policy)
    drawn = samples.win_rates(np.broadcast_to(policy, samples.ref.shape))
    error = np.maximum(drawn.std(0, ddof=1), 1e-3)
    margin = np.quantile(((rates - drawn) / error).max(-1), LEVEL)
    return float(np.clip(2 * (rates + max(margin, 0.0) * error).max() - 1, 0, 1))
