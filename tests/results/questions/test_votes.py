"""Incentives, round robin and frequency: tables, sentences and what they leave out."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from results.export import text
from results.questions import frequency, incentives, round_robin
from tests.readable import assert_texts_on_page
from tests.readable import drawn as figure_of
from tests.recorded import framed, row, votes


def incentive(value: float, kind: int, solver: str = "rlhf_exact", **fields: Any) -> Any:
    labels = {"type": kind, "report": "A > B"} if not math.isnan(value) else {"type": kind}
    fields = {"experiment": "incentives", "labels": labels, **fields}
    return row("misreport_gain", value, solver=solver, **fields)


def test_gains_are_listed_by_type_and_the_largest_is_shown() -> None:
    rows = incentives.SECTION.rows(votes())
    table: Any = incentives.table(rows)
    lines = table.loc[("condorcet", "tau = 0")].droplevel("n")
    assert lines.index.to_list() == ["0", "1", "2"]
    assert lines["misreport_gain", "RLHF", "mean"].to_list() == pytest.approx([0, 0, 0.5])
    (view, *_) = incentives.SECTION.contents(votes()).views
    shown = text(view.tables["incentives"]).set_index("game").loc["condorcet"]
    assert shown["misreport_gain RLHF"] == "0.500"
    assert shown["misreport_gain NLHF"] == "0.150"
    assert shown["unanswered_share SLHF"] == "0.000"
    assert view.findings[0].startswith(
        "The largest gain of a user type by a misreport: RLHF 0.500 (condorcet), NLHF 0.150"
    )


def test_games_in_which_the_truth_is_best_are_counted() -> None:
    gains = [("a", 0, 0.0), ("a", 1, 0.0), ("b", 0, 0.0), ("b", 1, 0.2), ("c", 0, math.nan)]
    rows = [incentive(value, kind, game=game) for game, kind, value in gains]
    found = incentives.findings(incentives.SECTION.rows(framed(rows)))
    assert found == [
        "The largest gain of a user type by a misreport: RLHF 0.200 (b) (largest of 2 games).",
        "No type gains by a misreport under RLHF in 1 of 2 games.",
    ]


def test_the_best_reports_are_in_a_file() -> None:
    full = incentives.SECTION.contents(votes()).tables["misreports"]
    best = full[(full["method"] == "RLHF") & (full["comparison"] == "tau = 0")]
    assert best["report"].to_list() == ["the truth", "the truth", "A > C > B"]
    assert best["gain"].to_list() == pytest.approx([0, 0, 0.5])


def test_the_matrix_has_a_line_a_player_and_a_column_an_opponent() -> None:
    (view, *_) = round_robin.SECTION.contents(votes()).views
    matrix = view.tables["round_robin"]
    players = ["RLHF", "NLHF", "SLHF", "SLHF, revised", "SLHF, replying"]
    assert matrix.index.to_list() == players
    assert matrix.columns.to_list()[:3] == ["reference", "rlhf", "nlhf"]
    square = matrix.loc[["RLHF", "NLHF", "SLHF"], ["rlhf", "nlhf", "slhf"]].to_numpy(float)
    np.testing.assert_allclose(square + square.T, 1, atol=1e-9)
    assert square[0, 2] == 0.35  # B against A
    assert matrix.loc["SLHF, replying", "rlhf"] == 0.65
    assert "NLHF 0.500 (" in view.findings[0]
    assert view.findings[0].startswith("Lowest mean win rate over 1 game, and the opponent: RLHF")


def game_of(rates: dict[tuple[str, str], float], game: str) -> list[Any]:
    fields: dict[str, Any] = {"experiment": "round_robin", "game": game}
    return [
        row("win_rate", v, solver=s, labels={"role": "answer", "opponent": o}, **fields)
        for (s, o), v in rates.items()
    ]


def test_means_are_over_the_games_in_which_every_entry_exists() -> None:
    pairs = [(s, o) for s in ("rlhf_exact", "nlhf_exact") for o in ("rlhf", "nlhf")]
    rows = game_of(dict(zip(pairs, (0.5, 0.2, 0.8, 0.5), strict=True)), "a")
    rows += game_of(dict(zip(pairs, (0.5, 0.4, 0.6, 0.5), strict=True)), "b")
    rows += game_of(dict(zip(pairs, (0.5, 0.1, math.nan, 0.5), strict=True)), "c")
    described = round_robin.SECTION.rows(framed(rows))
    matrix = round_robin.matrix(described)
    assert matrix.to_numpy(float).tolist() == [[0.5, 0.3], [0.7, 0.5]]
    assert round_robin.findings(described) == [
        "Lowest mean win rate over 2 games, and the opponent: RLHF 0.300 (nlhf), NLHF 0.500 (nlhf)."
    ]
    none = round_robin.SECTION.rows(framed(game_of({pairs[0]: math.nan, pairs[1]: 0.5}, "a")))
    assert round_robin.findings(none) == ["In no game do all answers exist."]


def drawn(metric: str, values: list[float], game: str = "g", **labels: int) -> list[Any]:
    labels = {"answers": 3, "voters": 5, **labels}
    fields: dict[str, Any] = {"experiment": "frequency", "game": game, "labels": labels}
    return [
        row(metric, value, seed=k % 2, context=k // 2, **fields) for k, value in enumerate(values)
    ]


def test_shares_are_over_all_draws_with_wilsons_interval() -> None:
    values = [1.0] * 3 + [0.0] * 17
    rows = drawn("no_condorcet_winner", values) + drawn("condorcet_loser_exists", [1.0] * 20)
    rows += drawn("no_condorcet_winner", [0.0] * 20, "h", voters=7)
    rows += drawn("condorcet_loser_exists", [0.0] * 20, "h", voters=7)
    table: Any = frequency.table(frequency.SECTION.rows(framed(rows)))
    line = table.loc[("g", 3, 5, "20")]
    low, high = binomtest(3, 20).proportion_ci(0.95, "wilson")
    assert line["no_condorcet_winner"].to_list() == pytest.approx([0.15, low, high])
    assert table.loc[("h", 3, 7, "20")]["no_condorcet_winner", "low"] == pytest.approx(0, abs=1e-12)
    assert table.loc[("h", 3, 7, "20")]["no_condorcet_winner", "high"] > 0.1
    assert frequency.findings(frequency.SECTION.rows(framed(rows))) == [
        "No answer beats every other one: 0.000 [0.000, 0.161] of the draws of h up to 0.150 "
        "[0.052, 0.360] of the draws of g.",
        "An answer loses to every other one: 0.000 [0.000, 0.161] of the draws of h up to 1.000 "
        "[0.839, 1.000] of the draws of g.",
    ]


def test_a_game_asked_with_two_solvers_counts_once_and_an_exact_one_has_no_interval() -> None:
    rows = drawn("no_condorcet_winner", [1.0, 0.0])
    twice = pd.concat([framed(rows), framed(rows).assign(solver="slhf_exact", concept="slhf")])
    table: Any = frequency.table(frequency.SECTION.rows(twice.reset_index(drop=True)))
    assert table.index.get_level_values("n").to_list() == ["2"]
    exact: Any = frequency.table(frequency.SECTION.rows(votes()))
    assert exact.index.to_list() == [("condorcet", 3, 0, "exact")]
    cells = text(exact).iloc[0]
    assert cells["no_condorcet_winner"] == "1.000"
    assert cells["condorcet_loser_exists"] == "0.000"


def test_the_heat_map_of_the_round_robin_shows_the_matrix() -> None:
    section = round_robin.SECTION
    figure = figure_of(section, votes())
    (image,) = figure.axes[0].images
    first, *_ = section.views(section.rows(votes())).values()
    means = round_robin.matrix(first)
    assert np.asarray(image.get_array()) == pytest.approx(means.to_numpy())
    written = [text.get_text() for text in figure.axes[0].texts]
    assert len(written) == means.size
    assert written[0] == f"{means.to_numpy()[0, 0]:.2f}".removeprefix("0")
    assert_texts_on_page(figure)


def test_incentives_have_a_figure_of_the_gains() -> None:
    figure = figure_of(incentives.SECTION, votes())
    (axes,) = figure.axes
    assert axes.get_title() == "largest gain of a\nuser type by a misreport"
    assert_texts_on_page(figure)
