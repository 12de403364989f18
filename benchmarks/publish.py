"""Publish a finished run: ``make publish RUN=runs/paper-00000000``.

What is shown of the run goes to results/published/<spec> and replaces what stands there.
"""

import gzip
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import spec
from results.chapters import CELLS_OF
from results.rows import RunError, canonical
from results.store import TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

PUBLISHED = Path(__file__).parents[1] / "results" / "published"
MOST_BYTES = 20_000_000
_LARGE, _LARGEST = 100_000, 500_000
_KEPT_BITS = 30
"""Of the 52 bits of a value's mantissa: a relative error below 5e-10."""


def publish(run_dir: Path, published: Path = PUBLISHED) -> tuple[Path, list[str]]:
    """Copy what is shown of a run, and the rows that it is computed from, as far as there is room.

    In this order: spec and environment; tables, those above 100 kB as .csv.gz, without the lists of
    cells and what takes more than 500 kB even so; rows and games; the page; figures in vectors.
    What would take the published runs beyond ``MOST_BYTES`` is left out: ``prefgames report`` and
    ``figures`` make it from the rows, whose values keep nine decimal digits. The spec's TOML file
    stands beside its resolved form.

    Parameters
    ----------
    run_dir : Path
    published : Path
        The folder of published runs.

    Returns
    -------
    Path, list of str
        The new folder, and what was left out.

    Raises
    ------
    RunError
        If the run is not complete, was not made whole by one commit, or is not the built-in spec as
        it stands, or if there is no room for its tables.
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

    target, part = published / str(plan["name"]), published / f".{plan['name']}"
    others = _bytes(published) - _bytes(target) if published.is_dir() else 0
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    shutil.copy(source, part / "spec.toml")
    for name in ("environment.json", "spec.json"):
        shutil.copy(run_dir / name, part)
    left_out = []
    for copy in (_tables, _rows, _page, _figures):
        paths = copy(run_dir, part)
        if others + _bytes(part) > MOST_BYTES:
            for path in paths:
                left_out.append(path.name)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    if "tables" in left_out:
        shutil.rmtree(part)
        raise RunError(
            f"{published}: no room for the tables within {MOST_BYTES / 1e6:g} MB; remove a run"
        )
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    return target, left_out


def _tables(run_dir: Path, part: Path) -> list[Path]:
    (part / "tables").mkdir()
    for path in sorted((run_dir / "tables").glob("*.csv")):
        if path.name.startswith(CELLS_OF):
            continue
        if path.stat().st_size <= _LARGE:
            shutil.copy(path, part / "tables")
        else:
            packed = gzip.compress(path.read_bytes(), mtime=0)
            if len(packed) <= _LARGEST:
                (part / "tables" / f"{path.name}.gz").write_bytes(packed)
    return [part / "tables"]


def _rows(run_dir: Path, part: Path) -> list[Path]:
    rows = pq.read_table(run_dir / TABLE)
    place = rows.column_names.index("value")
    values = rows.set_column(place, "value", pa.array(_rounded(rows["value"].to_numpy())))
    texts = [name for name in rows.column_names if name != "value"]
    pq.write_table(
        values, part / TABLE, compression="zstd", compression_level=15, use_dictionary=texts
    )
    shutil.copytree(run_dir / "games", part / "games")
    return [part / TABLE, part / "games"]


def _rounded(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The values with the first ``_KEPT_BITS`` of the mantissa, which pack better."""
    dropped = 52 - _KEPT_BITS
    bits = (values.view(np.int64) + (1 << (dropped - 1))) >> dropped << dropped
    return np.where(np.isfinite(values), bits.view(np.float64), values)


def _page(run_dir: Path, part: Path) -> list[Path]:
    pages = [run_dir / name for name in ("report.html", "report.md")]
    return [Path(shutil.copy(page, part)) for page in pages if page.is_file()]


def _figures(run_dir: Path, part: Path) -> list[Path]:
    paths = sorted((run_dir / "figures").glob("*.svg"))
    if not paths:
        return []
    (part / "figures").mkdir()
    for path in paths:
        shutil.copy(path, part / "figures")
    return [part / "figures"]


def _identity(plan: Mapping[str, Any]) -> str:
    """What decides which cells there are: the plan without the seconds that one may take."""
    return canonical({key: value for key, value in plan.items() if key != "timeout"})


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    try:
        made, missing = publish(Path(sys.argv[1]))
    except (RunError, IndexError) as problem:
        sys.exit(f"publish: {problem or 'name a run directory'}")
    sys.stdout.write(f"{made}\n")
    if missing:
        sys.stdout.write(f"left out, as there is no room: {', '.join(missing)}\n")
