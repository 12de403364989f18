"""Whatever bytes a file holds, it is a game or a GameError that names the file."""

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from games import GameError, load
from games.io.files import save
from tests.example_rows import EXAMPLES

P = [[0.5, 0.75, 0.25], [0.25, 0.5, 0.5], [0.75, 0.5, 0.5]]
VOTES = [("a", "b", "left"), ("b", "c", "tie"), ("a", "b", "b"), ("c", "a", "right")]
RECORDS = [
    {"prompt": f"q{k}", "chosen": a, "rejected": [{"role": "user", "content": b}], "score": k}
    for k, (a, b, _) in enumerate(VOTES)
]


def files() -> dict[str, list[bytes]]:
    """Files that hold games, by ending."""
    rows = "left,right,winner\n" + "".join(f"{','.join(vote)}\n" for vote in VOTES)
    square = ",a,b,c\na,0,3,1\nb,1,0,1\nc,3,1,0\n"
    names = "".join(f"# ALTERNATIVE NAME {k}: n{k}\n" for k in (1, 2, 3))
    strict = f"# NUMBER ALTERNATIVES: 3\n{names}3: 1,2,3\n2: 3,1,2\n"
    tied = f"# NUMBER ALTERNATIVES: 3\n{names}3: 1,{{2,3}}\n2: 3,1\n"
    documents = [{"P": P, "names": ["a", "b", "c"]}, {"wins": [[None, 2], [1, 0]]}, RECORDS, P]
    texts = {
        "csv": [rows, square],
        "tsv": [rows.replace(",", "\t"), square.replace(",", "\t")],
        "json": list(map(json.dumps, documents)),
        "jsonl": ["\n".join(map(json.dumps, RECORDS))],
        "soc": [strict],
        "soi": [strict],
        "toc": [strict],
        "toi": [tied],
    }
    npy, npz, votes, frame = (io.BytesIO() for _ in range(4))
    np.save(npy, np.array(P, dtype=np.float32))
    np.savez(npz, P=P, names=["a", "b", "c"], ref=[0.2, 0.3, 0.5])
    pd.DataFrame(VOTES, columns=["left", "right", "winner"]).to_parquet(votes)
    pd.DataFrame(P, columns=["a", "b", "c"]).to_parquet(frame)
    some = [json.dumps(rows) for rows in EXAMPLES.values()]
    texts["json"] += some
    texts["csv"] += ["left,right,prob,count\na,b,.7,2\nb,c,1,1\nc,a,0.5,3\n"]
    return {
        **{ending: [text.encode() for text in examples] for ending, examples in texts.items()},
        "csv.gz": [gzip.compress(text.encode(), mtime=0) for text in texts["csv"]],
        "npy": [npy.getvalue()],
        "npz": [npz.getvalue()],
        "parquet": [votes.getvalue(), frame.getvalue()],
    }


FILES = files()
PIECES = [
    *(b"", b"\0", b"\xff", b"\n", b"\r", b'"', b",", b"\t", b"{", b"}", b"[", b"]", b":", b"#"),
    *(b"nan", b"inf", b"-1", b"1e999", b"null", b"\xef\xbb\xbf", b"\\ud800", b" ", b"a", b"9" * 20),
]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """An ending, and a file of it in which some pieces are replaced."""
    ending = draw(st.sampled_from(sorted(FILES)))
    data = draw(st.sampled_from(FILES[ending]))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 1, 2, 8, len(data)]))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=8))
        data = data[:start] + piece + data[start + length :]
    return ending, data


def random() -> st.SearchStrategy[tuple[str, bytes]]:
    """An ending, and bytes that have nothing to do with it."""
    others = st.sampled_from([data for examples in FILES.values() for data in examples])
    return st.tuples(st.sampled_from(sorted(FILES)), st.binary(max_size=80) | others)


@pytest.mark.parametrize("ending", FILES)
def test_the_undamaged_files_hold_games(tmp_path: Path, ending: str) -> None:
    for data in FILES[ending]:
        path = tmp_path / f"game.{ending}"
        path.write_bytes(data)
        assert load(path).n in (2, 3)


@settings(max_examples=600)
@given(damaged() | random())
def test_a_file_is_a_game_or_a_game_error(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, bytes]
) -> None:
    ending, data = file
    path = tmp_path_factory.getbasetemp() / f"fuzz.{ending}"
    path.write_bytes(data)
    try:
        game = load(path)
    except GameError as error:
        message = str(error)
    else:
        np.testing.assert_array_equal(game.P + np.swapaxes(game.P, -1, -2), 1)
        save(game, again := path.with_name("again.npz"))
        assert load(again) == game
        return
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
