"""A run directory: the spec, the code that ran it, and one checksummed line a finished cell.

::

    runs/<name>/
        spec.json          the resolved spec
        environment.json   code, versions, machine
        games/<digest>.npz each game once
        games/index.json   which game of the rows is in which of these files
        rows/0001.jsonl    a segment for every time the run was started or resumed
        table.parquet      all rows, once every cell has a line

Segments are only ever appended to. If a cell has several lines, the last one counts. A killed
process can leave a torn last line in the segment that it wrote, and nowhere else.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from results import stored_games, timings
from results.rows import COLUMNS, FAILED, STRENGTHS, Row, RunError, strengths

if TYPE_CHECKING:
    import pandas as pd

TABLE = "table.parquet"
_GROUP_ROWS = 200_000
_CHECK = ',"check":"'
_INTEGERS = ("seed", "context", "step")
_TEXT = tuple(name for name in COLUMNS if name not in (*_INTEGERS, "value"))


@dataclass(frozen=True)
class Record:
    """The rows of one finished cell.

    Attributes
    ----------
    index : int >= 0
        Position of the cell in the matrix, which tables follow whatever the order of finishing.
    game : str
        Digest of its game, stored as ``games/<game>.npz``; "" if making the game failed.
    columns : mapping of str to list
        The rows by column, as non-empty lists of equal length.
    """

    index: int
    game: str
    columns: dict[str, list[Any]]

    @property
    def cell(self) -> str:
        """Key of the cell."""
        return str(self.columns["cell"][0])

    @property
    def statuses(self) -> set[str]:
        """The statuses among its rows."""
        return set(self.columns["status"])

    @property
    def unfinished(self) -> bool:
        """Whether the cell failed or was interrupted, so that resuming runs it again."""
        return not self.statuses.isdisjoint((*FAILED, "interrupted"))


class Store:
    """A context manager that creates a run directory and is its only writer.

    Lines reach the operating system at once, so that a killed process loses none; call ``sync``
    every second, so that a power failure loses no more than that.

    Parameters
    ----------
    run_dir : Path

    Raises
    ------
    RunError
        If another process is writing to the directory. The operating system releases the lock
        when that process ends.
    """

    def __init__(self, run_dir: Path) -> None:
        (run_dir / "rows").mkdir(parents=True, exist_ok=True)
        (run_dir / "games").mkdir(exist_ok=True)
        self.run_dir = run_dir
        self._lock = _locked(run_dir)
        self._segment: IO[bytes] | None = None
        self._synced = 0.0

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._segment is not None:
            os.fsync(self._segment.fileno())
            self._segment.close()
        self._lock.close()

    def append(self, index: int, game: str, rows: Sequence[Row]) -> Record:
        """Write a finished cell and return its record; a table of an earlier finish is removed."""
        record = Record(index, game, {c: [getattr(row, c) for row in rows] for c in COLUMNS})
        if self._segment is None:
            (self.run_dir / TABLE).unlink(missing_ok=True)
            number = 1 + max((int(path.stem) for path in _segments(self.run_dir)), default=0)
            path = self.run_dir / "rows" / f"{number:04d}.jsonl"
            self._segment = open(path, "xb")  # noqa: SIM115  # closed in __exit__
        self._segment.write(_encoded(record))
        self._segment.flush()
        self.sync()
        return record

    def sync(self) -> None:
        """Force the lines to the disk, at most once a second."""
        if self._segment is not None and time.monotonic() - self._synced >= 1:
            os.fsync(self._segment.fileno())
            self._synced = time.monotonic()

    def finish(self, finished: Sequence[Record]) -> None:
        """Write ``table.parquet`` and ``games/index.json`` from all the records of the run."""
        keys = ("game", "game_params", "seed")
        stored_games.write(
            self.run_dir, [(*(r.columns[key][0] for key in keys), r.game) for r in finished]
        )
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {**dict.fromkeys(_INTEGERS, pa.int64()), "value": pa.float64()}
        schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
        part = self.run_dir / f".{TABLE}"
        with pq.ParquetWriter(
            part, schema, compression="zstd", use_dictionary=[c for c in COLUMNS if c != "value"]
        ) as writer:
            for group in _groups(finished):
                frame = _frame(group)
                writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
        part.replace(self.run_dir / TABLE)


def records(run_dir: Path) -> list[Record]:
    """The finished cells of a run, in the order of the matrix.

    Raises
    ------
    RunError
        If a line that is not the last of its segment is damaged.
    """
    latest = {record.cell: record for path in _segments(run_dir) for record in _read(path)}
    return sorted(latest.values(), key=lambda record: record.index)


def load(runs: str | Path | Sequence[str | Path], categories: bool = False) -> "pd.DataFrame":
    """The rows of one or more runs, complete or still running, as one table.

    Parameters
    ----------
    runs : path of a run directory or a pytest-benchmark file (.json), or a list of them
        A file gives rows of the experiment "speed"; see ``results.timings``.
    categories : bool
        Whether columns of text are categorical, which takes a tenth of the memory in large runs.

    Returns
    -------
    DataFrame
        Its columns are the fields of ``Row``, with ``results.rows.STRENGTHS`` after ``params``;
        seed, context and step are Int64 with <NA> where they do not apply. Rows are in the order
        of the matrix.

    Raises
    ------
    RunError
        If a path is neither of these, or its rows are damaged.
    """
    import pandas as pd

    listed = [runs] if isinstance(runs, str | Path) else list(runs)
    frames = [_load(Path(run), categories) for run in listed] or [_frame([])]
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    if categories:
        frame = frame.astype(dict.fromkeys(_TEXT, "category"))
    codes, texts = pd.factorize(frame["params"])
    read = np.array([strengths(text) for text in texts]).reshape(-1, len(STRENGTHS))
    place = COLUMNS.index("params") + 1
    for name, values in reversed([*zip(STRENGTHS, read[codes].T, strict=True)]):
        frame.insert(place, name, values)
    return frame


def _load(run_dir: Path, categories: bool) -> "pd.DataFrame":
    if run_dir.suffix == ".json" and run_dir.is_file():
        rows = timings.read(run_dir)
        return _frame([Record(0, "", {c: [getattr(row, c) for row in rows] for c in COLUMNS})])
    if not run_dir.is_dir():
        raise RunError(f"{run_dir}: no such run directory; `prefgames run` prints where it writes")
    if (run_dir / TABLE).is_file():
        import pyarrow.parquet as pq

        dictionaries = list(_TEXT) if categories else None
        table = pq.read_table(run_dir / TABLE, read_dictionary=dictionaries).unify_dictionaries()
        return _typed(table.to_pandas(self_destruct=True), categories)
    if not (run_dir / "rows").is_dir() and (run_dir / "tables").is_dir():
        raise RunError(
            f"{run_dir}: published without its rows, of which alone anything is made; its tables "
            "and figures are files in it"
        )
    if not (run_dir / "rows").is_dir():
        raise RunError(f"{run_dir}: not a run directory, it has neither {TABLE} nor rows/")
    return _frame(records(run_dir))


def _frame(finished: Sequence[Record]) -> "pd.DataFrame":
    import pandas as pd

    return _typed(pd.DataFrame({c: [v for r in finished for v in r.columns[c]] for c in COLUMNS}))


def _groups(finished: Sequence[Record]) -> Iterator[list[Record]]:
    """The records in groups of about ``_GROUP_ROWS`` rows, because a whole run may not fit."""
    group: list[Record] = []
    size = 0
    for record in finished:
        group.append(record)
        size += len(record.columns["value"])
        if size >= _GROUP_ROWS:
            yield group
            group, size = [], 0
    yield group


def _typed(frame: "pd.DataFrame", categories: bool = False) -> "pd.DataFrame":
    types = {**dict.fromkeys(_INTEGERS, "Int64"), "value": "float64"}
    if not categories:
        return frame.astype({**types, **dict.fromkeys(_TEXT, "object")})[list(COLUMNS)]
    for name in _TEXT:  # in the order in which text becomes categories elsewhere
        frame[name] = frame[name].cat.set_categories(sorted(frame[name].cat.categories))
    return frame.astype(types)[list(COLUMNS)]


def _segments(run_dir: Path) -> list[Path]:
    return sorted((run_dir / "rows").glob("*.jsonl"))


def _encoded(record: Record) -> bytes:
    """The record as one line; a column that is the same in all rows is written once."""
    columns: dict[str, Any] = {}
    for name, values in record.columns.items():
        plain = [_plain(value) for value in values]
        columns[name] = plain[0] if all(value == plain[0] for value in plain) else plain
    body = {"index": record.index, "game": record.game, "n": len(plain), "columns": columns}
    text = json.dumps(body, separators=(",", ":"), allow_nan=False)
    return f'{text[:-1]}{_CHECK}{_checksum(text)}"}}\n'.encode()


def _plain(value: Any) -> Any:
    """The value as JSON can express it: NaN as null, infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(segment: Path) -> Iterator[Record]:
    lines = segment.read_bytes().split(b"\n")
    torn = lines.pop()
    if not torn and not lines:
        return
    for number, line in enumerate(lines, 1):
        record = _decoded(line)
        if record is not None:
            yield record
        elif number < len(lines) or torn:
            raise RunError(
                f"{segment}, line {number}: the line does not match its checksum; restore the "
                "file, or delete the line and give the same `prefgames run` again"
            )


def _decoded(line: bytes) -> Record | None:
    """The record, or None if the line is damaged."""
    try:
        text, _, check = line.decode().rpartition(_CHECK)
        text += "}"
        if check != f'{_checksum(text)}"}}':
            return None
        body = json.loads(text)
    except ValueError:
        return None
    n = body["n"]
    columns = {c: v if isinstance(v, list) else [v] * n for c, v in body["columns"].items()}
    columns["value"] = [math.nan if v is None else float(v) for v in columns["value"]]
    return Record(body["index"], body["game"], columns)


def _locked(run_dir: Path) -> IO[str]:
    """The locked lock file; closing it, or the end of the process, releases the lock."""
    import fcntl

    lock = open(run_dir / "lock", "a+", encoding="utf-8")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "another process"
        lock.close()
        raise RunError(
            f"{run_dir}: {owner} is writing to this run; wait for it, stop it, or use --out "
            "to write elsewhere"
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}")
    lock.flush()
    return lock
