"""Reads files of pytest-benchmark as rows of the experiment ``speed``."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results.rows import Row, RunError, canonical

STATISTICS = ("min", "median", "max")
"""The statistics over a benchmark's rounds that become rows."""


def read(path: Path) -> list[Row]:
    """The rows of a file written by ``pytest --benchmark-json=FILE``.

    ``game`` is the benchmark's group and ``solver`` its name without "test_". ``seconds`` is the
    time of one call, labelled with the statistic over the rounds. Numbers in the benchmark's
    ``extra_info`` become metrics of their names, with underscores for blanks and hyphens, labelled
    with the statistic "reported".

    Raises
    ------
    RunError
        If the file cannot be read, or pytest-benchmark did not write it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [row for entry in content["benchmarks"] for row in _rows(path.stem, entry)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}: not a file of pytest-benchmark ({type(error).__name__}: {error}); expected "
            "what `pytest --benchmark-json=FILE` writes"
        ) from None


def environment(path: Path) -> dict[str, dict[str, Any]]:
    """The code, machine and versions recorded in the file, as in a run's ``environment.json``."""
    content = json.loads(path.read_text(encoding="utf-8"))
    code, machine = content.get("commit_info", {}), content.get("machine_info", {})
    cpu = machine.get("cpu", {})
    return {
        "code": {"commit": code.get("id"), "modified": code.get("dirty")},
        "machine": {"system": machine.get("system"), "cpu": cpu.get("brand_raw"),
                    "cores": cpu.get("count")},
        "versions": {"python": machine.get("python_version"),
                     "pytest-benchmark": content.get("version")},
    }  # fmt: skip


def _rows(run: str, entry: dict[str, Any]) -> Iterator[Row]:
    stats = entry["stats"]
    values = [("seconds", name, float(stats[name])) for name in STATISTICS]
    values.append(("rounds", "reported", float(stats["rounds"])))
    for name, value in entry["extra_info"].items():
        if isinstance(value, int | float) and math.isfinite(value):
            values.append((name.replace(" ", "_").replace("-", "_"), "reported", float(value)))
    for metric, statistic, value in values:
        yield Row(
            run=run,
            cell=entry["fullname"],
            experiment="speed",
            scale="tabular",
            game=entry["group"] or "",
            game_params="{}",
            solver=entry["name"].removeprefix("test_"),
            concept="other",
            params="{}",
            seed=None,
            context=None,
            step=None,
            metric=metric,
            labels=canonical({"statistic": statistic}),
            value=value,
        )
