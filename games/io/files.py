"""Games from users' files, and games saved to files."""

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from games.comparisons import Comparisons
from games.errors import GameError
from games.game import PreferenceGame
from games.io.binary_files import read_npy, read_npz, read_parquet
from games.io.comparison_table import Table
from games.io.counting import comparisons
from games.io.named_arrays import to_arrays
from games.io.preflib import read_orders
from games.io.square_table import Square
from games.io.text_files import read_csv, read_json, read_jsonl

Reader = Callable[[Path], Table | Square]

_TEXT: dict[str, Reader] = {
    ".csv": partial(read_csv, delimiter=","),
    ".tsv": partial(read_csv, delimiter="\t"),
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".soc": partial(read_orders, complete=True, ties=False),
    ".soi": partial(read_orders, complete=False, ties=False),
    ".toc": partial(read_orders, complete=True, ties=True),
    ".toi": partial(read_orders, complete=False, ties=True),
}
_BINARY: dict[str, Reader] = {".parquet": read_parquet, ".npy": read_npy, ".npz": read_npz}


def load(path: str | os.PathLike[str], group_by: str | None = None) -> PreferenceGame:
    """The game in a file; comparisons are counted.

    The ending of a file (text also gzipped, as in ``.csv.gz``) says what it contains:

    - comparisons: ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl`` (a record a line) and ``.json`` (a
      list of records), with the columns left,right,winner or model_a,model_b,winner or
      chosen,rejected; ``games.io.counting`` says what becomes of prompts and models;
    - a square table of win probabilities or win counts: ``.csv``, ``.tsv``, ``.parquet``,
      ``.npy`` and ``.json`` (a list of rows); ``games.io.square_table`` decides which;
    - named arrays, ``P`` or ``wins`` with ``names``: ``.json`` (an object) and ``.npz``;
      ``games.io.named_arrays`` lists all keys;
    - orders: ``.soc``, ``.soi``, ``.toc`` and ``.toi``; see ``games.io.preflib``.

    Ties count half. Pairs that were never compared are 1/2 in ``P`` and 0 in ``pairs``, and the
    logger "prefgames" warns of them.

    Parameters
    ----------
    path : path
    group_by : str, optional
        For comparisons: what stands for the answers; "score" is read from the columns
        ``score_chosen`` and ``score_rejected``.

    Raises
    ------
    GameError
        If anything is wrong with the file; the message names the file, the line and the repair.
    """
    path = Path(path)
    try:
        with np.errstate(all="ignore"):  # the checks report bad numbers
            content = _reader(path)(path)
            if isinstance(content, Table):
                content = comparisons(content, group_by)
            elif group_by is not None:
                raise GameError(f"holds no comparisons; leave out --group-by {group_by}")
            game = content.game() if isinstance(content, Comparisons) else content
        if any(name.encode(errors="replace").decode() != name for name in game.names):
            raise GameError("a name has half a surrogate pair, which is no text; rename it")
    except OSError as error:
        raise GameError(f"{path}: {error.strerror or error}; give a readable file") from None
    except GameError as error:
        raise GameError(f"{path}: {error}") from None
    if isinstance(content, Comparisons):
        _warn_of_unseen(path, content)
    return game


def save(game: PreferenceGame, path: str | os.PathLike[str]) -> None:
    """Write a game to an .npz file, from which ``load`` makes an equal game.

    The file appears whole or not at all. ``known`` answers are not saved.

    Raises
    ------
    GameError
        If the path does not end in .npz or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise GameError(f"{path}: a game is saved as .npz; change the ending")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as stream:
            np.savez(stream, **to_arrays(game))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise GameError(f"{path}: {error.strerror or error}; give a writable path") from None


def _reader(path: Path) -> Reader:
    if not path.is_file():
        kind = "a directory" if path.is_dir() else "no file"
        raise GameError(f"is {kind}; give the path of an existing file")
    packed = path.suffix.lower() == ".gz"
    ending = (path.with_suffix("") if packed else path).suffix.lower()
    readers = _TEXT if packed else _TEXT | _BINARY
    if ending not in readers:
        raise GameError(
            f"ends in {ending + '.gz' * packed!r}, which is not read; known: {', '.join(_TEXT)} "
            f"(each also with .gz), {', '.join(_BINARY)}"
        )
    return readers[ending]


def _warn_of_unseen(path: Path, data: Comparisons) -> None:
    unseen = data.unseen
    if not unseen.any():
        return
    *_, i, j = np.argwhere(unseen)[0]
    logging.getLogger("prefgames").warning(
        "%s: %d of %d pairs were never compared (first %.40r and %.40r); "
        "P is 1/2 there, and pairs is 0",
        path,
        unseen.sum() // 2,
        (unseen.size - unseen[..., 0].size) // 2,
        data.names[i],
        data.names[j],
    )
