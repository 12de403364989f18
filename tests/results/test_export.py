"""Tables as text and files."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from results.export import estimate_text, export, latex, markdown, number
from results.questions import data_sensitivity
from results.rows import RunError
from tests.recorded import annotators


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.25, "0.250"), (-1e-17, "0.000"), (3e-5, "3.0e-05"), (-1e-9, "0.000"), (12345.6, "1.2e+04")],
)
def test_numbers_are_short_and_never_minus_zero(value: float, words: str) -> None:
    assert number(value) == words


def test_an_estimate_is_its_mean_and_what_is_known_of_it() -> None:
    nan = math.nan
    assert estimate_text(0.5, 0.25, 0.75) == "0.500 [0.250, 0.750]"
    assert estimate_text(0.5, 0.4999, 0.5001) == "0.500"
    assert estimate_text(0.5, nan, nan, 0.0, 0.9, 3) == "0.500 (n = 3: 0.000 to 0.900)"
    assert estimate_text(0.5, nan, nan, nan, nan, nan, 0.85) == "0.500 (85% defined)"
    assert estimate_text(nan, nan, nan, nan, nan, nan, 0.0) == "undefined"
    assert estimate_text(nan) == "-"


def test_csv_and_parquet_hold_the_numbers_in_full(tmp_path: Path) -> None:
    section = data_sensitivity.SECTION
    table: Any = data_sensitivity.table(section.rows(annotators()))
    csv = pd.read_csv(export(table, tmp_path / "deep" / "t.csv"))
    parquet = pd.read_parquet(export(table, tmp_path / "t.parquet"))
    assert csv.columns.to_list() == parquet.columns.to_list()
    assert csv.columns[:6].to_list() == [*table.index.names[:5], "n"]
    assert {"shift NLHF", "shift NLHF least", "unseen_share all"} <= set(csv.columns)
    for read in (csv, parquet):
        assert read["shift NLHF"].to_numpy() == pytest.approx(
            table["shift", "NLHF", "mean"].to_numpy(), nan_ok=True, abs=0
        )


def test_markdown_and_latex_escape_what_users_write(tmp_path: Path) -> None:
    table = pd.DataFrame({"na|me": ["50% of $x_1$ & <b>", "a|b\\c"], "value": [0.5, -1.0]})
    lines = markdown(table).splitlines()
    assert lines[0] == "| na\\|me | value |"
    assert lines[1] == "| :-- | --: |"
    assert lines[2] == "| 50% of $x_1$ & &lt;b> | 0.5 |"
    assert lines[3] == "| a\\|b\\\\c | -1 |"
    tex = latex(table).splitlines()
    assert tex[0] == r"\begin{tabular}{lr}"
    assert [tex[1], tex[3], tex[-2]] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert tex[4] == r"50\% of \$x\_1\$ \& \textless{}b\textgreater{} & 0.5 \\"
    assert export(table, tmp_path / "t.md").read_text(encoding="utf-8") == markdown(table)
    assert export(table, tmp_path / "t.tex").read_text(encoding="utf-8") == latex(table)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"t\.xlsx: unknown suffix '\.xlsx'; use \.csv"):
        export(pd.DataFrame({"a": [1]}), tmp_path / "t.xlsx")
