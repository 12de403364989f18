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
from games.io.named_arrays import to_arrays
from games.io.preflib import read_orders
from games.io.reading import records
from games.io.records import Records, from_counts
from games.io.square_table import Square
from games.io.tables import Limits, Table
from games.io.text_files import read_csv, read_json, read_jsonl

Reader = Callable[[Path, Limits], Table | Square]

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


def load(
    path: str | os.PathLike[str],
    group_by: str | None = None,
    *,
    by_prompt: bool = False,
    limits: Limits | None = None,
) -> PreferenceGame:
    """The game in a file; comparisons are counted.

    The ending of a file (text also gzipped, as in ``.csv.gz``) says what it contains:

    - comparisons: ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl`` (a record a line) and ``.json`` (a
      list of records), with the columns left,right,winner or model_a,model_b,winner or
      chosen,rejected or those of another of ``games.io.layouts``; ``games.io.reading`` says what
      becomes of prompts and models;
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
    by_prompt : bool
        For comparisons: whether every prompt is a context, even if they do not compare the same
        answers.
    limits : Limits, optional
        How much is read at most.

    Raises
    ------
    GameError
        If anything is wrong with the file; the message names the file, the line and the repair.
    """
    content = counted(path, group_by, by_prompt=by_prompt, limits=limits)
    if not isinstance(content, Comparisons):
        return content
    try:
        return content.game()
    except GameError as error:
        raise GameError(f"{path}: {error}") from None


def counted(
    path: str | os.PathLike[str],
    group_by: str | None = None,
    *,
    by_prompt: bool = False,
    limits: Limits | None = None,
) -> Square:
    """What a file holds, as for ``load``: counted comparisons, or win probabilities.

    Raises
    ------
    GameError
        If anything is wrong with the file.
    """
    content = _content(Path(path), group_by, by_prompt, limits)
    if isinstance(content, Records):
        try:
            content = content.comparisons()
        except GameError as error:
            raise GameError(f"{path}: {error}") from None
    if isinstance(content, Comparisons):
        _warn_of_unseen(Path(path), content)
    return content


def read(
    path: str | os.PathLike[str],
    group_by: str | None = None,
    *,
    by_prompt: bool = False,
    limits: Limits | None = None,
) -> Records:
    """The comparisons in a file one by one, with their raters and prompts where it gives them.

    Win counts and orders become weighted records of pairs.

    Parameters
    ----------
    path, group_by, by_prompt, limits
        As for ``load``.

    Raises
    ------
    GameError
        If anything is wrong with the file, or it holds probabilities.
    """
    content = _content(Path(path), group_by, by_prompt, limits)
    if isinstance(content, Comparisons):
        content = from_counts(content)
    if not isinstance(content, Records):
        raise GameError(f"{path}: holds win probabilities, not comparisons; give those")
    return content


def _content(
    path: Path, group_by: str | None, by_prompt: bool, limits: Limits | None
) -> Square | Records:
    limits = limits or Limits()
    try:
        with np.errstate(all="ignore"):  # the checks report bad numbers
            content: Table | Square | Records = _reader(path)(path, limits)
            if isinstance(content, Table):
                content = records(content, group_by, by_prompt, limits)
            elif group_by is not None or by_prompt:
                option = f"--group-by {group_by}" if group_by is not None else "--by-prompt"
                raise GameError(f"holds no comparisons; leave out {option}")
            if isinstance(content, Comparisons) and not content.pairs.any():
                content.game()
        if any(name.encode(errors="replace").decode() != name for name in content.names):
            raise GameError("a name has half a surrogate pair, which is no text; rename it")
        return content
    except OSError as error:
        raise GameError(f"{path}: {error.strerror or error}; give a readable file") from None
    except GameError as error:
        raise GameError(f"{path}: {error}") from None


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
