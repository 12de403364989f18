"""A game changed in what should not matter, once for each answer: clones, near-clones, references.

Every function returns one game whose first axis of contexts is the answer that is changed, so that
all changes are solved together. Copies stand behind the game's own answers; the first copy of an
answer stands in its place. ``merged`` adds the copies up again.
"""

import numpy as np

from games import PreferenceGame
from games.catalogue.clones import clones
from games.game import Float

NEAR_COPIES = 3
"""Size of a cycle of near-clones."""


def cloned(game: PreferenceGame, copies: int) -> PreferenceGame:
    """Contexts (n, ...), answers n + copies - 1: each answer in turn is there ``copies`` times.

    What a copy is, and how references and pair weights are divided: ``games.catalogue.clones``.
    """
    return PreferenceGame.stack([_with_copies(game, k, copies) for k in range(game.n)])


def near_cloned(game: PreferenceGame, inside: float) -> PreferenceGame:
    """Contexts (n, ...), answers n + 2: each answer in turn becomes three that form a cycle.

    Each of the three does against the rest as the original did, and beats the next of them with
    probability ``inside``; ``inside`` = 1/2 are exact copies.
    """
    copied = cloned(game, NEAR_COPIES)
    P, contexts = copied.P.copy(), np.arange(game.n)
    ring = [contexts, np.full(game.n, game.n), np.full(game.n, game.n + 1)]
    for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
        P[contexts, ..., one, other] = inside
        P[contexts, ..., other, one] = 1 - inside
    follower, pairs = copied.ref_follower, copied.pairs
    return PreferenceGame(P, copied.ref, follower, pairs, copied.names)


def tilted(game: PreferenceGame, log_odds: float) -> PreferenceGame:
    """Contexts (n, ...): in turn each answer's log-odds in the references grow by ``log_odds``.

    The others keep their proportions; the follower's reference is tilted in every row. With a
    single answer nothing changes.
    """

    def towards(k: int, p: Float) -> Float:
        weights = p * np.where(np.arange(game.n) == k, np.exp(log_odds), 1.0)
        return np.asarray(weights / weights.sum(-1, keepdims=True))

    follower = game.ref_follower
    return PreferenceGame.stack(
        [
            PreferenceGame(
                game.P,
                towards(k, game.ref),
                None if follower is None else towards(k, follower),
                game.pairs,
                game.names,
            )
            for k in range(game.n)
        ]
    )


def merged(policy: Float, n: int) -> Float:
    """Policies (n, ..., n + extra copies) of a changed game, over the n answers of the game."""
    extra = policy[..., n:].sum(-1, keepdims=True)
    original = np.eye(n).reshape(n, *[1] * (policy.ndim - 2), n)
    return np.asarray(policy[..., :n] + extra * original)


def _with_copies(game: PreferenceGame, action: int, copies: int) -> PreferenceGame:
    cloned = clones(game, action, copies)
    answers = np.arange(game.n)
    order = np.append(answers + (copies - 1) * (answers > action), action + np.arange(1, copies))
    both = (..., order[:, None], order)
    follower, pairs = cloned.ref_follower, cloned.pairs
    return PreferenceGame(
        cloned.P[both],
        cloned.ref[..., order],
        None if follower is None else follower[both],
        None if pairs is None else pairs[both],
        [*game.names, *(f"copy {k} of what is cloned" for k in range(2, copies + 1))],
    )
