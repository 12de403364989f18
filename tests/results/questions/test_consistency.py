"""Agreement, Condorcet winners, clones: the table, the sentences, and where the dots stand."""

import math
import re
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from results import style
from results.export import text
from results.questions import consistency
from tests.readable import dots, drawn
from tests.recorded import annotators, framed, row

SECTION = consistency.SECTION


def test_the_table_has_a_line_a_method_and_a_column_a_metric() -> None:
    table: Any = consistency.table(SECTION.rows(annotators()))
    assert table.index.names == ["game", "comparison", "method", "n", "rank by duality_gap"]
    table = table.droplevel("rank by duality_gap")
    rlhf = table.loc[("condorcet", "tau = 0", "RLHF", "exact")]
    assert rlhf["duality_gap", "mean"] == pytest.approx(0.3, abs=1e-9)  # A beats B by .65
    assert rlhf["leader_value", "mean"] == pytest.approx(0.35)
    assert rlhf["objective", "mean"] > 0
    assert rlhf["minority_utility", "mean"] == pytest.approx(0)  # B is worst for C > A > B
    nlhf = table.loc[("condorcet", "tau = 0", "NLHF", "exact")]
    assert nlhf["self_agreement", "mean"] == pytest.approx(0.5**2 + 0.2**2 + 0.3**2)
    slhf = table.loc[("condorcet", "tau = 0", "SLHF", "exact")]
    assert slhf["leader_value", "mean"] == pytest.approx(0.4)
    at_kl = table.xs("KL = 0.05 nats", level="comparison")
    assert at_kl["kl_to_ref", "mean"].to_list() == pytest.approx([0.05] * 3)
    assert (at_kl["tau", "mean"] > 0).all()
    assert "condorcet_mass" not in table.columns.get_level_values("metric")


def test_changes_are_the_largest_over_the_answers_that_are_changed() -> None:
    table: Any = consistency.changes(SECTION.rows(annotators()))
    at_zero = table.xs(("condorcet", "tau = 0"), level=("game", "comparison")).droplevel("n")
    assert at_zero["clone_shift", "mean"].to_dict() == pytest.approx(
        {"RLHF": 1, "NLHF": 0, "SLHF": 0}, abs=1e-9
    )
    # the worst loss of A as a cycle is .95, that of C .75, so that SLHF turns to B
    assert at_zero.loc["SLHF", ("near_clone_shift", "mean")] == pytest.approx(1)
    assert at_zero.loc["NLHF", ("near_clone_shift", "mean")] == pytest.approx(0, abs=1e-9)
    types: Any = consistency.types(SECTION.rows(annotators())).droplevel("n")
    nlhf = types.loc[("condorcet", "tau = 0", "NLHF")]["type_utility", "mean"]
    assert nlhf.to_list() == pytest.approx([0.6, 0.35, 0.55])


def test_pages_show_the_columns_that_say_so() -> None:
    (view, *_) = SECTION.contents(annotators()).views
    shown = set(view.tables["consistency"].columns.get_level_values("metric"))
    assert shown <= {column.name for column in consistency.COLUMNS if column.shown}
    assert {"entropy", "duality_gap"} <= shown


def test_sentences_are_computed_from_the_rows() -> None:
    (view, *_) = SECTION.contents(annotators()).views
    assert view.findings == [
        "Two draws agree with probability RLHF 1.000, NLHF 0.380, SLHF 1.000 (mean of 1 game).",
        "No game has a Condorcet winner.",
        "Cloning one answer moves the rest by at most RLHF 1.000 (condorcet), NLHF 0.000, "
        "SLHF 0.000 (largest of 1 game).",
        "A cycle of near-clones in its place moves it by at most RLHF 1.000 (condorcet), "
        "NLHF 0.000, SLHF 1.000 (condorcet) (largest of 1 game).",
        "Another reference (log-odds of one answer + 1) moves it by at most RLHF 0.000, "
        "NLHF 0.000, SLHF 0.000 (largest of 1 game).",
        "The user type that gets least has utility RLHF 0.000, NLHF 0.350, SLHF 0.000 "
        "(mean of 1 game).",
    ]


def test_a_condorcet_loser_is_named_with_its_game() -> None:
    rows = [row("condorcet_loser_mass", v, solver=s, game=g) for s, g, v in
            [("slhf_exact", "a", 1), ("slhf_exact", "b", 0), ("nlhf_exact", "a", 0)]]  # fmt: skip
    assert consistency.findings(SECTION.rows(framed(rows)))[-1] == (
        "A Condorcet loser gets at most NLHF 0.000, SLHF 1.000 (a) (largest of 1 game)."
    )


def test_other_rows_give_other_sentences() -> None:
    rows = [row("condorcet_mass", v, solver=s, game=g) for s, g, v in
            [("rlhf_exact", "a", 1), ("rlhf_exact", "b", 0), ("nlhf_exact", "a", 0.995),
             ("nlhf_exact", "b", math.nan)]]  # fmt: skip
    assert consistency.findings(SECTION.rows(framed(rows))) == [
        "A Condorcet winner gets probability >= 0.99 from RLHF in 1 of 1 game, NLHF in 1 of 1 game."
    ]


def test_at_a_kl_the_mass_on_a_condorcet_winner_is_a_mean() -> None:
    """No policy at a small KL to a uniform reference gives an answer 0.99."""
    rows = [row("condorcet_mass", v, solver=s, game=g, params={"kl": 0.3}) for s, g, v in
            [("rlhf_exact", "a", 0.2), ("rlhf_exact", "b", 0.4), ("nlhf_exact", "a", 0.5),
             ("nlhf_exact", "b", 0.7)]]  # fmt: skip
    assert consistency.findings(SECTION.rows(framed(rows))) == [
        "A Condorcet winner gets probability RLHF 0.300, NLHF 0.600 (mean of 2 games)."
    ]


def test_a_maximum_is_over_the_games_that_every_method_has() -> None:
    rows = [row("clone_shift", v, solver=s, game=g, labels={"action": "A"}) for s, g, v in
            [("rlhf_exact", "a", 0.2), ("rlhf_exact", "b", 0.9), ("nlhf_exact", "a", 0.1),
             ("nlhf_exact", "b", math.nan)]]  # fmt: skip
    assert consistency.findings(SECTION.rows(framed(rows)))[-1] == (
        "Cloning one answer moves the rest by at most RLHF 0.200 (a), NLHF 0.100 (a) (largest of 1 "
        "game)."
    )


def test_the_worst_game_is_named() -> None:
    rows = [row("clone_shift", v, game=g, labels={"action": "A"}) for g, v in
            [("a", 0.1), ("b", 0.7), ("c", 0.0), ("d", math.nan)]]  # fmt: skip
    assert consistency.findings(SECTION.rows(framed(rows)))[-1] == (
        "Cloning one answer moves the rest by at most NLHF 0.700 (b) (largest of 3 games)."
    )


def test_cells_say_interval_and_gaps() -> None:
    rows = [row("entropy", v, seed=k) for k, v in enumerate([0.2, 0.4, 0.3])]
    rows += [row("leader_value", v, seed=k) for k, v in enumerate([0.31, 0.32, math.nan])]
    rows += [row("self_agreement", v, seed=k) for k, v in enumerate([0.5, math.nan, math.nan])]
    rows += [row("duality_gap", math.nan, seed=k) for k in range(3)]
    rows += [row("entropy", 0.1, seed=k, game="h") for k in range(3)]
    shown = text(consistency.table(SECTION.rows(framed(rows)))).set_index("game")
    assert shown.loc["g", "entropy"] == "0.300 [0.052, 0.548]"
    assert shown.loc["g", "leader_value"] == "0.315 (n = 2: 0.310 to 0.320) (67% defined)"
    assert shown.loc["g", "self_agreement"] == "0.500 (33% defined)"
    assert shown.loc["g", "duality_gap"] == "undefined"
    assert shown.loc["h", "entropy"] == "0.100"
    assert shown.loc["h", "duality_gap"] == "-"
    assert shown["n"].to_list() == ["3", "3"]


def test_dots_stand_where_the_rows_say() -> None:
    entropy, gap, value, smith, clone, near = drawn(SECTION, annotators()).axes
    rlhf, nlhf, slhf = (style.COLOURS[c] for c in ("rlhf", "nlhf", "slhf"))
    mixed = -sum(p * math.log(p) for p in (0.5, 0.2, 0.3))
    assert dots(entropy, nlhf, "o") == pytest.approx([mixed])
    assert dots(gap, rlhf, "s") == pytest.approx([0.3])
    assert dots(value, slhf, "^") == pytest.approx([0.4])
    assert dots(smith, rlhf, "s") == pytest.approx([1])
    assert dots(clone, rlhf, "s") == pytest.approx([1])
    assert dots(near, slhf, "^") == pytest.approx([1])


def test_methods_stand_below_each_other_in_one_order() -> None:
    axes = drawn(SECTION, annotators()).axes[0]
    heights = {
        line.get_marker(): float(np.asarray(line.get_ydata())[0])
        for line in axes.lines
        if line.get_marker() in ("s", "o", "^")
    }
    assert heights["s"] < heights["o"] < heights["^"]
    assert axes.yaxis_inverted()


def test_another_comparison_has_a_figure_of_its_rows() -> None:
    rows = SECTION.rows(annotators())
    figure = consistency.figure(rows[rows["comparison"] == "tau = 0.1"])
    assert figure is not None
    assert dots(figure.axes[4], style.COLOURS["rlhf"], "s") != pytest.approx([1], abs=0.1)
    topic, message = figure.legends[0].get_title().get_text().split("\n")
    assert topic == "What is answered at equal temperature (tau = 0.1)"
    assert re.fullmatch(r"Duality gap: RLHF\s0.19, NLHF\s0.05, SLHF\s0.08", message)


def marks(axes: Axes, marker: str) -> list[Any]:
    return [line for line in axes.lines if line.get_marker() == marker]


def test_what_does_not_exist_is_a_cross_and_what_exists_in_part_is_half_filled() -> None:
    rows = [row("entropy", math.nan, solver="rlhf_exact", status="undefined", game=g) for g in "gh"]
    rows += [row("entropy", v, seed=k, game="h") for k, v in enumerate([0.5, math.nan])]
    figure = drawn(SECTION, framed(rows))
    axes = figure.axes[0]
    assert dots(axes, style.COLOURS["rlhf"], "x") == [1.04, 1.04]
    assert dots(axes, style.COLOURS["rlhf"], "s") == []
    (part,) = marks(axes, "o")
    assert part.get_fillstyle() == "bottom"
    assert part.get_markerfacecolor() == style.COLOURS["nlhf"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["RLHF", "NLHF", "exists in some draws only", "does not exist"]


def test_exact_answers_are_large_and_hollow_and_algorithms_small_and_filled() -> None:
    rows = [row("entropy", 0.5), row("entropy", 0.4, solver="nash_md", concept="nlhf")]
    rows.append(row("entropy", 0.3, solver="nlhf_exact", scale="llm"))  # trained, not exact
    axes = drawn(SECTION, framed(rows)).axes[0]
    (exact,), (algorithm,), (trained,) = (marks(axes, m) for m in style.MARKERS["nlhf"][:3])
    assert exact.get_markerfacecolor() == style.WHITE
    assert exact.get_markersize() > 1.3 * algorithm.get_markersize()
    for line in (algorithm, trained):
        assert line.get_markerfacecolor() == style.COLOURS["nlhf"]
        assert line.get_fillstyle() == "full"


def test_intervals_are_drawn() -> None:
    rows = [row("duality_gap", v, seed=k) for k, v in enumerate([0.2, 0.3, 0.4])]
    gap = drawn(SECTION, framed(rows)).axes[0]
    ends = [line.get_xdata() for line in gap.lines if len(line.get_xdata()) == 2]  # type: ignore[arg-type]  # arrays
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert any(np.allclose(x, [0.3 - half, 0.3 + half]) for x in ends)


def test_an_interval_over_the_whole_range_is_a_dotted_line_between_the_extremes() -> None:
    rows = [row("smith_mass", v, seed=k) for k, v in enumerate([0.1, 0.9])]
    figure = drawn(SECTION, framed(rows))
    (line,) = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert np.asarray(line.get_xdata()).tolist() == [0.1, 0.9]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["NLHF", "smallest to largest"]


def test_axes_say_unit_and_direction() -> None:
    entropy, gap, value, *_ = drawn(SECTION, annotators()).axes
    assert [axes.get_xlabel() for axes in (entropy, gap, value)] == [
        "nats", "payoff\nlower is better", "probability\nhigher is better"
    ]  # fmt: skip


def test_names_in_any_script_and_with_any_sign_are_drawn_as_they_are() -> None:
    rows = [
        row("entropy", 0.5, game=g)
        for g in ("$5 {x}$ & %", "日本語", "x y " * 12, "three_types(epsilon=-0.1)")
    ]
    figure = drawn(SECTION, framed(rows))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [
        "$5 {x}$ & %", "日本語", "\n".join(["x y x y x y x y x y x y"] * 2),
        "three types\n(epsilon=-0.1)",
    ]  # fmt: skip
