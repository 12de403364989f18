"""The paths of ``robustness``: the preferences at every t, in closed form.

With M = P - 1/2 the margins, a label is flipped with probability f_ij: P becomes P + f (1 - 2P).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from games import Population, PreferenceGame, measures
from games.game import Float
from games.population import majority, makes

PathName = Literal[
    "cyclic", "annotators", "temperature", "random_raters", "reversed_raters", "random_flips",
    "adversarial_flips", "hard", "one_sided", "bias", "position", "balanced_position",
]  # fmt: skip
Tables = Iterator[tuple[dict[str, Any], Float]]
"""Pairs of the labels of a path and its tables, shape (points, ..., n, n)."""

_NO_PART = 1e-12
_LARGEST_MARGIN = 0.49
_MOST_ANSWERS = 6


@dataclass(frozen=True)
class Path:
    """A path between games, or a way in which labels go wrong.

    Attributes
    ----------
    tables : callable
        (game, t, bonus) -> ``Tables``: what raters answer on average at each t.
    judged_by : "truth" or "t"
        Which game judges the answers: the clean one, or the one at t.
    parameters : tuple of str
        The fields of the experiment, besides the number of comparisons, that it depends on.
    missing : callable
        Why a game has no such path; "" if it has one.
    """

    tables: Callable[[PreferenceGame, Float, float], Tables]
    judged_by: Literal["truth", "t"] = "truth"
    parameters: tuple[str, ...] = ()
    missing: Callable[[PreferenceGame], str] = lambda game: ""


def _cyclic(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """Margins sqrt(1 - t) T + sqrt(t) C with |T| = |C|, so that t is the cyclic share."""
    T, C = _parts(game)
    size = _norm(game.P - 0.5)
    T, C = T * (size / _norm(T)), C * (size / _norm(C))
    largest = np.sqrt(T**2 + C**2).max((-1, -2), keepdims=True)
    scale = np.minimum(1, _LARGEST_MARGIN / largest)
    yield {}, 0.5 + scale * (np.sqrt(1 - t) * T + np.sqrt(t) * C)


def _without_part(game: PreferenceGame) -> str:
    if any((_norm(part) < _NO_PART).any() for part in _parts(game)):
        return "P - 1/2 has no cyclic or no transitive part"
    return ""


def _parts(game: PreferenceGame) -> tuple[Float, Float]:
    """The transitive and the cyclic part of the margins."""
    cyclic = measures.hodge_margins(game).cyclic
    return np.asarray(game.P - 0.5 - cyclic), cyclic


def _norm(margins: Float) -> Float:
    return np.asarray(np.sqrt((margins**2).sum((-1, -2), keepdims=True)))


def _annotators(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """Each user type in turn has share t; the others keep their proportions."""
    people = game.population
    assert people is not None  # see _not_by_majority
    utilities, shares = people.utilities, people.shares
    for k in range(shares.shape[-1]):
        others = np.delete(shares, k, axis=-1)
        others = others / others.sum(-1, keepdims=True)
        rest = majority(Population(others, np.delete(utilities, k, axis=-2)))
        alone = majority(Population(np.ones_like(shares[..., :1]), utilities[..., k : k + 1, :]))
        yield {"type": k}, np.asarray(t * alone + (1 - t) * rest)


def _not_by_majority(game: PreferenceGame) -> str:
    people = game.population
    several = people is not None and people.shares.shape[-1] > 1
    if people is not None and several and makes(people, game.P):
        return ""
    return "the game has no population whose majorities make P"


def _shrunk(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """A label is a coin with probability t: margins (1 - t) M."""
    yield {}, 0.5 + (1 - t) * (game.P - 0.5)


def _turned(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """A label is reversed with probability t: margins (1 - 2t) M."""
    yield {}, 0.5 + (1 - 2 * t) * (game.P - 0.5)


def _clean(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """The true table at every t; the labels are flipped one by one."""
    yield {}, np.broadcast_to(game.P, np.broadcast_shapes(t.shape, game.P.shape))


def _hard(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """Flips f = t (1/2 - |M|), so that the margins M (1 - t (1 - 2 |M|)) rise with M."""
    margins = game.P - 0.5
    yield {}, 0.5 + margins * (1 - t * (1 - 2 * abs(margins)))


def _one_sided(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """Each answer in turn loses a comparison that it won with probability t / 2."""
    for labels, row in _each_answer(game):
        lost = row * game.P * t / 2
        yield labels, game.P - lost + np.swapaxes(lost, -1, -2)


def _bias(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """Each answer in turn gets the log-odds bonus b t against every other."""
    for labels, row in _each_answer(game):
        yield labels, _tilted(game.P, bonus * t * (row - row.T))


def _each_answer(game: PreferenceGame) -> Iterator[tuple[dict[str, Any], Float]]:
    """The label and the off-diagonal row (n, n) of each answer, or of six evenly spaced ones."""
    stride = -(-game.n // _MOST_ANSWERS)
    thinned = {"answers_in_all": game.n} if stride > 1 else {}
    for k in range(0, game.n, stride):
        row = np.zeros((game.n, game.n))
        row[k] = 1
        row[k, k] = 0
        yield {"action": game.names[k], **thinned}, row


def _position(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """The answer listed first is always shown first, and gets the log-odds bonus b t."""
    yield {}, _tilted(game.P, bonus * t * _first(game.n))


def _balanced_position(game: PreferenceGame, t: Float, bonus: float) -> Tables:
    """Either answer is shown first half of the time; margins M / (1 + s (1 - 4 M^2)).

    s = sinh(b t / 2)^2, so that ties shrink by up to 1 + s and certainties not at all.
    """
    sign = _first(game.n)
    yield {}, (_tilted(game.P, bonus * t * sign) + _tilted(game.P, -bonus * t * sign)) / 2


def _first(n: int) -> Float:
    """1 above the diagonal and -1 below it."""
    return np.triu(np.ones((n, n)), 1) - np.tril(np.ones((n, n)), -1)


def _tilted(P: Float, bonus: Float) -> Float:
    """sigmoid(log-odds of P + bonus), also where P is 0 or 1."""
    return np.asarray(P / (P + (1 - P) * np.exp(-bonus)))


PATHS: dict[str, Path] = {
    "cyclic": Path(_cyclic, "t", missing=_without_part),
    "annotators": Path(_annotators, "t", missing=_not_by_majority),
    "temperature": Path(_shrunk),
    "random_raters": Path(_shrunk, parameters=("raters",)),
    "reversed_raters": Path(_turned, parameters=("raters",)),
    "random_flips": Path(_clean, parameters=("flips",)),
    "adversarial_flips": Path(_clean, parameters=("flips",)),
    "hard": Path(_hard),
    "one_sided": Path(_one_sided),
    "bias": Path(_bias, parameters=("bonus",)),
    "position": Path(_position, parameters=("bonus",)),
    "balanced_position": Path(_balanced_position, parameters=("bonus",)),
}
assert tuple(PATHS) == get_args(PathName)
