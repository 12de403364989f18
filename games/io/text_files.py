"""Text files of users: CSV, TSV, JSON and JSON lines, plain or gzipped."""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

from games.errors import GameError
from games.io.comparison_table import Rows, Table, is_comparisons
from games.io.named_arrays import from_arrays, numbers
from games.io.records import record_table
from games.io.square_table import Square, from_rows, square

MAX_UNPACKED = 1 << 30
"""Most bytes that a compressed file may unpack to; the size of a plain file is visible."""


def open_text(path: Path) -> io.TextIOWrapper:
    """The text of a file, with its line ends as they are.

    Raises
    ------
    GameError
        If the file is empty, not UTF-8, or a gzip file that is damaged or unpacks to more than
        ``MAX_UNPACKED`` bytes.
    """
    data = _unpacked(path) if path.suffix.lower() == ".gz" else path.read_bytes()
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"0x{data[error.start]:02x}"
        raise GameError(f"line {line}: byte {byte} is not UTF-8; save the file as UTF-8") from None
    if not data or data.isspace():
        raise GameError("the file is empty; expected comparisons or a square table")
    return io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")


def _unpacked(path: Path) -> bytes:
    """The unpacked bytes, measured in pieces first: a bomb is refused before it fills memory."""
    try:
        with gzip.open(path) as stream:
            size = 0
            while piece := stream.read(1 << 20):
                size += len(piece)
                if size > MAX_UNPACKED:
                    raise GameError(
                        f"unpacks to more than {MAX_UNPACKED:,} bytes; unpack it yourself if it "
                        "is no mistake, and load the plain file"
                    )
            stream.seek(0)
            return stream.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise GameError(f"not a whole gzip file ({error}); fetch or pack it again") from None


def read_csv(path: Path, delimiter: str) -> Table | Square:
    """Comparisons or a square table; cells that hold the delimiter are quoted as in RFC 4180."""
    reader = csv.reader(open_text(path), delimiter=delimiter, strict=True, skipinitialspace=True)
    lines = _lines(reader)
    first, cells = next(lines, (1, [""]))
    header = [cell.strip() for cell in cells]
    if not is_comparisons(header):
        return from_rows([(first, cells), *lines])

    def rows(columns: tuple[str, ...]) -> Rows:
        pick = itemgetter(*(header.index(column) for column in columns))
        for line, row in lines:
            if len(row) != len(header):
                raise GameError(
                    f"line {line}: {len(row)} cells, expected {len(header)} as in the header"
                )
            yield line, pick(row)

    return Table("line", header, rows)


def _lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line it begins on."""
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise GameError(
            f"line {line}: {error}; quote cells as RFC 4180 says, and keep texts of more than "
            f"{csv.field_size_limit():,} characters in JSON lines"
        ) from None


def read_jsonl(path: Path) -> Table:
    """The comparisons in a file with one JSON object a line."""
    lines = enumerate(open_text(path), 1)
    return record_table(
        ((k, _parsed(line.strip(), k)) for k, line in lines if line.strip()), "line"
    )


def read_json(path: Path) -> Table | Square:
    """Named arrays (an object), comparisons (a list of objects) or a square table (of lists)."""
    document = _parsed(open_text(path).read())
    if isinstance(document, dict):
        return from_arrays(document)
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return record_table(iter(enumerate(document, 1)), "record")
    return square(numbers(document, "the table"))


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
