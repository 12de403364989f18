"""Games from plain data: what ``make`` builds, what it draws, and how it refuses."""

from typing import Any

import numpy as np
import pytest

from games import GAMES, GameError, PreferenceGame, SpecError
from games.catalogue import GameSpec, make, makes_draws
from games.catalogue.clones import clones
from games.catalogue.condorcet import condorcet
from games.catalogue.dice import dice
from games.catalogue.skew_cycle import skew_cycle
from games.registry import parameters


def built(spec: GameSpec, seed: int = 0) -> PreferenceGame:
    return make(spec, np.random.default_rng(seed))


def test_make_builds_what_the_functions_build() -> None:
    assert make("skew_cycle") == skew_cycle()
    assert make({"name": "condorcet", "alpha": [0.5, 0.3, 0.2]}) == condorcet((0.5, 0.3, 0.2))
    inner = {"name": "dice", "which": "efron"}
    assert make({"name": "clones", "game": inner, "action": "C"}) == clones(dice("efron"), "C")
    assert make({"name": "clones", "game": dice("efron"), "action": 2}) == clones(dice("efron"), 2)


def test_make_gives_contexts_from_families_in_turn() -> None:
    families = ["condorcet", {"name": "random", "n": 3}]
    game = built({"name": "contextual", "families": families, "contexts": 5})
    assert (game.batch, game.n) == ((5,), 3)
    np.testing.assert_array_equal(game.P[::2], np.stack([condorcet().P] * 3))
    assert not np.allclose(game.P[1], game.P[3])
    people = built({"name": "contextual", "families": ["condorcet", "condorcet"], "contexts": 2})
    assert people.population is not None
    assert people.names == ("A", "B", "C")
    with pytest.raises(GameError, match="differ in contexts and answers"):
        built({"name": "contextual", "families": ["random", "condorcet"]})


def test_what_is_drawn_does_not_depend_on_the_order_of_keys() -> None:
    parts = {"transitive": "random", "cyclic": {"name": "disc", "discs": 2}, "weight": 0.3}
    turned = dict(reversed(parts.items()))
    assert built({"name": "hodge_mix", **parts}) == built({**turned, "name": "hodge_mix"})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("condorcet", False),
        ("random", True),
        ("contextual", True),
        ("clones", False),
        ({"name": "clones", "game": "tournament"}, True),
        ({"name": "clones", "game": {"name": "clones", "game": "disc"}}, True),
        ({"name": "clones", "game": {"name": "clones", "game": "dice"}}, False),
        ({"name": "hodge_mix", "weight": 0.1}, False),
    ],
    ids=str,
)
def test_a_spec_draws_where_a_game_in_it_draws(spec: GameSpec, expected: bool) -> None:
    assert makes_draws(spec) is expected
    if expected:
        with pytest.raises(GameError, match="draws random numbers: give rng"):
            make(spec)
    else:
        make(spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("condorct", "no game named 'condorct'; did you mean condorcet"),
        ({"name": "condorcet", "alfa": 1}, "condorcet has no parameter 'alfa'; did you mean alpha"),
        ({"name": "tournament", "rng": 1}, "tournament has no parameter 'rng'"),
        ({"alpha": [1]}, "a mapping with the key 'name'"),
        (3, "a game is a name or a mapping"),
        ({"name": "clones", "game": 3}, "clones: game is 3, expected the name of a game"),
        ({"name": "clones", "game": {"name": "dice", "n": 1}}, "dice has no parameter 'n'"),
    ],
)
def test_specs_that_name_nothing(spec: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        built(spec)


def test_infinite_rewards_are_refused_by_name() -> None:
    with pytest.raises(GameError, match=r"bradley_terry: rewards is .* expected finite numbers"):
        GAMES["bradley_terry"]([0.0, float("inf")])


JUNK: list[Any] = [
    *(None, "x", "tournament", -1, 0, 2.5, 10**9, float("nan"), float("inf"), True),
    *([], [1], [0.5, 0.5], [[1], [2, 3]], [[1, 0], [0, 1]], ["random"], [None], {}, {"name": 3}),
]


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name in GAMES for key in parameters(GAMES[name])]
)
def test_any_value_makes_a_game_or_a_readable_error(name: str, key: str) -> None:
    messages = []
    for junk in JUNK:
        try:
            built({"name": name, key: junk})
        except (GameError, SpecError) as error:
            messages.append(str(error))
    assert len(messages) > len(JUNK) / 2
    assert all(message.strip() and "\n" not in message for message in messages)
