"""Names as tables print them are read back."""

from typing import Any

import pytest

from benchmarks.calls import parse
from games import SpecError
from results.frames import parameter_text


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        ("condorcet", "condorcet", {}),
        ("my own file.csv", "my own file.csv", {}),
        ("three_types(epsilon=-0.1)", "three_types", {"epsilon": -0.1}),
        ("laddered(game=condorcet)", "laddered", {"game": "condorcet"}),
        ("SLHF (tau_follower = 0)", "SLHF", {"tau_follower": 0}),
        (
            'f(a=[1, 2], b=true, c=null, d="x y")',
            "f",
            {"a": [1, 2], "b": True, "c": None, "d": "x y"},
        ),
        (
            "contextual(families=random(n=3) + mallows(n=4))",
            "contextual",
            {"families": [{"name": "random", "n": 3}, {"name": "mallows", "n": 4}]},
        ),
    ],
)
def test_a_call_is_its_name_and_its_parameters(
    text: str, name: str, params: dict[str, Any]
) -> None:
    assert parse(text) == (name, params)


def test_what_is_printed_of_a_game_inside_a_game_is_read_back() -> None:
    game = {"name": "laddered", "game": {"name": "three_types", "epsilon": -0.1}, "ratio": 16}
    name, params = parse(parameter_text(game))
    assert {"name": name, **params} == game


@pytest.mark.parametrize("text", ["f(1)", "f(a=)", "f(a=b.c)", "f(a=open('x'))", "f(**a)"])
def test_what_is_no_such_call_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"expected name\(parameter=value"):
        parse(text)
