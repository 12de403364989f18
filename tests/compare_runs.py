"""Whether two runs hold the same rows: ``python tests/compare_runs.py OLD NEW``.

OLD and NEW are run directories or Parquet files. What a refactoring may not move is a failure
(exit code 1): a row that is lost, a status or a value that differs, an added row that says more
than "undefined". The names of the runs, messages and everything that measures the machine (the
metrics in seconds, microseconds and GiB) are left out.

Values are equal where both are NaN, or where |old - new| <= tolerance * max(1, |old|); a tolerance
of 0 asks for the same number to the last bit, as two runs of one thread on one machine give it.

tests/golden/quick.parquet holds the rows of the spec ``quick``. A change that moves numbers on
purpose renews it, in a separate commit whose message lists what this prints::

    python tests/compare_runs.py --renew runs/quick-00000000
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":  # Python looks in tests/ first, and tests/results is not ``results``
    sys.path[0] = str(ROOT)

from results import load
from results.metrics import METRICS
from results.rows import COLUMNS

GOLDEN = ROOT / "tests" / "golden" / "quick.parquet"
KEY = ["cell", "metric", "labels", "context", "step"]
LEFT_OUT = ["run", "message"]
COMPARED = [name for name in COLUMNS if name not in LEFT_OUT]
DESCRIBED = [name for name in COMPARED if name not in (*KEY, "status", "value")]
"""Columns that follow from the key, as long as nobody changes what a cell is called."""

MACHINE_UNITS = ("seconds", "microseconds", "GiB")
MACHINE_METRICS = [name for name, metric in METRICS.items() if metric.unit in MACHINE_UNITS]
GROUP = ["difference", "metric", "game", "solver"]


@dataclass(frozen=True)
class Comparison:
    """The differences between two runs.

    Attributes
    ----------
    rows : int
        Rows that stand in both.
    differences : DataFrame
        One line a row that is not the same in both: the columns of ``COMPARED``, ``status_new``,
        ``value_new``, ``distance`` (of the values, NaN where there are not two numbers) and
        ``difference``: "lost", "status", "value", "added", "added, undefined" or the name of the
        column that differs.
    """

    rows: int
    differences: pd.DataFrame

    @property
    def equal(self) -> bool:
        """Whether nothing differs but added rows that are undefined."""
        return bool((self.differences["difference"] == "added, undefined").all())

    def report(self) -> str:
        """The differences as a table, one line a metric, game and solver, and the verdict."""
        groups = self.differences.groupby(GROUP, sort=False)
        table = groups.agg(rows=("metric", "size"), largest=("distance", "max")).reset_index()
        lines = [table.to_string(index=False, na_rep="-")] if len(table) else []
        for difference, rows in self.differences.groupby("difference", sort=False):
            first = rows.sort_values("distance", ascending=False).iloc[0]
            lines.append(
                f"{difference}, {len(rows)} in all, the first: {first['metric']} {first['labels']} "
                f"of {first['solver']} {first['params']} on {first['game']} "
                f"{first['game_params']}, cell {first['cell']}: "
                f"{_shown(first, '')} -> {_shown(first, '_new')}"
            )
        verdict = "equal" if self.equal else "DIFFERENT"
        return "\n".join([*lines, f"{verdict}: {self.rows} rows stand in both"])


def _shown(row: "pd.Series[Any]", suffix: str) -> str:
    status = row[f"status{suffix}"]
    return "no row" if pd.isna(status) else f"{float(row[f'value{suffix}'])!r} ({status})"


def read(path: str | Path) -> pd.DataFrame:
    """The rows of a run directory or of a Parquet file, without what is left out.

    Raises
    ------
    ValueError
        If two rows have the same key.
    """
    frame = pd.read_parquet(path) if Path(path).is_file() else load(path)
    return comparable(frame)


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows and columns that are compared; rows that share a key are an error."""
    rows = frame.loc[~frame["metric"].isin(MACHINE_METRICS), COMPARED].reset_index(drop=True)
    whole = {name: "Int64" for name in ("seed", "context", "step")}
    text = {name: "object" for name in COMPARED if name not in (*whole, "value")}
    rows = rows.astype({**whole, **text, "value": "float64"})
    repeated = rows[rows.duplicated(KEY)]
    if len(repeated):
        raise ValueError(
            f"{len(repeated)} rows have the same {', '.join(KEY)} as another; the first is "
            f"{repeated.iloc[0].to_dict()}; give what they measure different labels"
        )
    return rows


def compare(
    old: pd.DataFrame, new: pd.DataFrame, tabular: float = 0.0, llm: float = 1e-6
) -> Comparison:
    """The differences of two frames of rows.

    Parameters
    ----------
    old, new : DataFrame
        Rows as ``read`` or ``results.load`` returns them.
    tabular, llm : float >= 0
        Tolerances of the values at either scale.
    """
    both = comparable(old).merge(
        comparable(new), on=KEY, how="outer", suffixes=("", "_new"), indicator="side", sort=False
    )
    matched = both["side"] == "both"
    added = both["side"] == "right_only"
    for name in DESCRIBED:
        both[name] = both[name].where(~added, both[f"{name}_new"])
    tolerance = both["scale"].map({"tabular": tabular, "llm": llm})
    before, after = both["value"], both["value_new"]
    # Equal infinities have no distance; NaN beside a number has none either, and is never close.
    with np.errstate(invalid="ignore"):
        distance = (before - after).abs().mask(before == after, 0.0)
    close = distance <= tolerance * before.abs().clip(lower=1.0).replace(np.inf, 1.0)
    same_value = close | (before.isna() & after.isna())

    difference = pd.Series("", index=both.index)
    difference[~same_value] = "value"
    difference[both["status"] != both["status_new"]] = "status"
    for name in DESCRIBED:
        differs = both[name].fillna(-1) != both[f"{name}_new"].fillna(-1)
        difference[matched & differs] = name
    difference[both["side"] == "left_only"] = "lost"
    difference[added] = "added"
    difference[added & (both["status_new"] == "undefined")] = "added, undefined"

    columns = [*COMPARED, "status_new", "value_new"]
    table = both[columns].assign(distance=distance, difference=difference)
    return Comparison(int(matched.sum()), table[difference != ""].reset_index(drop=True))


def renew(rows: pd.DataFrame) -> None:
    """Write rows of the spec ``quick`` as the golden ones."""
    rows.to_parquet(GOLDEN, index=False, compression="zstd", compression_level=19)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if the runs differ."""
    parser = argparse.ArgumentParser(description="Compare the rows of two runs.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="OLD NEW; with --renew NEW alone")
    parser.add_argument("--tabular", type=float, default=0.0, help="tolerance, default 0")
    parser.add_argument("--llm", type=float, default=1e-6, help="tolerance, default 1e-6")
    parser.add_argument("--renew", action="store_true", help=f"write {GOLDEN.name} from NEW")
    chosen = parser.parse_args(arguments)
    paths = [str(GOLDEN), *chosen.runs] if chosen.renew else chosen.runs
    if len(paths) != 2:
        parser.error("give OLD and NEW, or --renew and NEW")
    old, new = map(read, paths)
    comparison = compare(old, new, chosen.tabular, chosen.llm)
    sys.stdout.write(f"{comparison.report()}\n")
    if chosen.renew:
        renew(new)
        return 0
    return 0 if comparison.equal else 1


if __name__ == "__main__":
    sys.exit(main())
