"""What the command line prints of a run: which tables, their legend, and what they leave out."""

import math
from typing import Any

import pandas as pd

from results.printed import printed
from tests.recorded import annotators, framed, row


def with_method(solver: str, params: str) -> pd.DataFrame:
    """The run of three annotators, where NLHF at tau = 0.1 was found by another method too."""
    frame = annotators()
    nlhf = frame[(frame["solver"] == "nlhf_exact") & (frame["params"] == '{"tau":0.1}')]
    nlhf = nlhf[nlhf["experiment"].isin(["consistency", "refinement"])]
    return pd.concat([frame, nlhf.assign(solver=solver, params=params)], ignore_index=True)


def methods(table: pd.DataFrame) -> list[str]:
    return [str(method) for method in table.iloc[:, 1]]


def test_the_headline_is_printed_with_its_legend_and_the_rest_named() -> None:
    shown = printed(with_method("nash_md", '{"tau":0.1}'))
    (table,) = shown.tables
    assert list(table.columns[:2]) == ["game", "at tau = 0"]
    assert shown.grouped
    at_kl = "the same methods at KL = 0.05 nats: in the report"
    assert shown.left_out == [at_kl, "nash_md at tau = 0.1: in the report"]
    assert printed(annotators()).left_out == [at_kl]
    assert list(shown.legend)[:4] == ["RLHF", "NLHF", "SLHF", "tau"]
    assert {*table.columns[2:]} <= {*shown.legend}
    assert "KL" not in shown.legend
    assert "undef." not in shown.legend


def test_the_methods_asked_for_stand_beside_the_exact_answers() -> None:
    shown = printed(with_method("mine", '{"source":"0","tau":0.1}'), ["mine"])
    _, second = shown.tables
    assert second.columns[1] == "at tau = 0.1"
    assert methods(second) == ["RLHF", "NLHF", "SLHF", "mine"]
    assert all("mine" not in line for line in shown.left_out)


def test_a_method_without_a_strength_has_the_exact_answers_of_the_headline() -> None:
    shown = printed(with_method("mine", '{"source":"0"}'), ["mine"])
    first, second = shown.tables
    assert second.columns[1] == "at defaults"
    assert methods(second) == [
        "RLHF at tau = 0",
        "NLHF at tau = 0",
        "SLHF at tau = 0",
        "mine",
    ]
    exact = second[second.iloc[:, 1] != "mine"]
    assert exact["gap"].to_list() == first["gap"].to_list()


def test_games_of_one_name_are_told_apart_by_their_parameters() -> None:
    rows = [row("entropy", 0.5, game_params={"epsilon": e}) for e in (-0.1, 0.1)]
    (table,) = printed(framed(rows)).tables
    assert table["game"].to_list() == ["g(epsilon=-0.1)", "g(epsilon=0.1)"]


def test_other_questions_have_their_first_table_with_its_keys_and_legend() -> None:
    labels = {"answers": 3, "voters": 25}
    shares: list[Any] = [
        row(metric, float(c == 0), experiment="frequency", labels=labels, context=c)
        for metric in ("no_condorcet_winner", "condorcet_loser_exists")
        for c in range(4)
    ]
    shown = printed(framed(shares))
    (table,) = shown.tables
    assert list(table.index.names) == ["game", "answers", "voters", "n"]
    assert [*table.columns, "n"] == list(shown.legend)
    assert shown.legend["no_condorcet_winner"] == "1 if no answer beats every other"


def test_without_a_measured_question_the_statuses_are_printed() -> None:
    failed = row("", math.nan, experiment="other", status="error", message="why")
    shown = printed(framed([failed]))
    (table,) = shown.tables
    assert list(table["reason"]) == ["why"]
    assert shown.left_out == []
