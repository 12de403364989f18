"""Favourites and revisions: tables, sentences, a figure, and runs without users."""

import math
from typing import Any

import numpy as np
import pytest

from results.questions import refinement
from tests.readable import drawn
from tests.recorded import annotators, framed, row

SECTION = refinement.SECTION


def test_the_table_tells_how_answers_are_made() -> None:
    table: Any = refinement.table(SECTION.rows(annotators())).droplevel(["n", "route"])
    chances = table["seen_favourite"]
    third = ("condorcet", "tau = 0", "all", 3)
    assert chances.loc[(*third, "refined"), ("SLHF", "mean")] == pytest.approx(1)
    nlhf = sum(s * (1 - (1 - p) ** 3) for s, p in [(0.4, 0.5), (0.35, 0.2), (0.25, 0.3)])
    assert chances.loc[(*third, "independent"), ("NLHF", "mean")] == pytest.approx(nlhf)
    assert math.isnan(chances.loc[(*third, "refined"), ("NLHF", "mean")])


def test_revisions_are_read_by_leader() -> None:
    table: Any = refinement.revised(SECTION.rows(annotators())).droplevel("n")
    rates = table["refinement_win_rate"]
    # the SLHF leader answers A; its follower replies C, preferred by .35 + .25
    leader = ("condorcet", "tau = 0", "SLHF")
    assert rates.loc[leader, ("SLHF", "mean")] == pytest.approx(0.6)
    assert rates.loc[leader, ("RLHF", "mean")] == pytest.approx(0.35)  # B against A


def test_sentences_are_computed_from_the_rows() -> None:
    (view, *_) = SECTION.contents(annotators()).views
    assert view.findings[1] == (
        "After 3 refined answers a user has seen its favourite: SLHF 1.000 (mean of 1 game)."
    )
    assert view.findings[2].endswith("RLHF 0.500, NLHF 0.500, SLHF 0.600 (mean of 1 game).")


def test_methods_that_are_only_beside_have_rows_and_independent_draws_have_none() -> None:
    figure = drawn(SECTION, annotators())
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


def test_revisions_are_shown_without_users() -> None:
    rows = [row("refinement_win_rate", 0.5, experiment="refinement", labels={"leader": "nlhf"})]
    answer = SECTION.contents(framed(rows))
    assert answer.tables["refinement"].empty
    assert len(answer.tables["revisions"]) == 1
    assert answer.views[0].findings[0] == "No game of this run has a population of users."
    frame = annotators()
    figure = drawn(SECTION, frame[frame["metric"] == "refinement_win_rate"])
    assert [axes.get_title() for axes in figure.axes] == [
        "revising\nreference", "revising\nRLHF", "revising\nNLHF", "revising\nSLHF"
    ]  # fmt: skip
