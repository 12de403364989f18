import gzip
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from games import (
    GameError,
    Known,
    Population,
    PreferenceGame,
    ScoreGame,
    load,
)
from games.io import Limits
from games.io.files import save
from tests.written import written

P = np.array([[0.5, 0.7, 0.1], [0.3, 0.5, 0.6], [0.9, 0.4, 0.5]])


def games() -> dict[str, PreferenceGame]:
    rng = np.random.default_rng(3)
    upper = np.triu(rng.random((5, 4, 4)), 1)
    tables = upper + np.tril(1 - np.swapaxes(upper, -1, -2), -1) + 0.5 * np.eye(4)
    refs = rng.random((6, 5, 4)) + 0.01
    refs /= refs.sum(-1, keepdims=True)
    pairs = rng.integers(0, 9, (5, 4, 4)) / 7
    people = Population([[0.3, 0.7]] * 5, rng.random((5, 2, 4)))
    return {
        "plain": PreferenceGame(P),
        "named": PreferenceGame(P, [0.1, 0.2, 0.7], names=["é", "b\0", 'two\nlines "quoted"']),
        "whole": PreferenceGame(
            tables,
            refs[0],
            np.moveaxis(refs[1:5], 0, 1),
            pairs + np.swapaxes(pairs, -1, -2),
            population=people,
        ),
        "linear": ScoreGame([[0.1, 0.2], [0.5, 0.3], [0, 0.4]], [[0, 1], [-1, 0]], "linear"),
        "logistic": ScoreGame([[3, 1], [2, 1]], [[0, 1], [-1, 0]], "logistic", [0.3, 0.7], "ab"),
    }


@pytest.mark.parametrize("name", games())
def test_a_saved_game_comes_back_equal(tmp_path: Path, name: str) -> None:
    game = games()[name]
    save(game, tmp_path / "game.npz")
    again = load(tmp_path / "game.npz")
    assert again == game
    assert type(again) is type(game)
    assert again.names == game.names
    assert os.listdir(tmp_path) == ["game.npz"]
    np.testing.assert_array_equal(again.win_rates(game.ref), game.win_rates(game.ref))


def test_equal_games_make_equal_files(tmp_path: Path) -> None:
    for k in range(2):
        save(games()["whole"], str(tmp_path / f"{k}.npz"))
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()


def test_published_answers_are_not_saved(tmp_path: Path) -> None:
    game = PreferenceGame(P, known=[Known("nlhf_exact", {"tau": 0}, [1, 0, 0], "nowhere")])
    save(game, tmp_path / "game.npz")
    assert load(tmp_path / "game.npz").known == ()


@pytest.mark.parametrize("path", ["game.json", "missing/game.npz"])
def test_a_game_that_cannot_be_saved_says_why(tmp_path: Path, path: str) -> None:
    with pytest.raises(GameError, match="saved as .npz" if ".json" in path else "writable path"):
        save(PreferenceGame(P), tmp_path / path)
    assert os.listdir(tmp_path) == []


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "game.npz"
    save(games()["plain"], path)

    def full(stream: Any, **arrays: Any) -> None:
        stream.write(b"PK")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(GameError, match=r"game\.npz: No space left on device"):
        save(games()["named"], path)
    assert os.listdir(tmp_path) == ["game.npz"]
    assert load(path) == games()["plain"]


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_named_arrays_of_users(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "game.npz", P=P.astype(np.float32), ref=[0.2, 0.3, 0.5], names=["x", "y", "z"])
    game = load(tmp_path / "game.npz")
    assert game.names == ("x", "y", "z")
    np.testing.assert_array_equal(game.ref, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(game.P, P, rtol=0, atol=1e-7)
    write(tmp_path / "wins.npz", wins=[[0, 3], [1, 0]], names=["x", "y"])
    assert load(tmp_path / "wins.npz").P[0, 1] == 0.75


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Q": P}, "has the keys 'Q'; expected either P"),
        ({"P": P, "refs": [1]}, "key 'refs' does not go with P; did you mean ref"),
        ({"P": P, "names": [1, 2, 3]}, "names is no list of text"),
        ({"P": P, "names": "not JSON"}, "names is no list of text"),
        ({"P": P, "names": ["a", "b", "a"]}, "name 'a' is given twice"),
        ({"P": P, "ref": [1, 0, 0]}, r"ref\[1\] is 0, expected > 0"),
        ({"P": P.astype(object)}, "Object arrays cannot be loaded"),
        ({"P": P.astype(complex)}, "P has entries of type complex128"),
        ({"X": P, "R": P - P.T}, "has X without logistic"),
        ({"X": P, "R": P, "logistic": 1.0}, "R skew"),
    ],
)
def test_bad_named_arrays_say_why(tmp_path: Path, arrays: Any, message: str) -> None:
    np.savez(tmp_path / "game.npz", **arrays)
    with pytest.raises(GameError, match=rf"game\.npz: .*{message}"):
        load(tmp_path / "game.npz")


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("ending", ["npy", "npz", "parquet", "json", "csv"])
def test_nothing_is_unpickled(tmp_path: Path, ending: str) -> None:
    sprung = tmp_path / "sprung"
    path = tmp_path / f"game.{ending}"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(GameError):
        load(path)
    with open(path, "wb") as stream:
        np.save(stream, np.array([[Trap(sprung)]], dtype=object), allow_pickle=True)
    with pytest.raises(GameError):
        load(path)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.csv", "is no file; give the path of an existing file"),
        ("missing", "is no file"),
        ("folder.csv", "is a directory; give the path of an existing file"),
        ("game.xlsx", r"ends in '\.xlsx', which is not read; known: \.csv, \.tsv, .*\.parquet"),
        ("game.npz.gz", r"ends in '\.npz\.gz', which is not read"),
        ("game.gz", r"ends in '\.gz', which is not read"),
        ("game", "ends in '', which is not read"),
        ("nul\0.csv", "is no file"),
    ],
)
def test_a_path_that_cannot_be_read_says_why(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    for existing in ("game.xlsx", "game.npz.gz", "game.gz", "game"):
        written(tmp_path, existing, "x")
    with pytest.raises(GameError, match=message):
        load(tmp_path / name)


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "soc", "toi", "npy", "npz"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\n", b"\0", b"\xff\xfea\0"])
def test_nothing_to_read_says_so(tmp_path: Path, ending: str, content: bytes) -> None:
    path = written(tmp_path, f"game.{ending}", content)
    with pytest.raises(GameError, match=r"game\.\w+: .*(empty|UTF-8|expected|intact|no )"):
        load(path)


def test_damaged_gzip_says_so(tmp_path: Path) -> None:
    text = "left,right,winner\n" + "".join(f"a{k},b,left\n" for k in range(3000))
    whole = gzip.compress(text.encode())
    for name, data in {
        "short": whole[:-20],
        "plain": text.encode(),
        "flipped": whole[:50] + bytes([whole[50] ^ 255]) + whole[51:],
        "no sum": whole[:-8] + bytes(8),
    }.items():
        (tmp_path / f"{name}.csv.gz").write_bytes(data)
        with pytest.raises(GameError, match=r"\.csv\.gz: not a whole gzip file \("):
            load(tmp_path / f"{name}.csv.gz")


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    limits = Limits(bytes=1 << 20)
    rows = b"left,right,winner\n" + b"a,b,left\n" * 116_506
    assert (1 << 20) - 9 < len(rows) <= 1 << 20
    assert load(written(tmp_path, "most.csv.gz", rows), limits=limits).n == 2
    with pytest.raises(GameError, match=r"unpacks to more than 1,048,576 bytes; .* --max-bytes"):
        load(written(tmp_path, "more.csv.gz", rows + b"a,b,left\n" * 10), limits=limits)
    assert load(written(tmp_path, "plain.csv", rows * 1 + b"a,b,left\n" * 10), limits=limits).n == 2

    table = np.full((400, 400), 0.5)
    np.savez(tmp_path / "plain.npz", P=table)
    assert load(tmp_path / "plain.npz", limits=limits).n == 400
    np.savez_compressed(tmp_path / "packed.npz", P=table)
    with pytest.raises(GameError, match=r"packed\.npz: unpacks to 1,280,\d+ bytes, more than"):
        load(tmp_path / "packed.npz", limits=limits)


def test_other_archives_say_what_is_missing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "game.npz", "w") as archive:
        archive.writestr("notes.txt", json.dumps(P.tolist()))
    with pytest.raises(GameError, match=r"has the keys 'notes\.txt'; expected either P"):
        load(tmp_path / "game.npz")
    np.save(tmp_path / "table.npy", P)
    (tmp_path / "table.npy").rename(tmp_path / "table.npz")
    with pytest.raises(GameError, match=r"table\.npz: no intact NPZ file"):
        load(tmp_path / "table.npz")
