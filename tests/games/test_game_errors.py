"""What a game refuses, and that the message says who, what, where and the repair."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from games import GameError, Population, PreferenceGame, ScoreGame

Game: Any = PreferenceGame
People: Any = Population
Scores: Any = ScoreGame
P2 = [[0.5, 0.7], [0.3, 0.5]]
P3 = [[0.5, 0.7, 0.2], [0.3, 0.5, 0.9], [0.8, 0.1, 0.5]]
SKEW = [[0, 1], [-1, 0]]
PEOPLE = Population([0.5, 0.5], [[0, 1, 2], [2, 1, 0]])

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: Game([]), r"P has shape \(0,\), expected square"),
    (lambda: Game([[0.5, 0.5]]), r"P has shape \(1, 2\), expected square"),
    (lambda: Game(np.zeros((0, 2, 2))), r"P has shape \(0, 2, 2\), expected square"),
    (lambda: Game([[0.5], [0.5, 0.5]]), "PreferenceGame: P is ragged"),
    (lambda: Game([["a", "b"], ["c", "d"]]), "P has entries of type <U1, expected real"),
    (lambda: Game([[0.5, None], [0.5, 0.5]]), "P has entries of type object"),
    (lambda: Game([[0.5, 1j], [0.5, 0.5]]), "P has entries of type complex128"),
    (lambda: Game([[0.5, np.nan], [0.5, 0.5]]), r"P\[0, 1\] is nan, expected a number"),
    (lambda: Game([[0.5, 1], [-np.inf, 0.5]]), r"P\[1, 0\] is -inf, expected a number"),
    (lambda: Game([[0.5, 1.2], [-0.2, 0.5]]), r"P\[0, 1\] is 1.2, expected a prob"),
    (
        lambda: Game([P2, [[0.5, 0.7], [0.4, 0.5]]]),
        r"P\[1, 0, 1\] \+ P\[1, 1, 0\] is 1.1",
    ),
    (lambda: Game([[0.4, 0.7], [0.3, 0.5]]), r"P\[0, 0\] \+ P\[0, 0\] is 0.8"),
    (lambda: Game(P2, [0.5, 0.6]), "ref sums to 1.1, expected 1; divide it by its sum"),
    (lambda: Game(P2, [1, 0]), r"ref\[1\] is 0, expected > 0; .* drop it"),
    (lambda: Game(P2, [2, -1]), r"ref\[1\] is -1, expected > 0"),
    (lambda: Game(P2, [0.5, np.nan]), r"ref\[1\] is nan, expected > 0"),
    (lambda: Game(P2, [np.inf, 0.5]), r"ref\[0\] is inf, expected > 0"),
    (lambda: Game(P2, [0.5, 0.25, 0.25]), r"ref has shape \(3,\), expected \(2,\)"),
    (lambda: Game(P2, "x"), "PreferenceGame: ref has entries of type <U1"),
    (lambda: Game(P2, None, [[0.5, 0.4], [0.5, 0.5]]), "ref_follower sums to 0.9"),
    (lambda: Game(P2, None, [[1, 0], [0.5, 0.5]]), r"ref_follower\[0, 1\] is 0"),
    (lambda: Game(P2, None, [0.2, 0.3, 0.5]), r"ref_follower has shape \(3,\)"),
    (lambda: Game(P2, pairs=[1, 2, 3]), r"pairs has shape \(3,\), expected \(2, 2\)"),
    (lambda: Game(P2, pairs=[[0, -1], [-1, 0]]), r"pairs\[0, 1\] is -1, expected a w"),
    (lambda: Game(P2, pairs=[[0, np.nan], [1, 0]]), r"pairs\[0, 1\] is nan"),
    (lambda: Game(P2, pairs=[[0, np.inf], [np.inf, 0]]), r"pairs\[0, 1\] is inf"),
    (lambda: Game(P2, pairs=[[0, 1], [2, 0]]), r"mirror image .* use pairs \+ pairs\^T"),
    (lambda: Game(P2, pairs=np.eye(2)), "pairs is zero everywhere; leave it out"),
    (lambda: Game([P2, P2], pairs=[[[0, 1], [1, 0]], np.zeros((2, 2))]), "pairs is zero"),
    (lambda: Game(P2, pairs=[["a", "b"], ["c", "d"]]), "pairs has entries of type"),
    (lambda: Game(P2, names=["a"]), "1 names for 2 answers"),
    (lambda: Game(P2, names=["a", "a"]), "name 'a' is given twice"),
    (lambda: Game(P2, names=["a", " "]), "name 1 is ' ', expected non-blank text"),
    (lambda: Game(P2, names=[1, 2]), "name 0 is 1, expected non-blank"),
    (lambda: Game(P2, population=PEOPLE), r"utilities have shape \(2, 3\), expected one"),
    (lambda: Game([P3, P3], population=PEOPLE), r"3 answers and contexts \(2,\)"),
    (lambda: Game(P2).at(0), r"P has shape \(2,\), expected square"),
    (lambda: Game.stack([]), "stack: no games; give at least one"),
    (lambda: Game.stack([Game(P2), Game(P3)]), "stack: games differ"),
    (lambda: People([0.5, 0.6], np.ones((2, 3))), "shares must be positive and sum to 1"),
    (lambda: People([1.5, -0.5], np.ones((2, 3))), "shares must be positive and sum to 1"),
    (lambda: People([np.nan, 1], np.ones((2, 3))), "shares must be positive and sum to 1"),
    (lambda: People([0.5, 0.5], np.ones((3, 3))), r"shares \(2,\) and utilities \(3, 3\)"),
    (lambda: People(1.0, [1, 2]), r"shares \(\) and utilities \(2,\) do not fit"),
    (lambda: People([1.0], [[1, np.inf]]), "utilities must be finite"),
    (lambda: People([0.5, 0.5], [[1, 2], [3]]), "Population: utilities is ragged"),
    (lambda: People(["a"], [[1]]), "Population: shares has entries of type <U1"),
    (lambda: Scores([[1, 2]], SKEW, "logit"), "link is 'logit', expected 'linear' or"),
    (lambda: Scores([[1, 2, 3]], SKEW, "linear"), r"X \(1, 3\) and R \(2, 2\) must be"),
    (lambda: Scores(np.zeros((0, 2)), SKEW, "linear"), r"X \(0, 2\) and R"),
    (lambda: Scores([[1, 2]], [[0, 1], [1, 0]], "linear"), r"skew-symmetric: use \(R - R\^T\)"),
    (lambda: Scores([[1, np.nan]], SKEW, "linear"), "X and R must be finite"),
    (lambda: Scores([[1, 2]], [[0, np.inf], [-np.inf, 0]], "logistic"), "must be finite"),
    (lambda: Scores([[0, 1], [1, 1]], SKEW, "linear"), "a linear score reaches 1, expected at"),
    (lambda: Scores([[1], [1, 2]], [[0]], "linear"), "ScoreGame: X is ragged"),
    (lambda: Scores([[1, 2]], SKEW, "logistic").at(0), "one context; build one game a context"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_bad_games_say_what_is_wrong_and_where(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(GameError, match=message):
        build()


def test_too_many_answers_are_refused_before_memory_is_spent() -> None:
    tracemalloc.start()
    with pytest.raises(GameError, match=r"5001 answers, more than 5000; use games.ScoreGame"):
        Game(np.broadcast_to(0.5, (5001, 5001)))
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
