"""Publish a finished run: ``make publish RUN=runs/paper-00000000``.

What is shown of the run goes to results/published/<spec>, with the rows that it is computed
from, and replaces what stands there.
"""

import gzip
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks import spec
from results.rows import RunError, canonical
from results.store import TABLE

PUBLISHED = Path(__file__).parents[1] / "results" / "published"
MOST_BYTES = 20_000_000
_LARGE = 500_000
_MOST_ROW_BYTES = 15_000_000
_COPIED = ("environment.json", "spec.json", "report.md", "report.html")


def publish(run_dir: Path, published: Path = PUBLISHED) -> Path:
    """Copy a run's rows, games, report, tables and vector figures; return the new folder.

    Rows are packed again as zstd, and left out with the games where they would take more than
    15 MB; tables above half a megabyte become .csv.gz. The spec's TOML file stands beside its
    resolved form.

    Parameters
    ----------
    run_dir : Path
    published : Path
        The folder of published runs.

    Raises
    ------
    RunError
        If the run is not complete, was not made whole by one commit, or is not the built-in spec as
        it stands, or if the published runs would take more than ``MOST_BYTES``.
    """
    if not (run_dir / TABLE).is_file():
        raise RunError(f"{run_dir}: the run is not complete; resume it first")
    made_by = json.loads((run_dir / "environment.json").read_text(encoding="utf-8"))
    if made_by["code"]["modified"] is not False or "resumed" in made_by:
        raise RunError(f"{run_dir}: expected a run by one commit, without changes to its code")
    plan = json.loads((run_dir / "spec.json").read_text(encoding="utf-8"))
    source = spec.builtin().get(plan["name"])
    if source is None or _identity(plan) != _identity(spec.read(source).data()):
        raise RunError(f"{run_dir}: it is not the whole built-in spec {plan['name']!r} of today")

    target = published / str(plan["name"])
    part = published / f".{plan['name']}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    shutil.copy(source, part / "spec.toml")
    for name in _COPIED:
        if (run_dir / name).is_file():
            shutil.copy(run_dir / name, part)
    for path in sorted((run_dir / "figures").glob("*.svg")):
        (part / "figures").mkdir(exist_ok=True)
        shutil.copy(path, part / "figures")
    (part / "tables").mkdir()
    for path in sorted((run_dir / "tables").glob("*.csv")):
        if path.stat().st_size <= _LARGE:
            shutil.copy(path, part / "tables")
        else:
            packed = gzip.compress(path.read_bytes(), mtime=0)
            (part / "tables" / f"{path.name}.gz").write_bytes(packed)
    pq.write_table(
        pq.read_table(run_dir / TABLE), part / TABLE, compression="zstd", compression_level=15
    )
    if (part / TABLE).stat().st_size > _MOST_ROW_BYTES:
        (part / TABLE).unlink()
    else:
        shutil.copytree(run_dir / "games", part / "games")
    size = _bytes(published) - _bytes(target)
    if size > MOST_BYTES:
        shutil.rmtree(part)
        raise RunError(
            f"{published}: would take {size / 1e6:.1f} MB, expected at most {MOST_BYTES / 1e6:g}; "
            "publish a smaller run, or remove one"
        )
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    return target


def _identity(plan: Mapping[str, Any]) -> str:
    """What decides which cells there are: the plan without the seconds that one may take."""
    return canonical({key: value for key, value in plan.items() if key != "timeout"})


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{publish(Path(sys.argv[1]))}\n")
    except (RunError, IndexError) as problem:
        sys.exit(f"publish: {problem or 'name a run directory'}")
