"""Paths of games: a line a point, the largest step at the end, gaps where nothing exists."""

from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from results import style
from results.questions import robustness
from tests.readable import drawn
from tests.recorded import annotators

SECTION = robustness.SECTION


def test_the_table_has_a_line_a_point_and_the_largest_step_at_the_end() -> None:
    table: Any = robustness.table(SECTION.rows(annotators()))
    path = table.loc[("condorcet", "tau = 0", "cyclic")].droplevel("n")
    assert path.index.to_list() == [0, 0.25, 0.5, 0.75, 1]
    steps = path["largest_shift", "RLHF", "mean"]
    assert steps.notna().to_list() == [False] * 4 + [True]
    shares = path["cyclic_share", "all", "mean"].to_list()
    assert shares == sorted(shares)
    assert "annotators, type 2" in table.index.get_level_values("path")


def test_sentences_are_computed_from_the_rows() -> None:
    (view, *_) = SECTION.contents(annotators()).views
    gap = view.findings[-2]
    assert gap.startswith("Path annotators: the gap reaches RLHF 0.3")
    assert "NLHF 0.000," in gap


def test_a_curve_has_a_gap_where_nothing_exists() -> None:
    axes = drawn(SECTION, annotators()).axes[2]  # annotators of one type: Bradley-Terry is infinite
    assert axes.get_title() == "annotators, type 0"
    crosses = [line for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata())]  # type: ignore[arg-type]  # arrays
    assert [to_hex(line.get_color()) for line in crosses] == [style.COLOURS["rlhf"].lower()]
    assert np.asarray(crosses[0].get_xdata()).tolist() == [1.0]
    curve = next(line for line in axes.lines if line.get_marker() == "s")
    assert np.isnan(np.asarray(curve.get_ydata(), dtype=float)).tolist() == [False] * 4 + [True]
