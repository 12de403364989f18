"""Text files of users: CSV, TSV, JSON and JSON lines, plain or gzipped."""

import csv
import gzip
import io
import json
import string
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TextIO, cast

from games.errors import GameError
from games.game import DENSE_LIMIT
from games.io.arrow import csv_chunks, unquoted
from games.io.cells import is_number
from games.io.json_records import record_table
from games.io.layouts import FORMS
from games.io.named_arrays import from_arrays, numbers
from games.io.roles import hint, is_comparisons
from games.io.square_table import Square, from_rows, square
from games.io.tables import CHUNK, Cells, Limits, Table, plain

_HEAD = 1 << 16
_LARGE = 1 << 22
"""Bytes from which Arrow, which takes a second to load, reads a plain CSV file faster."""
_SAMPLE = 20
"""Rows from which it follows which columns hold numbers."""


class _Unpacked(gzip.GzipFile):
    """A gzip file that is refused where it has become too large: a bomb never fills memory."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        self._most = most

    def read1(self, size: int = -1) -> bytes:
        piece = super().read1(size)
        if self.tell() > self._most:
            raise GameError(
                f"unpacks to more than {self._most:,} bytes; if that is no mistake, raise the "
                "limit with --max-bytes, or unpack it and load the plain file"
            )
        return piece


@contextmanager
def open_text(path: Path, limits: Limits | None = None) -> Iterator[TextIO]:
    """The text of a file, with its line ends as they are.

    Raises
    ------
    GameError
        If the file is empty, not UTF-8, or a gzip file that is damaged or too large.
    """
    try:
        with _bytes(path, limits or Limits()) as binary:
            stream = io.TextIOWrapper(binary, "utf-8-sig", newline="")
            if not stream.read(_HEAD).strip(string.whitespace):
                raise GameError("the file is empty; expected comparisons or a square table")
            stream.seek(0)
            yield stream
    except UnicodeDecodeError:
        raise _not_utf8(path, limits or Limits()) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise GameError(f"not a whole gzip file ({error}); fetch or pack it again") from None


def _bytes(path: Path, limits: Limits) -> BinaryIO:
    packed = path.suffix.lower() == ".gz"
    return cast(BinaryIO, _Unpacked(path, limits.bytes)) if packed else open(path, "rb")


def _not_utf8(path: Path, limits: Limits) -> GameError:
    with _bytes(path, limits) as binary:
        for number, line in enumerate(binary, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = f"0x{line[error.start]:02x}"
                return GameError(f"line {number}: byte {byte} is not UTF-8; save the file as UTF-8")
    return GameError("is not UTF-8; save the file as UTF-8")


def read_csv(path: Path, limits: Limits, delimiter: str) -> Table | Square:
    """Comparisons or a square table; cells that hold the delimiter are quoted as in RFC 4180."""

    def lines() -> Iterator[tuple[int, list[str]]]:
        """The rows that are not blank, each with the line it begins on."""
        with open_text(path, limits) as stream:
            reader, line = _reader(stream, delimiter), 1
            try:
                for row in reader:
                    if row:
                        yield line, row
                    line = reader.line_num + 1
            except csv.Error as error:
                raise GameError(
                    f"line {line}: {error}; quote cells as RFC 4180 says, and keep texts of more "
                    f"than {csv.field_size_limit():,} characters in JSON lines"
                ) from None

    (_, cells), *sample = [*islice(lines(), _SAMPLE + 1)] or [(1, [""])]
    header = plain(cells)
    if not is_comparisons(header):
        return _square(list(islice(lines(), DENSE_LIMIT + 2)), header)

    def chunks(columns: Sequence[str]) -> Iterator[Sequence[Cells]]:
        at = [header.index(column) for column in columns]
        if path.suffix != ".gz" and path.stat().st_size >= _LARGE and unquoted(path):
            damaged = partial(_complain, lines(), len(header))
            yield from csv_chunks(path, delimiter, len(header), at, damaged)
            return
        width = {len(header)}
        with open_text(path, limits) as stream:
            reader = filter(None, _reader(stream, delimiter))
            next(reader)
            while (rows := _some(reader)) != []:
                if rows is None or {*map(len, rows)} != width:
                    _complain(lines(), len(header))
                every = list(zip(*rows, strict=True))
                yield [(every[k], None) for k in at]

    def place(row: int) -> int:
        return next(islice(lines(), row + 1, None))[0]

    return Table("line", header, _numeric(header, [row for _, row in sample]), chunks, place)


def _some(reader: Iterator[list[str]]) -> list[list[str]] | None:
    """The next rows; None if they are damaged."""
    try:
        return list(islice(reader, CHUNK))
    except csv.Error:
        return None


def _complain(lines: Iterator[tuple[int, list[str]]], width: int) -> NoReturn:
    """Say on which line the first damaged row is."""
    for line, row in lines:
        if len(row) != width:
            raise GameError(f"line {line}: {len(row)} cells, expected {width} as in the header")
    raise GameError("changed while it was read; read it again")


def _reader(stream: TextIO, delimiter: str) -> Any:
    return csv.reader(stream, delimiter=delimiter, strict=True, skipinitialspace=True)


def _numeric(header: Sequence[str], sample: Sequence[Sequence[str]]) -> list[str]:
    """The columns in which every cell of some rows is a number or blank."""
    return [
        name
        for name, *column in zip(header, *sample, strict=False)
        if any(map(is_number, column))
        and all(is_number(text) or not text.strip() for text in column)
    ]


def _square(rows: list[tuple[int, list[str]]], header: Sequence[str]) -> Square:
    """A square table, of which one with other columns is told what they might be called."""
    try:
        return from_rows(rows)
    except GameError as error:
        numbers_below = any(is_number(text) for _, row in rows[1:2] for text in row[1:])
        if len(rows) == len(header) and numbers_below:
            raise
        listed = ", ".join(header)
        raise GameError(
            f"your columns are {listed!r:.120}, and comparisons have the columns {FORMS}"
            f"{hint(header)}; else {error}"
        ) from None


def read_jsonl(path: Path, limits: Limits) -> Table:
    """The comparisons in a file with one JSON object a line."""

    def records() -> Iterator[tuple[int, Any]]:
        with open_text(path, limits) as stream:
            for k, line in enumerate(stream, 1):
                if line := line.strip():
                    yield k, _parsed(line, k)

    return record_table(records, "line")


def read_json(path: Path, limits: Limits) -> Table | Square:
    """Named arrays (an object), comparisons (a list of objects) or a square table (of lists)."""
    with open_text(path, limits) as stream:
        document = _parsed(stream.read())
    if isinstance(document, dict):
        if form := _orientation(document):
            raise GameError(
                f"is a data frame in pandas' orientation {form!r}; write comparisons with "
                'to_json(orient="records"), a square table with orient="values"'
            )
        return from_arrays(document)
    if document == []:
        raise GameError(
            "the list is empty; expected comparisons, an object each, or the rows of a square table"
        )
    if isinstance(document, list) and isinstance(document[0], dict):
        return record_table(lambda: enumerate(document, 1), "record")
    try:
        table = numbers(document, "the table")
    except GameError as error:
        raise GameError(
            f"{error}; comparisons are a list of objects with the columns {FORMS} "
            '(pandas: to_json(orient="records"))'
        ) from None
    return square(table)


def _orientation(document: dict[str, Any]) -> str:
    """The orientation in which pandas has written a data frame, "" if it is none."""
    if document.keys() >= {"columns", "data"}:
        return "split"
    if document.keys() >= {"schema", "data"}:
        return "table"
    if not document or not all(isinstance(value, dict) for value in document.values()):
        return ""
    return "columns" if is_comparisons(plain(list(document))) else "columns or index"


def _parsed(source: str, line: int = 1) -> Any:
    try:
        return json.loads(source)
    except json.JSONDecodeError as error:
        raise GameError(
            f"line {line + error.lineno - 1}: no JSON at column {error.colno} ({error.msg}); "
            "expected one JSON value, in .jsonl one object a line"
        ) from None
    except RecursionError:
        raise GameError(f"line {line}: JSON nested too deep; expected lists of lists") from None
    except ValueError as error:  # an integer of thousands of digits
        raise GameError(f"line {line}: {error}; expected numbers of ordinary size") from None
