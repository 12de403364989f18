"""Binary files of users: Parquet, NPY and NPZ; nothing is ever unpickled."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from games.errors import GameError
from games.io.comparison_table import FORMS, Rows, Table, is_comparisons
from games.io.named_arrays import from_arrays, numbers
from games.io.records import texts
from games.io.square_table import Square, square
from games.io.text_files import MAX_UNPACKED

_TEXT_TYPES = ("string", "large_string", "string_view")


def read_parquet(path: Path) -> Table | Square:
    """Comparisons, or a square table whose columns are the answers.

    A column of text beside the numbers, such as the index of a data frame, names the rows; it
    must list the answers in the order of the columns.
    """
    import pyarrow.parquet as pq

    with _intact("Parquet"):
        header = pq.read_schema(path).names
    if is_comparisons(header):

        def rows(columns: tuple[str, ...]) -> Rows:
            with _intact("Parquet"), pq.ParquetFile(path) as file:
                data = file.read(columns=list(columns))
                values = [data.column(column).to_pylist() for column in columns]
            for k, row in enumerate(zip(*values, strict=True), 1):
                yield k, texts(f"row {k}", columns, row)

        return Table("row", header, rows)

    with _intact("Parquet"), pq.ParquetFile(path) as file:
        columns = dict(zip(header, file.read().columns, strict=True))
        named = [name for name in header if str(columns[name].type) in _TEXT_TYPES]
        labels = [columns.pop(name).to_pylist() for name in named]
        table = [column.to_numpy() for column in columns.values()]
    answers = list(columns)
    if not answers or len(table[0]) != len(answers):
        raise GameError(
            f"columns {', '.join(header)!r:.120} are neither comparisons ({FORMS}) nor as many "
            "columns of numbers as rows"
        )
    if labels not in ([], [answers]):
        raise GameError(
            f"column {named[-1]!r:.60} does not name the rows as the columns are named; list the "
            "answers in the same order"
        )
    return square(numbers(table, "the table").T, answers)


def read_npy(path: Path) -> Square:
    """A square table in its stored type, which sets the tolerance of P + P^T = 1."""
    with _intact("NPY"), open(path, "rb") as stream:
        table = np.load(stream, allow_pickle=False)
    return square(numbers(table, "the table"))


def read_npz(path: Path) -> Square:
    """Named arrays; how far they may expand is limited, as for gzipped text."""
    with _intact("NPZ"), zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked - path.stat().st_size > MAX_UNPACKED:
        raise GameError(
            f"unpacks to {unpacked:,} bytes, more than {MAX_UNPACKED:,} above its own size; if "
            "that is no mistake, write it with numpy.savez, which does not compress"
        )
    with _intact("NPZ"), np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    return from_arrays(arrays)


@contextmanager
def _intact(kind: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into one GameError."""
    try:
        yield
    except Exception as error:  # a damaged file raises whatever the library stumbles over
        reason = " ".join(str(error).split())
        raise GameError(
            f"no intact {kind} file of plain values ({type(error).__name__}: {reason:.200}); "
            "write it again"
        ) from None
