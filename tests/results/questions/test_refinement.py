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
    assert view.findings[2:5] == [
        "After 3 answers, each the policy's own revision of the last, a user has seen its "
        "favourite: RLHF 0.350, NLHF 1.000 (mean of 1 game).",
        "After 3 different answers drawn from the policy a user has seen its favourite: "
        "RLHF 0.350, NLHF 1.000, SLHF 0.400 (mean of 1 game).",
        "After the best set of 3 answers a user has seen its favourite: probability 1.000 "
        "(mean of 1 game).",
    ]
    # A has utility 1, 0 and 1/2 for the types of shares .4, .35 and .25, B 1/2, 1 and 0
    assert view.findings[5] == (
        "The first answer alone has utility RLHF 0.550, NLHF 0.500, SLHF 0.525 (mean of 1 game)."
    )
    assert view.findings[6].endswith("RLHF 0.500, NLHF 0.655, SLHF 0.600 (mean of 1 game).")


def test_a_revision_is_of_the_own_concept_and_no_new_draw() -> None:
    rows = []
    for solver, params, how, rates in (
        ("nlhf_exact", {"kl": 0.1}, "", {"nlhf": 0.5, "slhf": 0.4}),
        ("nlhf_exact", {"kl": 0.1}, "revised", {"nlhf": 0.6, "slhf": 0.7}),
        ("slhf_exact", {"kl": 0.1}, "", {"nlhf": 0.8, "slhf": 0.9}),
        ("slhf_exact", {"kl": 0.1, "tau_follower": 0.0}, "", {"nlhf": 0.85, "slhf": 0.95}),
    ):
        for leader, value in rates.items():
            labels = {"leader": leader, **({"how": how} if how else {})}
            fields: dict[str, Any] = {"experiment": "refinement", "params": params}
            rows.append(row("refinement_win_rate", value, solver=solver, labels=labels, **fields))
    assert refinement.findings(SECTION.rows(framed(rows)))[-1].endswith(
        "NLHF 0.600, SLHF 0.900, SLHF (tau_follower = 0) 0.950 (mean of 1 game)."
    )


def test_all_ways_are_compared_on_one_set_of_games() -> None:
    rows = []
    for how, values in (
        ("independent", {"g": 0.2, "h": 0.4}), ("without_replacement", {"g": 0.6, "h": math.nan}),
    ):  # fmt: skip
        for game, value in values.items():
            labels = {"type": "all", "n_answers": 3, "how": how, "route": "exact"}
            fields: dict[str, Any] = {"experiment": "refinement", "game": game, "labels": labels}
            rows.append(row("seen_favourite", value, **fields))
    independent, different, *_ = refinement.findings(SECTION.rows(framed(rows)))
    assert independent.endswith("NLHF 0.200 (mean of 1 game).")
    assert different.endswith("NLHF 0.600 (mean of 1 game).")


def test_the_best_set_bounds_the_favourite_and_not_the_utility() -> None:
    assert "(not of best_utility)" in SECTION.reading
    assert "No way is better" not in SECTION.expected


def test_first_answers_stand_beside_what_asking_again_buys() -> None:
    table: Any = refinement.first(SECTION.rows(annotators())).droplevel("n")
    line = table.loc[("condorcet", "tau = 0", "SLHF")]
    assert line["seen_favourite", "mean"] == pytest.approx(0.4)
    assert line["best_utility", "mean"] == pytest.approx(0.525)
    assert line["win_rate_over_ref", "mean"] == pytest.approx((0.5 + 0.65 + 0.4) / 3)
    assert line["duality_gap", "mean"] == pytest.approx(0.2)
    assert line["leader_value", "mean"] == pytest.approx(0.4)


def test_competitors_are_in_the_table_and_not_taken_for_the_method() -> None:
    rows = SECTION.rows(annotators())
    table: Any = refinement.table(rows).droplevel(["n", "route"])["seen_favourite"]
    third = ("condorcet", "tau = 0", "all", 3)
    assert table.loc[(*third, "best_set"), ("all", "mean")] == pytest.approx(1)
    assert math.isnan(table.loc[(*third, "best_set"), ("NLHF", "mean")])
    assert table.loc[(*third, "without_replacement"), ("SLHF", "mean")] == pytest.approx(0.4)
    assert set(refinement.favourites(rows)["how"]) == {"independent", "refined"}
    revised: Any = refinement.revised(rows).droplevel("n")["refinement_win_rate"]
    itself = revised.loc[("condorcet", "tau = 0", "NLHF")]
    # to A follows C, to B A, to C B: .6, .65 and .75
    expected = 0.5 * 0.6 + 0.2 * 0.65 + 0.3 * 0.75
    assert itself["NLHF, revised", "mean"] == pytest.approx(expected)
    assert itself["NLHF", "mean"] == pytest.approx(0.5)
    assert not refinement.revisions(rows)["method"].astype(str).str.contains("revised").any()


def test_methods_that_are_only_beside_have_rows_and_independent_draws_have_none() -> None:
    figure = drawn(SECTION, annotators())
    (legend,) = figure.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert {"SLHF, independent", "NLHF, without repeats"} <= names
    message = legend.get_title().get_text().replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ")
    assert "NLHF without repeats 1.00, SLHF refined 1.00" in message
    revised = next(axes for axes in figure.axes if axes.get_title() == "revising reference")
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
        "revising reference", "revising RLHF", "revising NLHF", "revising SLHF"
    ]  # fmt: skip
