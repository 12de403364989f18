from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from preflibtools.instances import OrdinalInstance  # type: ignore[import-untyped]
from preflibtools.properties import pairwise_scores  # type: ignore[import-untyped]

from games import GameError, load
from tests.written import written

NAMES = ("Ann", "Bo, B.", "Cy: {C}", "Dee")


def preflib(*orders: str) -> str:
    names = [f"# ALTERNATIVE NAME {k}: {name}" for k, name in enumerate(NAMES, 1)]
    head = ["# FILE NAME: 1.toi", "# TITLE: By hand", f"# NUMBER ALTERNATIVES: {len(NAMES)}"]
    return "\n".join([*head, "# NUMBER VOTERS: 9", *names, *orders]) + "\n"


def test_orders_are_counted_as_by_hand(tmp_path: Path) -> None:
    text = preflib("3: 1,{2,3}", "2: 2, 1", "1: {3, 1} , 4", "1:{2}")
    game = load(written(tmp_path, "votes.toi", text))
    assert game.names == NAMES
    np.testing.assert_allclose(
        game.P, [[0.5, 0.6, 0.875, 1], [0.4, 0.5, 0.5, 0.5], [0.125, 0.5, 0.5, 1], [0, 0.5, 0, 0.5]]
    )
    np.testing.assert_array_equal(
        game.pair_weights, [[0, 5, 4, 1], [5, 0, 3, 0], [4, 3, 0, 1], [1, 0, 1, 0]]
    )


@pytest.mark.parametrize("name", ["v.soc", "v.soi", "v.toc", "v.toi", "v.soc.gz", "v.SOI"])
def test_strict_complete_orders_may_stand_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    text = "\ufeff" + preflib("2: 4,3,2,1", "3: 1,2,3,4").replace("\n", "\r\n")
    game = load(written(tmp_path, name, text))
    np.testing.assert_allclose(game.P[0], [0.5, 0.6, 0.6, 0.6])
    np.testing.assert_array_equal(game.pair_weights, 5 - 5 * np.eye(4))


@st.composite
def orders(draw: st.DrawFn) -> str:
    listed = draw(st.permutations([1, 2, 3, 4]))[: draw(st.integers(1, 4))]
    marks = draw(st.lists(st.booleans(), min_size=len(listed), max_size=len(listed)))
    ranks: list[list[int]] = []
    for k, tied in zip(listed, marks, strict=True):
        if tied and ranks:
            ranks[-1].append(k)
        else:
            ranks.append([k])
    words = [
        str(rank[0]) if len(rank) == 1 else f"{{{','.join(map(str, rank))}}}" for rank in ranks
    ]
    return f"{draw(st.integers(1, 99))}: {','.join(words)}"


@given(st.lists(orders(), min_size=1, max_size=6))
def test_counts_agree_with_preflibtools(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    text = preflib(*lines, "1: 2,1")
    game = load(written(tmp_path_factory.getbasetemp(), "votes.toi", text))
    theirs = OrdinalInstance()
    theirs.parse_str(text, "toi", autocorrect=True)
    scores = pairwise_scores(theirs)
    wins = np.array([[scores[a].get(b, 0) for b in range(1, 5)] for a in range(1, 5)])
    margins = game.pair_weights * (2 * game.P - 1)
    np.testing.assert_allclose(margins, wins - wins.T, atol=1e-9)
    ties = game.pair_weights - wins - wins.T
    assert (ties >= 0).all()
    assert ties.any() == any("{" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "orders", "message"),
    [
        ("v.soc", ["1: 1,2,3,4", "1: 1,2,3"], "line 10: lists 3 of 4 alternatives; name a file of"),
        ("v.toc", ["1: {1,2},3"], "line 9: lists 3 of 4"),
        ("v.soi", ["1: 1,{2,3}"], "line 9: has ties; name a file of orders with ties .toc or .toi"),
        ("v.soc", ["1: 1,{2,3},4"], "line 9: has ties"),
        ("v.toi", ["1: 1,5"], "line 9: '5' is no alternative; they are 1 to 4"),
        ("v.toi", ["1: 0,1"], "line 9: '0' is no alternative"),
        ("v.toi", ["1: 1,{2,1}"], "line 9: alternative 1 is listed twice"),
        ("v.toi", ["1: 1,{2"], "line 9: '{2' is no part of an order"),
        ("v.toi", ["1: 1,{}"], "line 9: '{}' is no part"),
        ("v.toi", ["1: {1,,2}"], "line 9: '' is no alternative"),
        ("v.toi", ["1: 1,,2"], "line 9: ',2' is no part"),
        ("v.toi", ["1: 1,2,"], "line 9: '2,' is no part"),
        ("v.toi", ["1: 1 2"], "line 9: '1 2' is no part"),
        ("v.toi", ["1:"], "line 9: '' is no part"),
        ("v.toi", ["1: " + "9" * 5000], "line 9: '999"),
        ("v.toi", ["x: 1,2"], "line 9: 'x: 1,2' is no order"),
        ("v.toi", ["-1: 1,2"], "line 9: '-1: 1,2' is no order"),
        ("v.toi", ["1,2,3"], "line 9: '1,2,3' is no order"),
        ("v.toi", [], "no orders below the header"),
        ("v.toi", ["0: 1,2"], "no order with voters ranks two alternatives"),
        ("v.toi", ["3: 4"], "no order with voters ranks two alternatives"),
        ("v.toi", ["# ALTERNATIVE NAME 5: Ann"], "line 9: name 'Ann' is blank or given twice"),
        ("v.toi", ["# ALTERNATIVE NAME 5: "], "line 9: name '' is blank"),
        ("v.toi", ["# ALTERNATIVE NAME 5: Eve"], "4 alternatives, but 5 names"),
        ("v.toi", ["# NUMBER ALTERNATIVES: 3"], "3 alternatives, but 4 names"),
        ("v.toi", ["# NUMBER ALTERNATIVES: 6000"], "6000 alternatives; expected a line"),
        ("v.toi", ["# NUMBER ALTERNATIVES: 0"], "no alternatives; expected a line"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, name: str, orders: list[str], message: str) -> None:
    path = written(tmp_path, name, preflib(*orders))
    with pytest.raises(GameError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)


def test_the_format_before_2022_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "v.soc", "2\n1,Ann\n2,Bo\n3,3,2\n2,1,2\n1,2,1\n")
    with pytest.raises(GameError, match=r"no alternatives; .* as PrefLib writes it since 2022"):
        load(path)
