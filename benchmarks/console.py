"""What the command line shows: data on stdout, messages and progress on stderr.

On a terminal tables have rules and progress is a bar; elsewhere both are plain lines.
"""

import io
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from results.store import Record

_PLAIN_STEPS = 10
_SPEED_PERIOD = 600.0
"""Seconds over which the speed is measured from which the time left follows."""
_COLUMNS = 80
_BETWEEN = 2
_FOLDED = 24
"""A column of a terminal is folded only if it is wider."""
_NARROWEST, _LONGEST_LINE = 20, 100


def allow_any_encoding() -> None:
    """Write "?" for what the encoding of stdout or stderr lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def out(text: str) -> None:
    """Write a line of data to stdout."""
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Write a line for the user to stderr, after the data so far."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], keys: int = 1) -> None:
    """Print a table; numbers get 4 digits and stand to the right.

    On a terminal that is too narrow long text is folded, and columns for which there is still no
    room follow in further tables that repeat the first ``keys``. Files and pipes get one line a
    row.
    """
    cells = [[_shown(value) for value in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(value, int | float) for value in column)
        for column in (zip(*rows, strict=True) if rows else [()] * len(header))
    ]
    if sys.stdout.isatty():
        _framed(header, cells, numeric, keys)
        return
    width = _widths(header, cells)
    for line in (header, *cells):
        out(_line(line, width, numeric))


def grouped(header: Sequence[str], groups: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Print rows of text in groups, each below a line with its title.

    A table wider than the terminal, or than 80 columns elsewhere, goes on in further ones that
    repeat the titles and the first column.
    """
    header = [_shown(name) for name in header]
    indented = {
        _shown(title): [[f"  {_shown(row[0])}", *map(_shown, row[1:])] for row in rows]
        for title, rows in groups.items()
    }
    every = [row for rows in indented.values() for row in rows]
    width = _widths(header, every)
    for number, part in enumerate(_parts(width, _room(), between=1)):
        if number:
            out("")
        widths = [width[k] for k in part]
        out(_line([header[k] for k in part], widths, between=1))
        for title, rows in indented.items():
            out(title)
            for row in rows:
                out(_line([row[k] for k in part], widths, between=1))


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text; a table wider than the terminal goes on in further ones, as in groups."""
    header, cells = [_shown(name) for name in header], [[*map(_shown, row)] for row in rows]
    width = _widths(header, cells)
    for number, part in enumerate(_parts(width, _room())):
        if number:
            out("")
        for line in (header, *cells):
            out(_line([line[k] for k in part], [width[k] for k in part]))


def definitions(meanings: Mapping[str, str]) -> None:
    """Print terms and their meanings in two columns, the meanings folded."""
    indent = max(map(len, meanings), default=0) + 2
    for term, meaning in meanings.items():
        out(
            textwrap.fill(
                meaning,
                max(min(_room(), _LONGEST_LINE), indent + _NARROWEST),
                initial_indent=term.ljust(indent),
                subsequent_indent=" " * indent,
                break_on_hyphens=False,
            )
        )


def one_line(text: str, longest: int = 0) -> str:
    """The text without line ends, cut to at most ``longest`` characters if that is positive."""
    line = " ".join(text.split())
    return line if not longest or len(line) <= longest else f"{line[: longest - 1]}…"


def _room() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _COLUMNS


def _widths(header: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(header, *cells, strict=True)]


def _line(
    cells: Sequence[str],
    widths: Sequence[int],
    right: Sequence[bool] | None = None,
    between: int = _BETWEEN,
) -> str:
    padded = [
        text.rjust(width) if side else text.ljust(width)
        for text, width, side in zip(cells, widths, right or [False] * len(cells), strict=True)
    ]
    return (" " * between).join(padded).rstrip()


def _parts(
    widths: Sequence[int], room: int, keys: int = 1, between: int = _BETWEEN
) -> Iterator[list[int]]:
    """The columns of each table that fits the room; every table begins with the keys."""
    part: list[int] = []
    for k in range(keys, len(widths)):
        chosen = part or [*range(keys)]
        if part and sum(widths[i] + between for i in part) + widths[k] > room:
            yield part
            chosen = [*range(keys)]
        part = [*chosen, k]
    yield part or [*range(keys)]


def _framed(header: Sequence[str], cells: list[list[str]], numeric: list[bool], keys: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=_room())
    widths = _widths(header, cells)
    for part in _parts([min(width, _FOLDED) for width in widths], console.width, keys):
        framed = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for k in part:
            framed.add_column(
                Text(header[k]),
                justify="right" if numeric[k] else "left",
                overflow="fold",
                no_wrap=widths[k] <= _FOLDED,
            )
        for line in cells:
            framed.add_row(*(Text(line[k]) for k in part))
        console.print(framed)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else one_line(str(value))


@contextmanager
def progress() -> Iterator[Callable[["Record", int, int], None]]:
    """What ``benchmarks.runner.run`` may call after each cell, with the time left.

    A failure is printed at once.
    """
    if not sys.stderr.isatty():
        yield _PlainProgress()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = BarColumn(), MofNCompleteColumn(), "cells", TimeElapsedColumn(), "left"
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=_SPEED_PERIOD,
    ) as bar:
        task = bar.add_task("", total=None)
        first = True

        def advance(record: "Record", done: int, cells: int) -> None:
            nonlocal first
            if first:  # what was stored before says nothing about the speed
                bar.update(task, completed=done - 1, total=cells)
                bar.reset(task, total=cells, completed=done - 1)
                first = False
            bar.update(task, completed=done)
            if record.unfinished:
                bar.console.print(_failure(record), markup=False, highlight=False)

        yield advance


class _PlainProgress:
    """A line every tenth of the cells, with the time left at the speed so far."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._computed = 0

    def __call__(self, record: "Record", done: int, cells: int) -> None:
        self._computed += 1
        if record.unfinished:
            say(_failure(record))
        if done * _PLAIN_STEPS // cells > (done - 1) * _PLAIN_STEPS // cells:
            left = (time.monotonic() - self._began) / self._computed * (cells - done)
            say(f"{done} of {cells} cells" + (f", about {_duration(left)} left" if left else ""))


def _duration(seconds: float) -> str:
    """A time in one unit, such as "3 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def _failure(record: "Record") -> str:
    """Which cell failed and why, in one line."""
    last = {name: values[-1] for name, values in record.columns.items()}
    seed = "" if last["seed"] is None else f" seed {last['seed']}"
    return (
        f"{last['status']}: {last['experiment']} {last['labels']} on {last['game']} "
        f"{last['game_params']} with {last['solver']} {last['params']}{seed}: {last['message']}"
    )
