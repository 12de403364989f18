"""Figures of iterative methods and of revisions: what they show, and that it can be read."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from results import (
    cross_refinement,
    duality_gap,
    heat_map,
    kappa,
    panels,
    simplex,
    solver_paths,
    style,
)
from results.comparisons import select_comparison
from results.questions import convergence, followers, refinement, stability
from results.sheet import Sheet
from results.stored_games import Games
from solvers.nash_md import NashMd
from solvers.self_play_mwu import SelfPlayMwu
from solvers.stackelberg_gda import StackelbergGda
from tests.measured import measured
from tests.paper_games import three_annotators
from tests.readable import assert_texts_on_page, assert_titles_and_ticks_do_not_overlap
from tests.recorded import annotators, framed, row

NO_GAMES = Games(Path(), {})
WIDTHS = pytest.mark.parametrize("width", [6.5, 3.25])


@cache
def traces() -> pd.DataFrame:
    """Convergence on the game of three annotators: Nash-MD, self-play, followers at two kappa."""
    gda: dict[str, Any] = {"tau_leader": 0.1, "tau_follower": 0.1, "eta": 0.05, "max_steps": 400}
    methods: list[tuple[Any, dict[str, Any]]] = [
        (NashMd(tau=0.1, max_steps=100), {"tau": 0.1}),
        (SelfPlayMwu(max_steps=50), {}),
        *((StackelbergGda(**gda, kappa=k), {**gda, "kappa": k}) for k in (1.0, 5.0)),
    ]
    rows = []
    for solver, params in methods:
        for m in measured("convergence", three_annotators(), solver, average=True):
            common = {"experiment": "convergence", "game": "condorcet", "cell": repr(solver)}
            name = {"NashMd": "nash_md", "SelfPlayMwu": "self_play_mwu"}
            rows.append(
                row(
                    m.metric, m.value, solver=name.get(type(solver).__name__, "stackelberg_gda"),
                    params=params, labels=dict(m.labels), step=m.step, status=m.status,
                    **{**common, "concept": solver.concept},
                )
            )  # fmt: skip
    return framed(rows)


def readable(figure: Figure | None) -> Figure:
    assert figure is not None
    assert_texts_on_page(figure)
    assert_titles_and_ticks_do_not_overlap(figure)
    return figure


@WIDTHS
def test_a_path_leads_from_the_reference_to_the_target(width: float) -> None:
    with style.of_width(width):
        figure = solver_paths.figure(traces(), NO_GAMES)
        assert figure is not None
        assert_texts_on_page(figure)
    panel = {axes.get_title(): axes for axes in figure.axes}["condorcet\ntau = 0.1"]
    target = NashMd(tau=0.1).target(three_annotators())
    assert target is not None
    blue = style.COLOURS["nlhf"].lower()
    lines = [line for line in panel.lines if to_hex(line.get_color()) == blue]
    solid = [line for line in lines if line.get_linestyle() != ":"]
    (path,) = (line for line in solid if np.size(line.get_xdata()) > 2)
    points = np.asarray(path.get_xydata())
    assert points[0] == pytest.approx(three_annotators().ref @ simplex.CORNERS)
    (ring,) = (line for line in lines if line.get_markersize() == 9)
    assert np.asarray(ring.get_xydata())[0] == pytest.approx(target.policy @ simplex.CORNERS)
    assert np.linalg.norm(points[-1] - np.asarray(ring.get_xydata())[0]) < 0.01


def test_games_of_other_sizes_and_runs_without_paths_have_no_triangle() -> None:
    frame = traces()
    assert solver_paths.figure(frame[frame["metric"] != "probability"], NO_GAMES) is None
    assert solver_paths.figure(frame[~frame["labels"].str.contains('"A"')], NO_GAMES) is None
    assert solver_paths.figure(annotators(), NO_GAMES) is None


@WIDTHS
def test_gaps_are_medians_over_games_and_methods_are_named_beside_them(width: float) -> None:
    rows = [
        row(
            "duality_gap", value, solver=name, params={"tau": 0.1}, experiment="convergence",
            concept="nlhf", step=step, context=context, labels={"iterate": "last"},
        )
        for name, scale in (("egpo", 1.0), ("nash_md", 10.0))
        for step in (1, 10)
        for context, value in enumerate(scale * np.array([0.1, 0.02, 0.05]) / step)
    ]  # fmt: skip
    medians = duality_gap.medians(framed(rows)).set_index(["method", "step"])["gap"]
    assert medians["egpo", 10] == pytest.approx(0.005)
    with style.of_width(width):
        figure = readable(duality_gap.figure(framed(rows)))
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["nash_md", "egpo"]
    assert [list(np.asarray(line.get_ydata())) for line in axes.lines] == [
        pytest.approx([0.05, 0.005]), pytest.approx([0.5, 0.05])
    ]  # fmt: skip
    assert duality_gap.figure(annotators()) is None


@WIDTHS
def test_leader_and_follower_by_kappa(width: float) -> None:
    with style.of_width(width):
        figure = readable(kappa.figure(traces()))
    (axes,) = figure.axes
    table = followers.table(convergence.SECTION.rows(traces())).set_index("kappa")
    assert list(table.index) == [1, 5]
    shown = {str(line.get_marker()): np.asarray(line.get_ydata()) for line in axes.lines}
    for marker, column in (("^", "last_tv"), ("D", "average_tv"), ("o", "row_tv")):
        expected = table[f"{column}_median"].clip(lower=1e-8)
        assert shown[marker] == pytest.approx(expected.to_numpy())
    once = traces()[~traces()["params"].str.contains('"kappa":1')]
    assert kappa.figure(once) is None


def test_the_follower_replies_with_what_beats_the_answer() -> None:
    rows = select_comparison(refinement.SECTION.rows(annotators()), "tau = 0")
    rates, games = cross_refinement.matrix(rows)
    assert games == 1
    assert list(rates.columns) == ["reference", "RLHF", "NLHF", "SLHF"]
    of_follower = rates.loc["SLHF, follower"]  # RLHF says B, which A beats; SLHF says A
    assert of_follower["RLHF"] == pytest.approx(0.65)
    assert of_follower["SLHF"] == pytest.approx(0.60)
    assert rates.loc["RLHF, new draw", "RLHF"] == pytest.approx(0.5)
    figure = readable(cross_refinement.figure(annotators()))
    assert cross_refinement.figure(traces()) is None
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written[-4:] == [f"{rate:.2f}".removeprefix("0") for rate in of_follower]


def test_shades_are_symmetric_around_a_tie() -> None:
    with style.settings():
        axes = Sheet("title", {}, 2.0).panels(0, 1, 1)[0, 0]
        heat_map.heat_map(axes, pd.DataFrame([[0.5, 0.28]], ["a"], ["b", "c"]), "rate")
    (image,) = axes.images
    assert image.get_clim() == pytest.approx((0.25, 0.75))


def limits(method: str, observed: list[float], settled: list[float]) -> list[Any]:
    """Rows of stability in as many games: limits, and ends of runs at .95 of the predicted one."""
    common: dict[str, Any] = {"solver": method, "concept": "nlhf", "experiment": "stability"}
    rows = []
    for context, (limit, end) in enumerate(zip(observed, settled, strict=True)):
        at: dict[str, Any] = {**common, "context": context, "params": {"tau": 0.1}}
        rows.append(row("step_limit", limit, labels={"route": "observed"}, **at))
        rows.append(row("step_limit", 1.02 * limit, labels={"route": "predicted"}, **at))
        rows.append(row("kl_to_target", end, labels={"of_limit": 0.95}, **at))
    return rows


@WIDTHS
def test_a_bar_ends_where_the_first_game_is_unstable(width: float) -> None:
    wide = limits("egpo", [3.0, 4.0], [1e-9, float("nan")])  # one run diverges
    rows = stability.SECTION.rows(framed([*limits("omwu", [1.0, 2.0], [1e-9, 1e-8]), *wide]))
    with style.of_width(width):
        figure = readable(stability.figure(rows))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["egpo", "omwu"]
    bars = [line for line in axes.lines if line.get_linewidth() == 5]
    assert [np.asarray(bar.get_xdata())[1] for bar in bars] == [3.0, 1.0]
    beside = [text.get_text() for text in axes.texts]
    assert beside == ["1 of 2", "2 of 2", "settle\nat .95"]
    assert "in 100% of games" in figure.legends[0].get_title().get_text()


def test_long_names_and_numbers_are_shortened_in_lines() -> None:
    assert panels.method_in_lines("egpo", 4) == "egpo"
    assert panels.method_in_lines("nash_md_pg(eta=4)", 10) == "nash_md_pg\n(eta=4)"
    assert panels.shown_name("g(a=0.3333333333)") == "g\n(a=0.333)"
