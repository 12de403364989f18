"""What a run is: where it comes from, what it ran, and the command that repeats a cell."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from results import timings
from results.frames import check, parameter_text
from results.questions.section import Section
from results.store import TABLE, load


@dataclass(frozen=True, eq=False)
class Source:
    """A run, or a file of timings, with its rows.

    Attributes
    ----------
    path : Path
        The run directory, or the file.
    name : str
        How a report calls it.
    frame : DataFrame
        Its rows, as ``load`` returns them with categories.
    spec, environment : dict
        What ``spec.json`` and ``environment.json`` hold; empty if a file is missing.
    """

    path: Path
    name: str
    frame: pd.DataFrame
    spec: dict[str, Any]
    environment: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where its report is written."""
        return self.path.with_suffix("") if self.path.is_file() else self.path

    @property
    def complete(self) -> bool:
        """Whether every cell has a line."""
        return self.path.is_file() or (self.path / TABLE).is_file()


def read(path: Path) -> Source:
    """The rows of a run directory or a pytest-benchmark file, and what they come from.

    Raises
    ------
    RunError
        If the path is neither, or the run has no row yet.
    """
    frame = load(path, categories=True)
    check(frame)
    if path.is_file():
        return Source(path, path.stem, frame, {}, timings.environment(path))
    spec = _json(path / "spec.json")
    return Source(path, path.resolve().name, frame, spec, environment(path))


def environment(run_dir: Path) -> dict[str, Any]:
    """What ``environment.json`` of a run holds; empty if there is none."""
    return _json(run_dir / "environment.json")


def summary(source: Source) -> str:
    """One sentence on the size and state of a run."""
    if source.path.is_file():
        return f"{source.frame['cell'].nunique()} benchmarks of {source.path.name}"
    state = "Complete" if source.complete else "NOT COMPLETE (run it again to resume)"
    cells, rows = source.frame["cell"].nunique(), len(source.frame)
    said = [f"{state}: {_count(cells, 'cell')}", _count(rows, "row")]
    seeds = source.spec.get("seeds", [])
    if seeds:
        said.append(f"{_count(len(seeds), 'seed')} ({', '.join(map(str, seeds))})")
    return f"{', '.join(said)}."


def particulars(source: Source) -> Iterator[str]:
    """What was run, one line a kind, then the code, the versions and the machine."""
    yield summary(source)
    times = _seconds(source.frame)
    if times:
        said = ", ".join(f"{question} {value:,.1f} s" for question, value in times.items())
        yield f"time of solving, where it was measured: {said}"
    for kind in ("games", "solvers", "learners", "experiments"):
        names = [_call(entry) for entry in source.spec.get(kind, [])]
        if names:
            yield f"{kind}: {', '.join(names)}"
        elif not source.spec and source.path.is_dir() and kind != "learners":
            yield f"{kind}: unknown, as the run has no spec.json"
    for past in (source.environment, *source.environment.get("resumed", [])):
        for kind in ("code", "machine", "versions"):
            absent = "not installed" if kind == "versions" else "unknown"
            values = [f"{k} {_fact(v, absent)}" for k, v in past.get(kind, {}).items()]
            yield f"{kind}: {', '.join(values) or 'unknown'}"


def command(source: Source, cell: str) -> str:
    """The command that runs one cell of the run again and prints its rows."""
    return f"prefgames run {shlex.quote(str(source.spec.get('name', 'SPEC')))} --cell {cell}"


def cells_of(source: Source, section: Section) -> pd.DataFrame:
    """One line a cell that a question's tables rest on: game, comparison, method, seed, cell."""
    rows = section.rows(source.frame)
    names = ["game", "comparison", "method"]
    keys = rows[[*names, "seed", "cell"]].drop_duplicates()
    out = keys.sort_values([*names, "seed"], kind="stable").reset_index(drop=True)
    seeds = out["seed"].astype(object).where(out["seed"].notna(), "-")
    return out.astype(dict.fromkeys(names, str)).assign(seed=seeds.astype(str))


def methods_of(source: Source) -> set[str]:
    """The solvers and learners that have rows."""
    return set(source.frame["solver"].astype(str)) - {""}


def _seconds(frame: pd.DataFrame) -> dict[str, float]:
    """Question -> seconds of its solvers and trainings; times along a curve count once."""
    rows = frame[(frame["metric"] == "seconds") & frame["value"].notna()]
    rows = rows.astype({"experiment": str, "cell": str})
    ends = rows[rows["step"].notna()].groupby(["experiment", "cell"])["value"].max()
    times = pd.concat([rows[rows["step"].isna()], ends.reset_index()])
    sums = times.groupby("experiment", sort=False)["value"].sum()
    return {str(question): float(value) for question, value in sums.items()}


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _fact(value: Any, absent: str) -> str:
    if value is None:
        return absent
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _call(entry: dict[str, Any]) -> str:
    """A game, solver or experiment of the spec, written as name(key=value)."""
    values = entry.get("params", {})
    params = ", ".join(
        f"{key}={value if isinstance(value, str) else parameter_text(value)}"
        for key, value in values.items()
    )
    return f"{entry['name']}({params})" if params else str(entry["name"])


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # a run without its spec can still be reported
        return {}
