"""Binary files of users: Parquet, NPY and NPZ; nothing is ever unpickled."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from games.errors import GameError
from games.io.arrow import cells
from games.io.json_records import record_table
from games.io.layouts import FORMS
from games.io.named_arrays import from_arrays, numbers
from games.io.ratings import NESTED
from games.io.roles import hint, is_comparisons
from games.io.square_table import Square, square
from games.io.tables import CHUNK, Cells, Limits, Table, plain

_TEXT_TYPES = ("string", "large_string", "string_view")
_NESTED_CHUNK = 1 << 12


def read_parquet(path: Path, limits: Limits) -> Table | Square:
    """Comparisons, or a square table whose columns are the answers.

    A column of text beside the numbers, such as the index of a data frame, names the rows; it
    must list the answers in the order of the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _intact("Parquet"), pq.ParquetFile(path) as file:
        schema, n = file.schema_arrow, file.metadata.num_rows
    limits.check_rows(n)
    header = plain(schema.names)
    if NESTED in header:
        return record_table(lambda: _records(path), "row")
    if is_comparisons(header):
        nested = any(pa.types.is_nested(field.type) for field in schema)
        texts = [field.name for field in schema if str(field.type) in _TEXT_TYPES]

        def chunks(columns: Sequence[str]) -> Iterator[Sequence[Cells]]:
            names = [schema.names[header.index(column)] for column in columns]
            size = _NESTED_CHUNK if nested else CHUNK
            with _intact("Parquet"), pq.ParquetFile(path, read_dictionary=texts) as file:
                for batch in file.iter_batches(size, columns=names):
                    yield [cells(batch.column(name)) for name in names]

        numeric = [
            column
            for column, kind in zip(header, schema.types, strict=True)
            if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        ]
        return Table("row", header, numeric, chunks, lambda row: row + 1)

    with _intact("Parquet"), pq.ParquetFile(path) as file:
        columns = dict(zip(schema.names, file.read().columns, strict=True))
        named = [name for name in schema.names if str(columns[name].type) in _TEXT_TYPES]
        labels = [columns.pop(name).to_pylist() for name in named]
        table = [column.to_numpy() for column in columns.values()]
    answers = list(columns)
    if not answers or len(table[0]) != len(answers):
        raise GameError(
            f"columns {', '.join(header)!r:.120} are neither comparisons ({FORMS}) nor as many "
            f"columns of numbers as rows{hint(header)}"
        )
    if labels not in ([], [answers]):
        raise GameError(
            f"column {named[-1]!r:.60} does not name the rows as the columns are named; list the "
            "answers in the same order"
        )
    return square(numbers(table, "the table").T, answers)


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow.parquet as pq

    with _intact("Parquet"), pq.ParquetFile(path) as file:
        place = 0
        for batch in file.iter_batches(_NESTED_CHUNK):
            for record in batch.to_pylist():
                place += 1
                yield place, record


def read_npy(path: Path, limits: Limits) -> Square:
    """A square table in its stored type, which sets the tolerance of P + P^T = 1."""
    del limits  # nothing in it expands
    with _intact("NPY"), open(path, "rb") as stream:
        table = np.load(stream, allow_pickle=False)
    return square(numbers(table, "the table"))


def read_npz(path: Path, limits: Limits) -> Square:
    """Named arrays; how far they may expand is limited, as for gzipped text."""
    with _intact("NPZ"), zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked - path.stat().st_size > limits.bytes:
        raise GameError(
            f"unpacks to {unpacked:,} bytes, more than {limits.bytes:,} above its size as a file; "
            "if that is no mistake, raise the limit with --max-bytes"
        )
    with _intact("NPZ"), np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    return from_arrays(arrays)


@contextmanager
def _intact(kind: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into one GameError."""
    try:
        yield
    except GameError:
        raise
    except Exception as error:  # a damaged file raises whatever the library stumbles over
        reason = " ".join(str(error).split())
        raise GameError(
            f"no intact {kind} file of plain values ({type(error).__name__}: {reason:.200}); "
            "write it again"
        ) from None
