import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import DTypeLike

from games import GameError, load
from tests.written import written

# Counts by hand: A beats B 3 : 1, loses to C 0 : 2; B and C never met.
WINS = ",A,B,C\nA,0,3,0\nB,1,0,0\nC,2,0,0\n"
P = np.array([[0.5, 0.75, 0.0], [0.25, 0.5, 0.5], [1.0, 0.5, 0.5]])
PAIRS = np.array([[0, 4, 2], [4, 0, 0], [2, 0, 0]])
UNEQUAL = np.array([[0.5, 0.7, 0.1], [0.3, 0.5, 0.6], [0.9, 0.4, 0.5]])


def text_of(table: np.ndarray) -> str:
    return "\n".join(",".join(map(repr, row)) for row in table.tolist())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wins.csv", WINS),
        ("wins.csv.gz", WINS),
        ("wins.tsv", WINS.replace(",", "\t")),
        ("wins.csv", "\ufeff" + WINS.replace("\n", "\r\n") + "\r\n\r\n"),
        ("wins.csv", "candidate" + WINS.replace("0,3,0", ",3,0.0").replace("1,0,0", "1, NaN,0")),
        ("wins.csv", "0" + WINS),
        ("wins.json", '{"names": ["A", "B", "C"], "wins": [[null, 3, 0], [1, 0, 0], [2, 0, NaN]]}'),
        ("wins.json.gz", '{"wins": [[0, 3, 0], [1, 0, 0], [2, 0, 0]], "names": ["A", "B", "C"]}'),
    ],
)
def test_win_counts_become_win_rates(tmp_path: Path, name: str, content: str) -> None:
    game = load(written(tmp_path, name, content))
    assert game.names == ("A", "B", "C")
    np.testing.assert_array_equal(game.P, P)
    np.testing.assert_array_equal(game.pair_weights, PAIRS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", text_of(UNEQUAL)),
        ("p.tsv.gz", text_of(UNEQUAL).replace(",", "\t")),
        ("p.json", json.dumps(UNEQUAL.tolist())),
        ("p.json", json.dumps({"P": UNEQUAL.tolist()})),
    ],
)
def test_bare_numbers_are_named_by_place(tmp_path: Path, name: str, content: str) -> None:
    game = load(written(tmp_path, name, content))
    assert game.names == ("0", "1", "2")
    assert game.pairs is None
    np.testing.assert_allclose(game.P, UNEQUAL, rtol=0, atol=1e-15)


def test_bare_win_counts_may_leave_the_diagonal_blank(tmp_path: Path) -> None:
    game = load(written(tmp_path, "wins.csv", ",3,0\n1,,0\n2,0,\n"))
    assert game.names == ("0", "1", "2")
    np.testing.assert_array_equal(game.P, P)


def test_names_may_be_numbers(tmp_path: Path) -> None:
    text = ",3,1,2\n3,0,3,0\n1,1,0,0\n2,2,0,0\n"
    game = load(written(tmp_path, "wins.csv", text))
    assert game.names == ("3", "1", "2")
    np.testing.assert_array_equal(game.P, P)


def test_a_data_frame_stored_as_parquet_is_a_square_table(tmp_path: Path) -> None:
    frame = pd.DataFrame(UNEQUAL, columns=["x", "y", "z"])
    for k, stored in enumerate((frame, frame.set_axis(frame.columns))):
        stored.to_parquet(tmp_path / f"{k}.parquet")
        game = load(tmp_path / f"{k}.parquet")
        assert game.names == ("x", "y", "z")
        np.testing.assert_allclose(game.P, UNEQUAL, rtol=0, atol=1e-15)
    frame.set_axis(["y", "x", "z"]).to_parquet(tmp_path / "turned.parquet")
    with pytest.raises(GameError, match="does not name the rows as the columns are named"):
        load(tmp_path / "turned.parquet")
    frame[["x", "y"]].to_parquet(tmp_path / "wide.parquet")
    with pytest.raises(GameError, match=r"neither comparisons .* nor as many columns of numbers"):
        load(tmp_path / "wide.parquet")


@pytest.mark.parametrize(
    ("dtype", "noise", "fits"),
    [
        (np.float64, 9e-10, True),
        (np.float64, 2e-9, False),
        (np.float32, 9e-7, True),
        (np.float32, 2e-6, False),
        (np.float16, 7e-3, True),
        (np.float16, 1e-2, False),
    ],
)
def test_the_tolerance_is_that_of_the_stored_type(
    tmp_path: Path, dtype: DTypeLike, noise: float, fits: bool
) -> None:
    table = UNEQUAL.copy()
    table[0, 1] += noise
    np.save(tmp_path / "p.npy", table.astype(dtype))
    if fits:
        P = load(tmp_path / "p.npy").P
        np.testing.assert_array_equal(P + P.T, 1)
        assert P[0, 1] == pytest.approx(0.7 + noise / 2, abs=float(np.finfo(dtype).eps))
    else:
        with pytest.raises(GameError, match=r"p\.npy: .*expected 1; .*; a square table holds win"):
            load(tmp_path / "p.npy")


def test_whole_numbers_of_any_type_are_win_counts(tmp_path: Path) -> None:
    wins = np.array([[0, 200, 0], [56, 0, 1], [9, 0, 0]])
    for dtype in (np.uint8, np.int64, np.float32):
        np.save(tmp_path / "wins.npy", wins.astype(dtype))
        assert load(tmp_path / "wins.npy").P[0, 1] == 200 / 256


def test_contexts_of_win_counts(tmp_path: Path) -> None:
    wins = [[[0, 3], [1, 0]], [[0, 0], [5, 0]]]
    game = load(written(tmp_path, "wins.json", json.dumps({"wins": wins})))
    np.testing.assert_array_equal(game.P[:, 0, 1], [0.75, 0])


BOTH = "a square table holds win probabilities (diagonal 1/2, P + P^T = 1) or win counts"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (",a,b\na,.5,.6\nb,.5,.5\n", "line 2: entry [0, 1] is 0.6 and its mirror image 0.5; "),
        (",a,b\n\na,.5,.6\nb,.3,.5\n", "line 3: entry [0, 1] is 0.6 and its mirror image 0.3; "
         "expected two probabilities that sum to 1, or (P + 1 - P^T) / 2 if they were rounded; "
         + BOTH),
        ("a,a,b\na,.5,1.5\nb,-.5,.5\n", "line 2: entry [0, 1] is 1.5 and its mirror image -0.5"),
        (",a,b\na,0,.6\nb,.4,0\n", f"line 2: entry [0, 1] is 0.6, expected a whole number >= 0, "
         f"or a half, as a win count; {BOTH}"),
        (",a,b\na,0,3\nb,-1,0\n", "line 3: entry [1, 0] is -1"),
        (",a,b\na,0,3\nb,1e300,0\n", "line 3: entry [1, 0] is 1e+300"),
        (",a,b\na,0,nan\nb,1,0\n", "line 2: entry [0, 1] is nan"),
        (",a,b\na,0,1\nb,inf,0\n", "line 3: entry [1, 0] is inf"),
        (",a,b\na,.5,inf\nb,-inf,.5\n", "line 2: entry [0, 1] is inf"),
        (",a,b\na,0,1\nb,,0\n", "line 3: '' is not a number"),
        (",a,b\na,0,1\nb,x,0\n", "line 3: 'x' is not a number"),
        (",a,b\na,0,1\nb,1\n", "line 3: 2 cells, expected 3 as in line 1"),
        (",a,b\na,0,1\n", "2 lines of 3 cells are not square"),
        (",a,b\nb,0,1\na,1,0\n", "line 2: the row is called 'b' and its column 'a'"),
        (",a,a\na,0,1\na,1,0\n", "name 'a' is given twice"),
        (",a,\na,0,1\n,1,0\n", "name 1 is '', expected non-blank"),
        (",a,b\na,0,0\nb,0,0\n", "nothing is compared"),
        ("0,5\n5,1\n", "line 1: entry [0, 0] is 0 and its mirror image 0"),
        ("judge,first,second\nx,a,b\ny,b,c\n", "line 2: the row is called 'x' and its column"),
        ("judge,first\nx,a\ny,b\n", "3 lines of 2 cells are not square"),
        ("left,right,winer\na,b,left\n", "comparisons have the columns left,right,winner"),
        ("names\n", "no numbers below the header"),
    ],
)  # fmt: skip
def test_a_table_that_is_neither_says_where_and_why(
    tmp_path: Path, content: str, message: str
) -> None:
    path = written(tmp_path, "table.csv", content)
    with pytest.raises(GameError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: {message}") or message in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "expected either P (win probabilities) or wins (win counts)"),
        ('{"P": [[0.5]], "wins": [[0]]}', "has the keys 'P, wins'; expected either"),
        ('{"P": [[0.5]], "name": ["a"]}', "key 'name' does not go with P; did you mean names"),
        ('{"wins": [[0]], "ref": [1]}', "key 'ref' does not go with wins"),
        ('{"P": [[0.5, 1], [0]]}', "P is ragged"),
        ('{"P": [[0.5, "1"], [0, 0.5]]}', "P has entries of type"),
        ('{"P": []}', "P is empty"),
        ('{"P": [[0.5, NaN], [0, 0.5]]}', "P[0, 1] is nan"),
        ('{"P": [[0.5, 1e999], [0, 0.5]]}', "P[0, 1] is inf"),
        ('{"P": [[0.5, 0.2], [0.3, 0.5]]}', "P[0, 1] + P[1, 0] is 0.5"),
        ('{"P": [[0.5, 0.2, 0.8]]}', "P has shape (1, 3), expected square"),
        ('{"wins": [[0, 2, 8]]}', "wins (1, 3)"),
        ('{"wins": [[0, 2], [1.3, 0]]}', "entry [1, 0] is 1.3"),
        ('{"wins": [[2, 2], [1, 0]]}', "entry [0, 0] is 2, expected 0 or nothing"),
        ('{"P": [[0.5, 0.2], [0.8, 0.5]], "names": ["a"]}', "1 names for 2 answers"),
        ('{"P": [[0.5, 0.2], [0.8, 0.5]], "names": "ab"}', "names is no list of text"),
        ('{"P": [[0.5, 0.2], [0.8, 0.5]], "names": ["a", 1]}', "names is no list of text"),
        ('{"P": [[0.5, 0.2], [0.8, 0.5]], "shares": [1]}', "has shares without utilities"),
        ("[1, 2", "line 1: no JSON at column 6"),
        ("\n{'P': 1}", "line 2: no JSON at column 2"),
        ("3", "P has shape ()"),
        ('"P"', "entries of type"),
        ("[" * 100_000, "line 1: JSON nested too deep"),
        ("9" * 5_000, "line 1: Exceeds the limit"),
        ("[[0, " + "9" * 400 + "], [1, 0]]", "no table of numbers"),
    ],
)
def test_bad_json_says_why(tmp_path: Path, content: str, message: str) -> None:
    path = written(tmp_path, "game.json", content)
    with pytest.raises(GameError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)


def test_group_by_is_for_comparisons(tmp_path: Path) -> None:
    with pytest.raises(GameError, match="holds no comparisons; leave out --group-by model"):
        load(written(tmp_path, "wins.csv", WINS), group_by="model")
