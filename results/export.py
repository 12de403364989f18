"""Writes tables as text and files: Markdown, LaTeX, CSV, Parquet."""

import math
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from results.rows import RunError
from results.statistics import STATISTICS

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


_ROUNDING = 1e-8


def export(table: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as .csv or .parquet (unrounded) or as .md or .tex (rounded); return its path.

    In .csv and .parquet the column levels of a question's table are joined: "duality_gap NLHF
    low". The LaTeX needs the package booktabs.

    Raises
    ------
    RunError
        If the suffix is none of these.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in (".csv", ".parquet", ".md", ".tex"):
        raise RunError(
            f"table {target.name}: unknown suffix {target.suffix!r}; use .csv, .parquet, .md, .tex"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".csv":
        _flat(table).to_csv(target, index=False, lineterminator="\n")
    elif suffix == ".parquet":
        _flat(table).to_parquet(target, index=False)
    else:
        target.write_text(markdown(table) if suffix == ".md" else latex(table), encoding="utf-8")
    return target


def markdown(table: pd.DataFrame) -> str:
    """The table in GitHub-flavoured Markdown, with numbers aligned to the right."""
    shown = text(table)
    head = [_markdown_cell(str(c)) for c in shown.columns]
    body = [[_markdown_cell(cell) for cell in row] for row in shown.itertuples(index=False)]
    left = _left(table)
    rule = [":--" if i in left else "--:" for i in range(len(head))]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *body))


def latex(table: pd.DataFrame) -> str:
    """The table as a LaTeX tabular with booktabs rules and escaped special characters."""
    shown = text(table)
    left = _left(table)
    columns = "".join("l" if i in left else "r" for i in range(len(shown.columns)))
    lines = [[_latex_cell(cell) for cell in row] for row in shown.itertuples(index=False)]
    head = [_latex_cell(str(c)) for c in shown.columns]
    rows = [" & ".join(row) + r" \\" for row in lines]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def text(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text: the index becomes columns, each mean with its interval one cell.

    "0.12 [0.10, 0.14]" is a mean and its 95% interval, which is left out if it is narrower than
    the rounding. "0.12 (n = 2: 0.00 to 0.30)" is a mean of too few repetitions for an interval, or
    one whose interval would cover the whole range of the metric, with the observed range of n
    repetitions instead. "(85% defined)" says that the
    mean leaves out values that do not exist, "undefined" that no value exists, "-" that nothing
    was measured.
    """
    index = table.index.to_frame(index=False) if _has_index(table) else pd.DataFrame()
    shown = {str(name): [_plain(v) for v in index[name]] for name in index}
    if table.columns.names[-1] != "statistic":
        for name in table:
            shown[str(name)] = [_plain(v) for v in table[name]]
        return pd.DataFrame(shown, dtype=object)
    for name in dict.fromkeys(column[:-1] for column in table.columns):
        of_cell = {column[-1]: table[column] for column in table.columns if column[:-1] == name}
        parts = [of_cell.get(s, pd.Series(math.nan, index=table.index)) for s in STATISTICS]
        shown[_join(name)] = [estimate_text(*cell) for cell in zip(*parts, strict=True)]
    return pd.DataFrame(shown, dtype=object)


def estimate_text(
    mean: float,
    low: float = math.nan,
    high: float = math.nan,
    least: float = math.nan,
    greatest: float = math.nan,
    repetitions: float = math.nan,
    defined: float = math.nan,
) -> str:
    """The text of one estimate, in the notation of ``text``."""
    if math.isnan(mean):
        return "undefined" if defined == 0 else "-"
    cell = number(mean)
    if high - low >= 1e-3:
        cell += f" [{number(low)}, {number(high)}]"
    if not math.isnan(repetitions):
        cell += f" (n = {repetitions:.0f}: {number(least)} to {number(greatest)})"
    return f"{cell} ({defined:.0%} defined)" if defined < 1 else cell


def number(value: float) -> str:
    """The value with three decimals, or in scientific notation if it is too small or too large."""
    if abs(value) < _ROUNDING or 5e-4 <= abs(value) < 1e4:
        return f"{round(value, 3) + 0:.3f}"
    return f"{value:.1e}"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "-"
        whole = value.is_integer() and abs(value) < 1e9
        return "infinite" if math.isinf(value) else f"{value:.0f}" if whole else f"{value:.4g}"
    return str(value)


def _has_index(table: pd.DataFrame) -> bool:
    return table.index.names != [None]


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    flat = table.copy()
    flat.columns = pd.Index([_join(c) if isinstance(c, tuple) else str(c) for c in table.columns])
    return flat.reset_index() if _has_index(table) else flat


def _join(column: Sequence[Hashable]) -> str:
    return " ".join(str(part) for part in column if part not in ("mean", ""))


def _left(table: pd.DataFrame) -> set[int]:
    """Positions of the columns of ``text(table)`` that contain words."""
    index = table.index.to_frame(index=False) if _has_index(table) else pd.DataFrame()
    words = {i for i, c in enumerate(index) if not pd.api.types.is_numeric_dtype(index[c])}
    if table.columns.names[-1] != "statistic":
        body = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
        words |= {len(index.columns) + i for i, numeric in enumerate(body) if not numeric}
    return words


def _markdown_cell(cell: str) -> str:
    for sign, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("\n", " ")):
        cell = cell.replace(sign, safe)
    return cell


def _latex_cell(cell: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in cell).replace("\n", " ")
