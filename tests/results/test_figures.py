"""Figures: what is drawn, that it is legible and distinct, and that it is reproducible."""

import itertools
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from results import curves, figures, missing_pairs, panels, sheet, style
from results.frames import describe
from results.questions import SECTIONS
from results.rows import RunError
from results.store import TABLE
from results.stored_games import Games
from results.story import story
from tests.readable import assert_texts_on_page, assert_titles_and_ticks_do_not_overlap, drawn
from tests.recorded import annotators, framed, row

NAMES = ("consistency", "data_sensitivity", "robustness", "refinement", "story")
FILES = (
    "story", "simplex", "missing_pairs", "frontier", "cross_refinement", "consistency",
    "consistency_KL_0.05_nats", "data_sensitivity", "robustness", "refinement", "influence",
)  # fmt: skip
NO_GAMES = Games(Path(), {})
ALL_SECTIONS = {section.name: section for section in SECTIONS if section.figure is not None}
MANY = [f"method_{k:02d}" for k in range(12)]
OTHERS = ("dpo", "stackelberg_gda", "dpo (LM)", "stackelberg_gda (LM)")


@cache
def figure_of(name: str) -> Figure:
    if name == "story":
        figure = story(annotators(), NO_GAMES)
        assert figure is not None
        with style.settings():
            figure.canvas.draw()
        return figure
    return drawn(ALL_SECTIONS[name], annotators())


@cache
def many_methods() -> pd.DataFrame:
    """Twelve NLHF methods in every question that follows methods, and two of other concepts."""
    rows = []
    for k, name in enumerate([*MANY, "dpo", "stackelberg_gda"]):
        concept = {"dpo": "rlhf", "stackelberg_gda": "slhf"}.get(name, "nlhf")
        common: dict[str, Any] = {"solver": name, "concept": concept, "params": {"tau": 0.1}}
        for step in range(1, 30):
            at_step = {**common, "experiment": "convergence", "step": step}
            rows += [row(m, 1.0 + step, **at_step) for m in ("seconds", "oracle_calls")]
            for metric in ("regularised_gap", "kl_to_target", "tv_to_target"):
                value = math.exp(-step * (k + 1) / 15)
                rows.append(row(metric, value, labels={"iterate": "last"}, **at_step))
            trained = {**common, "step": step, "scale": "llm"}
            rows.append(row("tv_to_target", 0.8 / step + 0.02 * k, **trained))
            rows += [row(m, step, **trained) for m in ("optimizer_steps", "generated_tokens")]
            rows += [row(m, step, **trained) for m in ("judge_calls", "seconds")]
            rows.append(row("off_list_mass", 0.0, **trained))
        rows.append(row("entropy", 0.1 * k, **common))
        for route, value in (("predicted", 0.1 + k), ("observed", 0.11 + k)):
            labels = {"route": route}
            rows.append(row("step_limit", value, experiment="stability", labels=labels, **common))
        for share, value in ((0.95, 10.0**-k), (1.05, 0.1 + k)):
            labels_of = {"of_limit": share}
            rows.append(
                row("kl_to_target", value, experiment="stability", labels=labels_of, **common)
            )
        for route in ("target", "last", "average"):
            ends = {"route": route, "nash_tau": 0.1}
            rows.append(row("tv_to_nash", k / 30, experiment="fixed_points", labels=ends, **common))
    return framed(rows)


@cache
def figure_of_many(name: str) -> Figure:
    return drawn(ALL_SECTIONS[name], many_methods())


WITH_MANY = ("consistency", "trainings", "convergence", "stability", "fixed_points")


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_on_the_page_and_large_enough(name: str) -> None:
    assert_texts_on_page(figure_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_titles_and_ticks_do_not_overlap(name: str) -> None:
    assert_titles_and_ticks_do_not_overlap(figure_of(name))


@pytest.mark.parametrize("name", WITH_MANY)
def test_many_methods_can_be_read(name: str) -> None:
    figure = figure_of_many(name)
    assert_texts_on_page(figure)
    assert_titles_and_ticks_do_not_overlap(figure)


def legend_of(figure: Figure) -> dict[str, Any]:
    (legend,) = figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    return dict(zip(words, legend.legend_handles, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_concept_has_its_colour_and_nothing_else_does(name: str) -> None:
    figure = figure_of(name)
    for method, handle in legend_of(figure).items():
        if method in (panels.INTERVAL, panels.RANGE):
            continue
        colour = to_hex(handle.get_facecolor() if name == "story" else handle.get_color())
        assert colour == style.COLOURS.get(method.lower()[:4], style.GREY).lower()
    assert colours_of(figure) <= {
        c.lower() for c in (*style.COLOURS.values(), style.GREY, style.FAINT)
    }


def colours_of(figure: Figure) -> set[str]:
    lines: list[Any] = [line for axes in figure.axes for line in axes.lines]
    return {to_hex(line.get_color()) for line in lines}


def test_a_method_has_the_same_colour_in_every_figure() -> None:
    colours: dict[str, set[str]] = {}
    for name in ("consistency", "trainings", "convergence", "stability"):
        for method, handle in legend_of(figure_of_many(name)).items():
            if method not in {*MANY, *(f"{m} (LM)" for m in MANY), *OTHERS}:
                continue  # what lines and bands mean
            colours.setdefault(method.removesuffix(" (LM)"), set()).add(to_hex(handle.get_color()))
    assert set(colours) == {*MANY, "dpo", "stackelberg_gda"}
    for method, used in colours.items():
        concept = {"dpo": "rlhf", "stackelberg_gda": "slhf"}.get(method, "nlhf")
        assert used == {style.COLOURS[concept].lower()}, method


@pytest.mark.parametrize("name", ["convergence", "fixed_points"])
def test_all_nlhf_methods_have_the_colour_of_nlhf(name: str) -> None:
    frame = many_methods()
    figure = drawn(ALL_SECTIONS[name], frame[frame["concept"] == "nlhf"])
    assert colours_of(figure) == {style.COLOURS["nlhf"].lower()}
    curves: list[Any] = [curve for axes in figure.axes for curve in axes.collections]
    thin = [to_hex(curve.get_edgecolor()[0]) for curve in curves]
    assert set(thin) <= {style.COLOURS["nlhf"].lower()}


def test_methods_of_one_concept_differ_in_marker_and_line_up_to_the_eighth() -> None:
    for concept, markers in style.MARKERS.items():
        rows = [row("entropy", 0, solver=name, concept=concept) for name in MANY[:8]]
        styles = style.method_styles(describe(framed(rows)))
        assert {of_it.colour for of_it in styles.values()} == {style.COLOURS[concept]}
        assert [of_it.marker for of_it in styles.values()] == list(markers)
        assert len(set(markers)) == len({str(of_it.line) for of_it in styles.values()}) == 8


def test_from_the_ninth_method_of_a_concept_on_the_mark_is_a_letter() -> None:
    rows = [row("entropy", 0, solver=name, concept="nlhf") for name in MANY]
    marks = [of_it.marker for of_it in style.method_styles(describe(framed(rows))).values()]
    assert all(isinstance(mark, str) for mark in marks[:8])
    letters = marks[8:]
    assert all(isinstance(mark, Outline) for mark in letters)
    assert len({mark.vertices.tobytes() for mark in letters}) == 4
    handles = legend_of(figure_of_many("convergence"))
    assert isinstance(handles[MANY[8]].get_marker(), Outline)


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
def test_colours_differ_in_grey_and_for_colour_blind_readers(sight: Any) -> None:
    """Simulated after Machado et al. 2009; lightness alone distinguishes any two concepts."""
    lightnesses = [
        lightness(np.clip(np.asarray(sight) @ to_rgb(style.COLOURS[concept]), 0, 1))
        for concept in ("rlhf", "nlhf", "slhf")
    ]
    assert min(abs(a - b) for a, b in itertools.combinations(lightnesses, 2)) > 12


def test_a_legend_takes_the_lines_that_it_needs() -> None:
    long = {f"a_method_with_a_long_name(kappa={k})": Line2D([], []) for k in range(7)}
    few = dict(list(long.items())[:2])
    with style.settings():
        pages = [sheet.Sheet("title", key, 1.0).figure for key in (few, long)]
    for figure in pages:
        assert_texts_on_page(figure)
    (short,), (tall,) = (figure.legends for figure in pages)
    lines = round(tall.get_window_extent().height / short.get_window_extent().height)
    assert lines >= 2
    assert pages[1].get_figheight() > pages[0].get_figheight()


def test_the_story_is_of_a_game_with_users() -> None:
    first, second, third = figure_of("story").axes
    heights = [bar.get_height() for bar in first.patches if hasattr(bar, "get_height")]
    # A, B, C of NLHF (.5, .2, .3), RLHF B, SLHF A, in the order of the estimates
    assert sorted(heights) == pytest.approx([0, 0, 0, 0, 0.2, 0.3, 0.5, 1, 1])
    assert [t.get_text() for t in first.get_xticklabels()] == ["A", "B", "C"]
    assert [t.get_text() for t in second.get_xticklabels()] == ["known", "estimated"]
    assert second.get_xlabel() == "the preferences are"
    slhf = to_hex(style.COLOURS["slhf"])
    refined = next(line for line in third.lines if to_hex(line.get_color()) == slhf)
    assert np.asarray(refined.get_ydata())[-1] == pytest.approx(1)
    assert story(annotators()[annotators()["experiment"] != "refinement"], NO_GAMES) is None


def test_the_readers_settings_come_back(tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 23}):
        sheet.save(figure_of("consistency"), tmp_path / "f")
        assert matplotlib.rcParams["font.size"] == 23
        assert matplotlib.rcParams["svg.hashsalt"] != "prefgames"


def test_a_run_gets_its_figures_and_their_captions(tmp_path: Path) -> None:
    annotators().to_parquet(tmp_path / TABLE)
    written = figures.draw(tmp_path)
    assert [path.name for path in written] == [f"{name}.svg" for name in FILES]
    assert {path.parent for path in written} == {tmp_path / "figures"}
    text = (tmp_path / "figures" / "captions.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {name}" for name in sorted(FILES)
    ]
    assert "\n\n\n" not in text  # each has a caption


def test_one_figure_in_other_formats_and_another_width(tmp_path: Path) -> None:
    annotators().to_parquet(tmp_path / TABLE)
    written = figures.draw(tmp_path, only=["missing_pairs"], formats=("pdf", "png"), width=3.25)
    assert [path.name for path in written] == ["missing_pairs.pdf", "missing_pairs.png"]
    assert [path.read_bytes()[:4] for path in written] == [b"%PDF", b"\x89PNG"]
    width = int.from_bytes(written[1].read_bytes()[16:20], "big")
    assert width == 650


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"only": ["stroy"]}, "no figure 'stroy'; there are story, preference_graph"),
        ({"only": ["round_robin"]}, "no rows for the figure 'round_robin'"),
        ({"formats": ("svg", "eps")}, "format 'eps' is not one of svg, pdf, png"),
        ({"width": 1.0}, "width 1 is not between 3 and 12 inches"),
    ],
)
def test_what_cannot_be_drawn_is_said(asked: dict[str, Any], message: str, tmp_path: Path) -> None:
    framed([row("entropy", 0.1)]).to_parquet(tmp_path / TABLE)
    with pytest.raises(RunError, match=re.escape(message)):
        figures.draw(tmp_path, **asked)


@pytest.mark.parametrize("name", ["consistency", "refinement", "missing_pairs"])
def test_a_figure_of_the_width_of_a_column_can_be_read(name: str) -> None:
    with style.of_width(3.25):
        if name in figures.WHOLE:
            figure = figures.WHOLE[name](annotators(), NO_GAMES)
            assert figure is not None
        else:
            figure = drawn(ALL_SECTIONS[name], annotators())
        assert figure.get_figwidth() == 3.25
        assert_texts_on_page(figure)
        assert_titles_and_ticks_do_not_overlap(figure)


def test_long_answers_have_numbers_in_their_bars() -> None:
    long = annotators()["labels"].str.replace('"A"', '"an answer of many words"')
    frame = annotators().assign(labels=long.str.replace("A-", "an answer of many words-"))
    with style.of_width(3.25):
        figure = missing_pairs.figure(frame)
    assert figure is not None
    assert_texts_on_page(figure)
    assert_titles_and_ticks_do_not_overlap(figure)
    inside = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert inside == {"1", "2", "3"}
    assert "1: an answer of many words" in legend_of(figure)


def test_lines_are_even_and_words_whole() -> None:
    assert sheet.wrapped("SLHF, replying", 12) == "SLHF,\nreplying"
    assert sheet.wrapped("one two three four", 14) == "one two\nthree four"
    assert sheet.wrapped("a\nb", 14) == "a\nb"


def test_curves_that_coincide_are_set_apart() -> None:
    names = ("rlhf", "nlhf", "slhf")
    rows = [row("entropy", 0, solver=f"{name}_exact") for name in names]
    styles = style.method_styles(describe(framed(rows)))
    x = [0.0, 1.0]
    means = pd.DataFrame(
        [
            {"method": method, "x": at, "mean": value, "low": value, "high": value, "defined": 1.0}
            for method, value in (("RLHF", 0.5), ("NLHF", 0.5), ("SLHF", 0.9))
            for at in x
        ]
    )
    with style.settings():
        axes = sheet.Sheet("title", {}, 2.0).panels(0, 1, 1)[0, 0]
        curves.curves(axes, means, "x", styles)
        axes.figure.canvas.draw()
        shown = [line.get_transform().transform(line.get_xydata()) for line in axes.lines]
        true = [axes.transData.transform(line.get_xydata()) for line in axes.lines]
    moved = [float(np.linalg.norm(a[0] - b[0])) for a, b in zip(shown, true, strict=True)]
    assert moved[0] == pytest.approx(moved[1])
    assert moved[2] == pytest.approx(0)
    assert np.linalg.norm(shown[0][0] - shown[1][0]) > 3


def test_curves_that_end_together_have_one_label() -> None:
    with style.settings():
        axes = sheet.Sheet("title", {}, 2.0).panels(0, 1, 1)[0, 0]
        curves.label_ends(axes, {"NLHF": 1.0, "SLHF": 1.0, "RLHF": 0.95}, 0.12)
        axes.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == ["NLHF,\nSLHF", "RLHF"]
    assert not boxes[0].overlaps(boxes[1])


def test_equal_rows_give_equal_files(tmp_path: Path) -> None:
    files = [
        sheet.save(figure_of.__wrapped__("story"), tmp_path / name, sheet.FORMATS) for name in "ab"
    ]
    for a, b in zip(*files, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_a_run_without_a_question_has_no_figure_of_it(tmp_path: Path) -> None:
    annotators()[annotators()["experiment"] == "consistency"].to_parquet(tmp_path / TABLE)
    assert [path.stem for path in figures.draw(tmp_path)] == [
        "simplex", "frontier", "consistency", "consistency_KL_0.05_nats"
    ]  # fmt: skip
