"""Cells from Arrow, which reads large files of texts without making an object of each cell."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from games.io.cells import cell
from games.io.tables import Cells

_BLOCK = 1 << 20


def cells(array: Any) -> Cells:
    """Cells of an Arrow array: texts and numbers by their distinct values."""
    import pyarrow as pa

    if pa.types.is_nested(array.type):
        return list(map(cell, array.to_pylist())), None
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    values = array.dictionary
    if len(values) > 2 * len(array):
        return list(map(cell, array.to_pylist())), None
    indices = array.indices
    if not indices.null_count:
        return list(map(cell, values.to_pylist())), indices.to_numpy()
    which = indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return [*map(cell, values.to_pylist()), cell(None)], which


def unquoted(path: Path) -> bool:
    """Whether a file has no quotation mark, so that every reader divides it in the same way."""
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            if b'"' in block:
                return False
    return True


def csv_chunks(
    path: Path, delimiter: str, width: int, at: Sequence[int], damaged: Callable[[], None]
) -> Iterator[Sequence[Cells]]:
    """Columns of an unquoted CSV file, some rows at a time, without its header.

    Parameters
    ----------
    path : path
    delimiter : str
    width : int
        Number of columns.
    at : ints
        Which of them are read.
    damaged : callable
        Called if a row cannot be read; it raises the reason.
    """
    import pyarrow as pa
    from pyarrow import csv

    names = [str(k) for k in range(width)]
    asked = [names[k] for k in at]
    code = pa.dictionary(pa.int32(), pa.string())
    try:
        with csv.open_csv(
            path,
            csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            csv.ParseOptions(delimiter=delimiter, quote_char=False),
            csv.ConvertOptions(
                column_types=dict.fromkeys(asked, code),
                include_columns=list(dict.fromkeys(asked)),
                strings_can_be_null=False,
            ),
        ) as reader:
            start = 1
            for batch in reader:
                rows = batch.slice(start)
                start = 0
                yield [cells(rows.column(name)) for name in asked]
    except pa.ArrowInvalid:
        damaged()
