"""Changes of the sampling: a line a change, intervals where something is drawn, two figures."""

import math
from typing import Any

import pytest

from results import style
from results.questions import data_sensitivity
from tests.readable import dots, drawn
from tests.recorded import annotators

SECTION = data_sensitivity.SECTION


def table() -> Any:
    return data_sensitivity.table(SECTION.rows(annotators()))


def test_the_table_has_a_line_a_change() -> None:
    with_p_known = table().loc[("condorcet", "tau = 0", "known", math.inf)]["shift"]
    # without A-B and without A-C: B stays, A wins; without B-C: C wins
    assert with_p_known["RLHF", "mean"].droplevel("n")["no A-B"] == 0
    assert with_p_known["RLHF", "mean"].droplevel("n")["no A-C"] == 1
    assert with_p_known["RLHF", "mean"].droplevel("n")["no B-C"] == 1
    assert with_p_known[["NLHF", "SLHF"]].abs().max(axis=None) < 1e-9
    estimated = table().loc[("condorcet", "tau = 0", "estimated", math.inf, "no A-C", "exact")]
    # papers.md 1.3: NLHF goes from (.5, .2, .3) to (.625, 0, .375), SLHF stays at A
    assert estimated["shift", "NLHF", "mean"] == pytest.approx(0.2)
    assert estimated["shift", "SLHF", "mean"] == 0
    assert estimated["unseen_share", "all", "mean"] == pytest.approx(1 / 3)
    assert ("shift", "RLHF (filled)", "mean") in table().columns


def test_drawn_cells_come_with_an_interval_and_exact_ones_without() -> None:
    drawn_cells = table().loc[("condorcet", "tau = 0.1", "estimated", 300.0, "none", "2")]
    shift = drawn_cells["shift", "NLHF"]
    assert shift["low"] <= shift["mean"] <= shift["high"]
    exact = table().loc[("condorcet", "tau = 0.1", "estimated", math.inf, "none", "exact")]
    assert exact["shift", "NLHF"].isna()[["low", "high"]].all()


def test_sentences_are_computed_from_the_rows() -> None:
    (view, *_) = SECTION.contents(annotators()).views
    with_p_known, estimated, drawn_shift, *_ = view.findings
    assert with_p_known == (
        "P known: the answer moves with RLHF in 1 of 1 game, NLHF in 0 of 1 game, SLHF in 0 of 1 "
        "game; by at most RLHF 1.000 (condorcet), NLHF 0.000, SLHF 0.000."
    )
    assert estimated.endswith("NLHF 0.500 (condorcet), SLHF 1.000 (condorcet).")
    assert drawn_shift.startswith("From 300 comparisons, shift of RLHF less that of NLHF on the")
    assert drawn_shift.endswith("(mean of 1 game, 95% interval over 2 seeds).")


def test_shifts_are_those_of_unlimited_data_above_and_of_few_comparisons_below() -> None:
    missing, sampled, estimated, _, few = drawn(SECTION, annotators()).axes
    rlhf, nlhf, slhf = (style.COLOURS[c] for c in ("rlhf", "nlhf", "slhf"))
    assert dots(missing, rlhf, "s") == dots(sampled, rlhf, "s") == [1]
    assert dots(missing, nlhf, "o") == pytest.approx([0], abs=1e-9)
    assert dots(estimated, nlhf, "o") == pytest.approx([0.5])
    assert dots(estimated, slhf, "^") == [1]
    assert few.get_title() == "condorcet"
    assert [label.get_text() for label in few.get_xticklabels()] == ["300"]
