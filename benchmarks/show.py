"""What ``prefgames run`` shows at its end: tables, their legend, what became of the cells."""

import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import console
from benchmarks.matrix import Cell
from benchmarks.runner import Run
from benchmarks.workers import processors
from results import figures, load, report
from results.frames import parameter_text
from results.printed import Printed, printed
from results.rows import Row
from results.store import TABLE

_FEW_CELLS = 500
"""Up to so many cells one process draws the figures as fast as several."""


def outcome(done: Run, methods: Collection[str] = ()) -> None:
    """Print the tables of a complete run, where the rest is, and what became of its cells.

    Report and figures are made unless they are newer than the rows.

    Parameters
    ----------
    done : Run
    methods : collection of str
        Registry names of methods that the tables show in any case.
    """
    shown = printed(load(done.run_dir, categories=True), methods)
    tables(shown)
    for line in shown.left_out:
        console.say(f"also     {line}")
    written = done.run_dir / "report.html"
    if not _is_newer(written, done.run_dir / TABLE):
        console.say("drawing the figures and writing the report ...")
        written = _write_report(done)
    console.say(f"report   {written}")
    if (done.run_dir / "figures").is_dir():  # no rows, no figures
        console.say(f"figures  {done.run_dir / 'figures'}")
    console.say(summary(done))


def one_cell(cell: Cell, rows: Sequence[Row]) -> None:
    """Print what a cell is and its rows, with values in full."""
    asked, given = json.loads(cell.experiment_params), json.loads(cell.params)
    seed = "nothing in it is drawn" if cell.seed is None else f"seed {cell.seed}"
    console.out(
        f"{cell.key}: {_call(cell.experiment, asked)} on "
        f"{_call(cell.game, json.loads(cell.game_params))} with {_call(cell.solver, given)}, {seed}"
    )
    labels = [json.loads(row.labels) for row in rows]
    common = {key for key in asked if all(of_row.get(key) == asked[key] for of_row in labels)}
    lines = [
        [
            row.metric,
            ", ".join(f"{key}={of_row[key]}" for key in of_row if key not in common),
            *("-" if place is None else place for place in (row.context, row.step)),
            repr(row.value),
            row.status,
            row.message,
        ]
        for row, of_row in zip(rows, labels, strict=True)
    ]
    header = ["metric", "labels", "context", "step", "value", "status", "message"]
    kept = [k for k in range(len(header)) if any(line[k] not in ("", "-") for line in lines)]
    console.table([header[k] for k in kept], [[line[k] for k in kept] for line in lines], keys=2)


def _call(name: str, params: dict[str, Any]) -> str:
    listed = ", ".join(f"{key}={parameter_text(value)}" for key, value in params.items())
    return f"{name}({listed})" if listed else name


def tables(shown: Printed) -> None:
    """Print the tables of a run and the legend of their columns."""
    for table in shown.tables:
        if shown.grouped:
            _by_game(table)
        else:
            whole = table.reset_index()
            console.table(list(whole.columns), whole.to_numpy().tolist(), table.index.nlevels)
        console.out("")
    console.definitions(shown.legend)


def summary(done: Run) -> str:
    """What became of the cells of a run, in one line."""
    counts = [
        f"{done.cells - done.failed} done ({done.computed} now)",
        f"{done.failed} failed",
        f"{done.undefined} undefined",
    ]
    if done.stopped:
        methods = ", ".join(f"{method} {count}" for method, count in done.stopped.items())
        counts.append(f"{sum(done.stopped.values())} at max_steps ({methods})")
    parts = [f"{done.cells} cells: {', '.join(counts)}", f"{done.seconds:.1f} seconds"]
    if done.worst_residual is not None:
        parts.append(f"worst certificate residual {done.worst_residual:.2g}")
    return "; ".join(parts)


def _write_report(done: Run) -> Path:
    """Draw the figures and write the report, at the same time if there is enough to draw."""
    workers = processors() if done.cells > _FEW_CELLS else 1
    with ThreadPoolExecutor(1) as beside:
        drawing = beside.submit(figures.draw, done.run_dir, workers)
        if workers == 1:  # in this process, before the report's tables
            drawing.result()
        return report.write(done.run_dir, figures=drawing.result)


def _is_newer(path: Path, other: Path) -> bool:
    return path.is_file() and path.stat().st_mtime_ns >= other.stat().st_mtime_ns


def _by_game(table: pd.DataFrame) -> None:
    """Print a headline; the number of seeds stands beside the game if all methods have the same."""
    counts = table.groupby("game", sort=False)["n"].unique()
    titles: dict[Any, str] = {game: str(game) for game in counts.index}
    if all(len(numbers) == 1 for numbers in counts):
        titles = {game: _title(str(game), number) for game, (number,) in counts.items()}
        table = table.drop(columns="n")
    rows = table.drop(columns="game")
    groups = rows.groupby(table["game"], sort=False)
    console.grouped(
        list(rows.columns), {titles[game]: part.to_numpy().tolist() for game, part in groups}
    )


def _title(game: str, number: str) -> str:
    return f"{game} ({f'n = {number}' if number.isdigit() else number})"
