"""Paths of games: a line a point, the largest step at the end, gaps where nothing exists."""

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from results import style
from results.questions import robustness
from tests.readable import drawn
from tests.recorded import annotators, framed, row

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
    (gap,) = [text for text in view.findings if text.startswith("Path annotators: the gap")]
    assert gap.startswith("Path annotators: the gap reaches RLHF 0.3")
    assert "NLHF 0.000," in gap
    assert gap.endswith("(largest of 1 game), over 12 of 15 points.")  # one type has no RLHF
    assert not any("regret" in text for text in view.findings)  # in units of each concept


def test_a_largest_value_is_over_points_that_all_methods_have() -> None:
    """NLHF does not exist at t = 1, where RLHF is exploited most."""
    rows = [
        row("duality_gap", v, solver=s, experiment="robustness", labels={"path": "cyclic", "t": t})
        for s, values in (("rlhf_exact", (0.1, 0.2, 0.9)), ("nlhf_exact", (0.1, 0.3, math.nan)))
        for t, v in zip((0, 0.5, 1), values, strict=True)
    ]
    assert robustness.findings(SECTION.rows(framed(rows))) == [
        "Path cyclic: the gap reaches RLHF 0.200 (g), NLHF 0.300 (g) (largest of 1 game), over 2 "
        "of 3 points."
    ]


def test_what_is_arithmetic_is_in_the_full_table_only() -> None:
    answer = SECTION.contents(annotators())
    full = answer.tables["robustness"].index.get_level_values("path")
    assert {"temperature", "random raters (20 raters, 60 comparisons)"} <= set(full)
    shown = answer.views[0].tables["robustness"].index.get_level_values("path")
    assert set(shown) == set(full) - {"temperature"}
    assert not any("temperature" in text for text in answer.views[0].findings)


@pytest.mark.parametrize(("n", "shown"), [(None, False), (50, True)])
@pytest.mark.parametrize("path", ["random_raters", "reversed_raters", "balanced_position"])
def test_some_paths_need_finite_data_to_be_shown(path: str, n: int | None, shown: bool) -> None:
    labels = {"path": path, "t": 0.5} | ({} if n is None else {"n_comparisons": n})
    fields: dict[str, Any] = {"experiment": "robustness", "params": {"kl": 0.1}}
    rows = SECTION.rows(framed([row("duality_gap", 0.3, labels=labels, **fields)]))
    assert bool(robustness.findings(rows)) == shown
    assert len(robustness.table(rows)) == 1
    assert shown or robustness.figure(rows) is None


@pytest.mark.parametrize(
    ("params", "said"),
    [({"tau": 0}, True), ({"kl": 0.1}, True), ({"tau": 0.1}, False), ({"tau": 0.01}, False)],
)
def test_no_sentence_compares_methods_at_equal_temperature(
    params: dict[str, float], said: bool
) -> None:
    labels = {"path": "cyclic", "t": 0.5}
    rows = framed([row("duality_gap", 0.3, labels=labels, params=params, experiment="robustness")])
    assert any(view.findings for view in SECTION.contents(rows).views) == said


def test_what_a_path_depends_on_tells_its_lines_apart() -> None:
    fields: dict[str, Any] = {"experiment": "robustness"}
    several: list[dict[str, Any]] = [
        {"path": "random_flips", "flips": 5, "n_comparisons": 3000},
        {"path": "random_flips", "flips": 9, "n_comparisons": 3000},
        {"path": "bias", "bonus": 0.5, "action": "A"},
        {"path": "one_sided", "action": "A"},
    ]
    rows = framed([row("shift", 0.1, labels={**labels, "t": 1}, **fields) for labels in several])
    table: Any = robustness.table(SECTION.rows(rows))
    assert set(table.index.get_level_values("path")) == {
        "random flips (5 flips, 3,000 comparisons)",
        "random flips (9 flips, 3,000 comparisons)",
        "bias (bonus 0.5), for A",
        "one sided, against A",
    }


def test_noise_in_finite_data_is_drawn_first() -> None:
    axes = drawn(SECTION, annotators()).axes
    titles = [axes[k].get_title().partition("\n")[0] for k in range(3)]
    assert titles == ["random raters", "cyclic", "annotators, type 0"]


def test_a_curve_has_a_gap_where_nothing_exists() -> None:
    axes = drawn(SECTION, annotators()).axes[2]  # annotators of one type: Bradley-Terry is infinite
    assert axes.get_title() == "annotators, type 0"
    crosses = [line for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata())]  # type: ignore[arg-type]  # arrays
    assert [to_hex(line.get_color()) for line in crosses] == [style.COLOURS["rlhf"].lower()]
    assert np.asarray(crosses[0].get_xdata()).tolist() == [1.0]
    curve = next(line for line in axes.lines if line.get_marker() == "s")
    assert np.isnan(np.asarray(curve.get_ydata(), dtype=float)).tolist() == [False] * 4 + [True]
