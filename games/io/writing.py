"""Comparisons written in the forms of others: for training with TRL, as an arena's log, PrefLib.

What is written loads as the same game, with the answers sorted by name.
"""

import csv
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from games.errors import GameError
from games.io.layouts import LAYOUTS
from games.io.outcomes import label_words, normal
from games.io.records import Records
from games.registry import near

FORMS = ("trl", "arena", "preflib")
"""The forms that ``write`` knows."""

_log = logging.getLogger("prefgames")
_PREFLIB = (".soc", ".soi", ".toc", ".toi")
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
Row = dict[str, Any]


def write(data: Records, path: str | os.PathLike[str], form: str | None = None) -> None:
    """Write comparisons to a file; it appears whole or not at all.

    Parameters
    ----------
    data : Records
    path : path
        Ending in .csv, .tsv, .jsonl or .parquet for the forms "trl" and "arena", in .soi or .toi
        for "preflib".
    form : "trl", "arena" or "preflib", optional
        trl: ``prompt`` (if there are any), ``chosen``, ``rejected``; a tie is a row each way that
        weighs half, in a column ``weight``. arena: ``model_a``, ``model_b``, ``winner``, with
        ``prompt``, ``judge`` and ``weight`` as far as they are known. preflib: a ballot for each
        outcome of a pair, which knows neither prompts nor raters. By default preflib for .soi and
        .toi, else trl.

    Raises
    ------
    GameError
        If the form cannot hold what the data say, or the path cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    form = form or ("preflib" if ending in _PREFLIB else "trl")
    if form not in FORMS:
        raise GameError(f"no form named {form!r}{near(form, FORMS)}")
    fitting = _PREFLIB[1::2] if form == "preflib" else _TABLES
    if ending not in fitting:
        raise GameError(
            f"{path}: the form {form} is written to files that end in {', '.join(fitting)}"
        )
    never = set(range(len(data.names))) - {*data.first.tolist(), *data.second.tolist()}
    if never and form != "preflib":
        raise GameError(
            f"{path}: {data.names[min(never)]!r:.60} was never compared, which only PrefLib's form "
            "can say; drop it, or write .toi"
        )
    part = path.with_name(f"{path.name}.{os.getpid()}.part{ending}")
    try:
        if form == "preflib":
            part.write_text(_preflib(data, ties=ending == ".toi"), encoding="utf-8")
        else:
            _WRITERS[ending](part, list(_rows(path, data, form)))
        part.replace(path)
    except OSError as error:
        raise GameError(f"{path}: {error.strerror or error}; give a writable path") from None
    except GameError as error:
        raise GameError(f"{path}: {error}") from None
    finally:
        part.unlink(missing_ok=True)


def _rows(path: Path, data: Records, form: str) -> Iterator[Row]:
    """The rows of a table, without prompts if pooled records would become contexts by them."""
    complete = data.complete()
    if data.contexts and not complete:
        _log.warning("%s: load it with --by-prompt, or its prompts will be pooled", path)
    prompts = data.prompts if data.contexts or not complete else ()
    rows = _arena(data) if form == "arena" else _trl(data)
    for k, row in rows:
        yield {"prompt": prompts[data.prompt[k]], **row} if prompts else row


def _trl(data: Records) -> Iterator[tuple[int, Row]]:
    """A row for each outcome that has a share of the win, with the record it comes from."""
    shares = np.stack([data.share, 1 - data.share])
    weighted = bool((data.weight != 1).any() or ((shares > 0) & (shares < 1)).any())
    for k, (first, second) in enumerate(zip(data.first, data.second, strict=True)):
        for share, chosen, rejected in zip(
            shares[:, k], (first, second), (second, first), strict=True
        ):
            if share > 0:
                answers = {"chosen": data.names[chosen], "rejected": data.names[rejected]}
                weight = {"weight": float(data.weight[k] * share)} if weighted else {}
                yield k, {**answers, **weight}


def _arena(data: Records) -> Iterator[tuple[int, Row]]:
    """A row for each record; a probability becomes a row for each outcome."""
    words = label_words(next(each for each in LAYOUTS if each.answers[0] == "model_a"))
    if taken := [name for name in data.names if normal(name) in words]:
        raise GameError(f"answer {taken[0]!r:.60} is called as a winner may be; write form trl")
    labels = {1.0: "model_a", 0.0: "model_b", 0.5: "tie"}
    soft = ~np.isin(data.share, list(labels))
    weighted = bool((data.weight != 1).any() or soft.any())
    for k in range(len(data)):
        share, weight = float(data.share[k]), float(data.weight[k])
        outcomes = {"model_a": share, "model_b": 1 - share} if soft[k] else {labels[share]: 1.0}
        for winner, part in outcomes.items():
            first, second = data.names[data.first[k]], data.names[data.second[k]]
            row: Row = {"model_a": first, "model_b": second, "winner": winner}
            if data.raters:
                row["judge"] = data.raters[data.rater[k]] if data.rater[k] >= 0 else ""
            yield k, {**row, **({"weight": weight * part} if weighted else {})}


def _preflib(data: Records, *, ties: bool) -> str:
    """Orders of two alternatives each, weighted by how often they occurred."""
    if data.contexts:
        raise GameError("PrefLib knows no prompts; pool them, or write another form")
    counts = data.comparisons()
    if counts.ties.any() and not ties:
        raise GameError("has ties; name a file of orders with ties .toi")
    wins, tied = counts.wins, np.triu(counts.ties)
    for values in (wins, tied):
        if (values != np.floor(values)).any():
            raise GameError("PrefLib counts voters in whole numbers, and a weight here is none")
    for name in data.names:
        if len(name.splitlines()) != 1:
            raise GameError(f"name {name!r:.60} has a line end, which PrefLib cannot hold")
    n, total = len(data.names), int(wins.sum() + tied.sum())
    names = [f"# ALTERNATIVE NAME {k}: {name}" for k, name in enumerate(data.names, 1)]
    orders = [f"{int(wins[i, j])}: {i + 1},{j + 1}" for i, j in np.argwhere(wins)]
    orders += [f"{int(tied[i, j])}: {{{i + 1},{j + 1}}}" for i, j in np.argwhere(tied)]
    sizes = [f"# NUMBER ALTERNATIVES: {n}", f"# NUMBER VOTERS: {total}"]
    sizes.append(f"# NUMBER UNIQUE ORDERS: {len(orders)}")
    return "\n".join([f"# DATA TYPE: {'toi' if ties else 'soi'}", *sizes, *names, *orders, ""])


def _write_csv(path: Path, rows: list[Row], delimiter: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def _write_jsonl(path: Path, rows: list[Row]) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _write_parquet(path: Path, rows: list[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)


_WRITERS: Mapping[str, Callable[[Path, list[Row]], None]] = {
    ".csv": lambda path, rows: _write_csv(path, rows, ","),
    ".tsv": lambda path, rows: _write_csv(path, rows, "\t"),
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
