"""Influence: the strongest pair, sharper preferences, and sentences from the rows."""

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
        "by: RLHF 15.000 (largest 15.000), NLHF 0.250 (largest 0.250)."
    )
    assert view.findings[1] == (
        "RLHF: the likeliest answer of g changes when 7 labels are reversed."
    )


def test_the_figure_has_a_panel_a_measure() -> None:
    figure = drawn(SECTION, recorded())
    titles = [axes.get_title() for axes in figure.axes]
    assert "condition\nnumber" in titles
    assert "labels that\nchange the answer" in titles
