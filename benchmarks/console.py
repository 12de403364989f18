"""What the command line shows: data on stdout, messages and progress on stderr.

On a terminal tables have rules and progress is a bar; elsewhere both are plain lines.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from results.store import Record

_PLAIN_STEPS = 10


def out(text: str) -> None:
    """Write a line of data to stdout."""
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Write a line for the user to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers get 4 digits and stand to the right.

    A terminal that is too narrow folds cells; files and pipes get them in full.
    """
    cells = [[_shown(value) for value in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(value, int | float) for value in column)
        for column in (zip(*rows, strict=True) if rows else [()] * len(header))
    ]
    if sys.stdout.isatty():
        _framed(header, cells, numeric)
        return
    width = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for line in (header, *cells):
        padded = [
            text.rjust(w) if right else text.ljust(w)
            for text, w, right in zip(line, width, numeric, strict=True)
        ]
        out("  ".join(padded).rstrip())


def _framed(header: Sequence[str], cells: list[list[str]], numeric: list[bool]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    framed = Table(box=SIMPLE_HEAD)
    for name, right in zip(header, numeric, strict=True):
        framed.add_column(Text(name), justify="right" if right else "left")
    for line in cells:
        framed.add_row(*map(Text, line))
    Console().print(framed)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def progress() -> Iterator[Callable[["Record", int, int], None]]:
    """What ``benchmarks.runner.run`` may call after each cell; a failure is printed at once."""
    if not sys.stderr.isatty():
        yield _plain_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = BarColumn(), MofNCompleteColumn(), "cells", TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(record: "Record", done: int, cells: int) -> None:
            bar.update(task, completed=done, total=cells)
            if record.unfinished:
                bar.console.print(_failure(record), markup=False, highlight=False)

        yield advance


def _plain_progress(record: "Record", done: int, cells: int) -> None:
    if record.unfinished:
        say(_failure(record))
    if done * _PLAIN_STEPS // cells > (done - 1) * _PLAIN_STEPS // cells:
        say(f"{done} of {cells} cells")


def _failure(record: "Record") -> str:
    """Which cell failed and why, in one line."""
    last = {name: values[-1] for name, values in record.columns.items()}
    seed = "" if last["seed"] is None else f" seed {last['seed']}"
    return (
        f"{last['status']}: {last['experiment']} {last['labels']} on {last['game']} "
        f"{last['game_params']} with {last['solver']} {last['params']}{seed}: {last['message']}"
    )
