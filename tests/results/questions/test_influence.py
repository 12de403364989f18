"""Influence: the strongest pair, sharper preferences, and sentences from the rows."""

import math
from typing import Any

from results.questions import influence
from tests.readable import drawn
from tests.recorded import framed, row

SECTION = influence.SECTION


def recorded() -> Any:
    rows = []
    for solver, base, sharp in (("rlhf_exact", 2.0, 30.0), ("nlhf_exact", 4.0, 1.0)):
        shared: dict[str, Any] = {"experiment": "influence", "solver": solver}
        for factor, value in ((1.0, base), (2.0, 99.0), (8.0, sharp)):
            labels = {"sharpness": factor}
            rows.append(row("condition_number", value, labels=labels, **shared))
        for pair, value in ((["A", "B"], 0.5), (["A", "C"], base)):
            rows.append(row("pair_influence", value, labels={"pair": pair}, **shared))
        labels = {"labels_a_pair": 20}
        rows.append(row("smallest_flip", 7.0, labels=labels, **shared))
        rows.append(row("smallest_flip_at_least", 4.0, labels=labels, **shared))
    return framed(rows)


def test_the_table_has_the_strongest_pair_and_the_sharpest_game() -> None:
    table: Any = influence.table(SECTION.rows(recorded())).droplevel("n")
    line = table.loc[("g", "tau = 0", "RLHF")]
    assert line["condition_number", "mean"] == 2
    assert line["pair_influence", "mean"] == 2
    assert line["smallest_flip", "mean"] == 7
    assert line["smallest_flip_at_least", "mean"] == 4
    sharper: Any = influence.sharpened(SECTION.rows(recorded())).droplevel("n")
    numbers = sharper.loc[("g", "tau = 0", "RLHF")]["condition_number"]
    assert list(numbers.xs("mean", level="statistic")) == [2, 99, 30]


def test_sentences_are_computed_from_the_rows() -> None:
    (view, *_) = SECTION.contents(recorded()).views
    assert view.findings[0].endswith(
        "in the median of 1 game, by: RLHF 15.000 (largest 15.000), NLHF 0.250 (largest 0.250)."
    )
    assert view.findings[1] == (
        "RLHF: the likeliest answer of g changes when between 4 and 7 labels are reversed (fewest "
        "of 1 game)."
    )


def test_sentences_are_about_games_that_all_methods_have_and_leave_out_ties() -> None:
    rows = []
    for solver, values in (
        ("rlhf_exact", {"a": (2.0, 20.0, 3.0), "b": (2.0, 80.0, 1.0), "c": (1.0, 5.0, 2.0)}),
        ("nlhf_exact", {"a": (4.0, 8.0, 5.0), "b": (0.0, 1.0, 0.0), "c": (1.0, None, None)}),
    ):
        shared: dict[str, Any] = {"experiment": "influence", "solver": solver}
        for game, (one, sharp, flip) in values.items():
            for factor, value in ((1.0, one), (8.0, sharp)):
                labels = {"sharpness": factor}
                number = math.nan if value is None else value
                rows.append(row("condition_number", number, game=game, labels=labels, **shared))
            for metric in ("smallest_flip", "smallest_flip_at_least"):
                number = math.nan if flip is None else flip
                rows.append(row(metric, number, game=game, **shared))
    growth, rlhf, nlhf = influence.findings(SECTION.rows(framed(rows)))
    assert growth.endswith(
        "in the median of 1 game, by: RLHF 10.000 (largest 10.000), NLHF 2.000 (largest 2.000)."
    )
    changes = "the likeliest answer of a changes when"
    assert rlhf == f"RLHF: {changes} 3 labels are reversed (fewest of 1 game)."
    assert nlhf == f"NLHF: {changes} 5 labels are reversed (fewest of 1 game)."


def test_the_figure_has_a_panel_a_measure() -> None:
    figure = drawn(SECTION, recorded())
    titles = [axes.get_title() for axes in figure.axes]
    assert "condition\nnumber" in titles
    assert "labels that\nchange the answer" in titles
