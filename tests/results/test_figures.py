"""Figures: what is drawn, that it can be read and told apart, and that it is the same each time."""

import itertools
import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from results import figures, style
from results.frames import describe
from results.rows import RunError
from results.store import TABLE
from tests.readable import assert_texts_on_page, assert_titles_and_ticks_apart
from tests.recorded import annotators, framed, row

NAMES = ("consistency", "data_sensitivity", "robustness", "refinement", "story")
CONCEPT_COLOURS = set(style.COLOURS.values())


def drawn(name: str, frame: pd.DataFrame | None = None) -> Figure:
    figure = getattr(figures, name)(annotators() if frame is None else frame)
    assert isinstance(figure, Figure)
    with style.settings():
        figure.canvas.draw()
    return figure


def dots(axes: Axes, colour: str, marker: str) -> list[float]:
    """Horizontal places of the dots of a colour and marker."""
    return [
        float(np.asarray(line.get_xdata())[0])
        for line in axes.lines
        if to_hex(line.get_color()) == colour.lower() and line.get_marker() == marker
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_on_the_page_and_large_enough(name: str) -> None:
    assert_texts_on_page(drawn(name))


@pytest.mark.parametrize("name", NAMES)
def test_titles_and_ticks_do_not_overlap(name: str) -> None:
    assert_titles_and_ticks_apart(drawn(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_concept_has_its_colour_and_nothing_else_does(name: str) -> None:
    figure = drawn(name)
    (legend,) = figure.legends
    handles: list[Any] = legend.legend_handles
    colours = [to_hex(h.get_facecolor() if name == "story" else h.get_color()) for h in handles]
    told = dict(zip((text.get_text() for text in legend.get_texts()), colours, strict=True))
    for method, colour in told.items():
        concept = method.lower()[:4]
        assert colour == style.COLOURS.get(concept, style.GREY).lower()
    plain = {to_hex(style.GREY), to_hex(style.FAINT)}
    used = {to_hex(line.get_color()) for axes in figure.axes for line in axes.lines}
    assert used <= {c.lower() for c in CONCEPT_COLOURS} | plain


def lightness(rgb: NDArray[np.float64]) -> float:
    """CIE L*."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize(
    "sight",
    [
        np.eye(3),
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],  # no green cones
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],  # no red cones
    ],
)
def test_colours_keep_apart_in_grey_and_for_colour_blind_readers(sight: Any) -> None:
    """Simulated after Machado et al. 2009; lightness alone tells any two concepts apart."""
    seen = [
        lightness(np.clip(np.asarray(sight) @ to_rgb(style.COLOURS[concept]), 0, 1))
        for concept in ("rlhf", "nlhf", "slhf")
    ]
    assert min(abs(a - b) for a, b in itertools.combinations(seen, 2)) > 12


def test_methods_of_one_concept_differ_in_marker_and_line() -> None:
    solvers = ["nlhf_exact", "nlhf_md", "nlhf_omd"]
    rows = [row("entropy", 0, solver=s, concept="nlhf") for s in solvers]
    found = style.looks(describe(framed(rows)))
    assert list(found) == ["NLHF", "nlhf_md", "nlhf_omd"]
    assert {look.colour for look in found.values()} == {style.COLOURS["nlhf"]}
    assert len({look.marker for look in found.values()}) == 3
    assert len({look.line for look in found.values()}) == 3


def test_dots_stand_where_the_rows_say() -> None:
    entropy, gap, value, smith, clone = drawn("consistency").axes
    rlhf, nlhf, slhf = (style.COLOURS[c] for c in ("rlhf", "nlhf", "slhf"))
    mixed = -sum(p * math.log(p) for p in (0.5, 0.2, 0.3))
    assert dots(entropy, nlhf, "o") == pytest.approx([mixed])
    assert dots(gap, rlhf, "s") == pytest.approx([0.3])
    assert dots(value, slhf, "^") == pytest.approx([0.4])
    assert dots(smith, rlhf, "s") == pytest.approx([1])
    assert dots(clone, rlhf, "s") == pytest.approx([1])


def test_shifts_are_those_of_unlimited_data_above_and_of_few_comparisons_below() -> None:
    known, sampled, estimated, _, few = drawn("data_sensitivity").axes
    rlhf, nlhf, slhf = (style.COLOURS[c] for c in ("rlhf", "nlhf", "slhf"))
    assert dots(known, rlhf, "s") == dots(sampled, rlhf, "s") == [1]
    assert dots(known, nlhf, "o") == pytest.approx([0], abs=1e-9)
    assert dots(estimated, nlhf, "o") == pytest.approx([0.5])
    assert dots(estimated, slhf, "^") == [1]
    assert few.get_title() == "condorcet"
    assert [label.get_text() for label in few.get_xticklabels()] == ["300"]


def test_methods_stand_below_each_other_in_one_order() -> None:
    axes = drawn("consistency").axes[0]
    heights = {
        line.get_marker(): float(np.asarray(line.get_ydata())[0])
        for line in axes.lines
        if line.get_marker() in ("s", "o", "^")
    }
    assert heights["s"] < heights["o"] < heights["^"]
    assert axes.yaxis_inverted()


def test_a_legend_takes_the_lines_that_it_needs() -> None:
    long = {f"a_method_with_a_long_name(kappa={k})": Line2D([], []) for k in range(7)}
    few = dict(list(long.items())[:2])
    with style.settings():
        pages = [style.Page("title", key, 1.0).figure for key in (few, long)]
    for figure in pages:
        assert_texts_on_page(figure)
    (short,), (tall,) = (figure.legends for figure in pages)
    lines = round(tall.get_window_extent().height / short.get_window_extent().height)
    assert lines >= 2
    assert pages[1].get_figheight() > pages[0].get_figheight()


def test_methods_that_only_stand_beside_have_rows_and_independent_draws_have_none() -> None:
    figure = drawn("refinement")
    (legend,) = figure.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert "SLHF, independent" in names
    revised = next(axes for axes in figure.axes if axes.get_title() == "revising\nreference")
    heights = {
        round(float(np.asarray(line.get_ydata())[0]), 6)
        for line in revised.lines
        if line.get_marker() not in ("None", "", "|")
    }
    gaps = np.diff(sorted(heights))
    assert len(heights) == 3
    assert gaps == pytest.approx([gaps[0]] * 2)


def test_another_comparison_can_be_asked_for() -> None:
    figure = figures.consistency(annotators(), "tau = 0.1")
    assert dots(figure.axes[4], style.COLOURS["rlhf"], "s") != pytest.approx([1], abs=0.1)
    assert figure.legends[0].get_title().get_text() == "What is answered at tau = 0.1"


def test_what_does_not_exist_is_a_cross_and_what_exists_in_part_is_open() -> None:
    rows = [row("entropy", math.nan, solver="rlhf_exact", status="undefined", game=g) for g in "gh"]
    rows += [row("entropy", v, seed=k, game="h") for k, v in enumerate([0.5, math.nan])]
    figure = drawn("consistency", framed(rows))
    axes = figure.axes[0]
    assert dots(axes, style.COLOURS["rlhf"], "x") == [1.04, 1.04]
    assert dots(axes, style.COLOURS["rlhf"], "s") == []
    (part,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert part.get_markerfacecolor() == "white"
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["RLHF", "NLHF", "exists in part", "does not exist"]


def test_a_curve_has_a_gap_where_nothing_exists() -> None:
    figure = drawn("robustness")
    axes = figure.axes[2]  # annotators: all of one type, where Bradley-Terry is infinite
    assert axes.get_title() == "annotators, type 0"
    crosses = [line for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata())]  # type: ignore[arg-type]  # arrays
    assert [to_hex(line.get_color()) for line in crosses] == [style.COLOURS["rlhf"].lower()]
    assert np.asarray(crosses[0].get_xdata()).tolist() == [1.0]
    curve = next(line for line in axes.lines if line.get_marker() == "s")
    assert np.isnan(np.asarray(curve.get_ydata(), dtype=float)).tolist() == [False] * 4 + [True]


def test_intervals_are_drawn() -> None:
    rows = [row("duality_gap", v, seed=k) for k, v in enumerate([0.2, 0.3, 0.4])]
    gap = drawn("consistency", framed(rows)).axes[1]
    ends = [line.get_xdata() for line in gap.lines if len(line.get_xdata()) == 2]  # type: ignore[arg-type]  # arrays
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert any(np.allclose(x, [0.3 - half, 0.3 + half]) for x in ends)


def test_the_story_is_of_a_game_with_users() -> None:
    first, second, third = drawn("story").axes
    heights = [bar.get_height() for bar in first.patches if hasattr(bar, "get_height")]
    # A, B, C of NLHF (.5, .2, .3), RLHF B, SLHF A, in the order of the estimates
    assert sorted(heights) == pytest.approx([0, 0, 0, 0, 0.2, 0.3, 0.5, 1, 1])
    assert [t.get_text() for t in first.get_xticklabels()] == ["A", "B", "C"]
    assert [t.get_text() for t in second.get_xticklabels()] == ["P known", "P estimated"]
    slhf = to_hex(style.COLOURS["slhf"])
    seen = next(line for line in third.lines if to_hex(line.get_color()) == slhf)
    assert np.asarray(seen.get_ydata())[-1] == pytest.approx(1)
    only_one = annotators()[annotators()["experiment"] != "refinement"]
    with pytest.raises(RunError):
        figures.story(only_one)


def test_names_in_any_script_and_with_any_sign_are_drawn_as_they_are() -> None:
    rows = [row("entropy", 0.5, game=g) for g in ("$5_{x}$ & %", "日本語", "x" * 80)]
    figure = drawn("consistency", framed(rows))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["$5_{x}$ & %", "日本語", "x" * 29 + "…"]


def test_the_readers_settings_come_back(tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 23}):
        style.save(figures.consistency(annotators()), tmp_path / "f")
        assert matplotlib.rcParams["font.size"] == 23
        assert matplotlib.rcParams["svg.hashsalt"] != "prefgames"


def test_a_run_gets_its_figures_in_three_formats(tmp_path: Path) -> None:
    annotators().to_parquet(tmp_path / TABLE)
    written = figures.write(tmp_path)
    assert [path.name for path in written] == [
        f"{name}.{suffix}" for name in NAMES for suffix in ("png", "svg", "pdf")
    ]
    assert {path.parent for path in written} == {tmp_path / "figures"}
    assert [path.read_bytes()[:4] for path in written[:3]] == [b"\x89PNG", b"<?xm", b"%PDF"]


def test_equal_rows_give_equal_files(tmp_path: Path) -> None:
    files = [style.save(figures.story(annotators()), tmp_path / name) for name in ("a", "b")]
    for a, b in zip(*files, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_a_run_without_a_question_has_no_figure_of_it(tmp_path: Path) -> None:
    annotators()[annotators()["experiment"] == "consistency"].to_parquet(tmp_path / TABLE)
    assert [path.name for path in figures.write(tmp_path)] == [
        "consistency.png", "consistency.svg", "consistency.pdf"
    ]  # fmt: skip


def test_revisions_are_drawn_without_users() -> None:
    frame = annotators()
    revised = frame[frame["metric"] == "refinement_win_rate"]
    figure = drawn("refinement", revised)
    assert [axes.get_title() for axes in figure.axes] == [
        "revising\nreference", "revising\nRLHF", "revising\nNLHF", "revising\nSLHF"
    ]  # fmt: skip
