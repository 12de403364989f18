"""Which rows are compared, and under which names."""

from typing import Any

import pytest

from results.frames import (
    categories,
    comparison_of,
    comparisons_to_show,
    describe,
    main_comparison,
    select_comparison,
)
from results.headline import headline
from results.rows import COLUMNS, RunError
from tests.recorded import annotators, framed, row, with_exact_concepts


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ('{"tau":0}', "tau = 0"),
        ('{"ridge":0.5,"tau":0.1}', "tau = 0.1"),
        ('{"tau_follower":0.1,"tau_leader":0.1}', "tau = 0.1"),
        ('{"tau_follower":0.01,"tau_leader":1}', "tau_follower = 0.01, tau_leader = 1"),
        ('{"kl":0.05}', "KL = 0.05 nats"),
        ("{}", "defaults"),
    ],
)
def test_only_equal_weights_are_one_comparison(params: str, words: str) -> None:
    assert comparison_of(params) == words


def test_comparisons_are_ordered_by_kind_and_number() -> None:
    params: list[dict[str, Any]] = [{"kl": 0.1}, {"tau": 10}, {"tau": 9}, {"kl": 0.05}, {"tau": 0}]
    rows = describe(framed([row("entropy", 0, params=p) for p in params]))
    assert categories(rows["comparison"]) == [
        "tau = 0", "tau = 9", "tau = 10", "KL = 0.05 nats", "KL = 0.1 nats"
    ]  # fmt: skip


def test_methods_are_named_by_what_differs() -> None:
    rows = describe(
        framed(
            [
                row("entropy", 0, solver="my_method", params={"tau": 0, "eta": 2}),
                row("entropy", 0, solver="slhf_exact", params={"tau_leader": 0, "x": 1}),
                row("entropy", 0, solver="rlhf_exact", params={"tau": 0, "ridge": 0}),
                row("entropy", 0, solver="rlhf_exact", params={"tau": 0, "ridge": 0.5}),
                row("entropy", 0, solver="rlhf_exact", labels={"unseen": "filled"},
                    params={"tau": 0, "ridge": 0}),
            ]
        )
    )  # fmt: skip
    assert categories(rows["method"]) == [
        "RLHF(ridge=0)", "RLHF(ridge=0) (filled)", "RLHF(ridge=0.5)", "SLHF", "my_method"
    ]  # fmt: skip


def test_what_a_language_model_learnt_is_marked() -> None:
    rows = [row("entropy", 0, solver="nash_md_pg", params={"tau": 0, "eta": 1})]
    for solver, model in (("nash_md_pg", ""), ("rlhf_exact", ""), ("nash_md_pg", "gpt2")):
        labels = {"model": model} if model else {}
        params = {"tau": 0, "steps": 9}
        rows.append(row("entropy", 1, solver=solver, params=params, labels=labels, scale="llm"))
    rows_with_mark = describe(framed(rows[:3]))
    # a learner's parameters do not distinguish it from a solver; the mark does
    assert list(rows_with_mark["method"]) == ["nash_md_pg", "nash_md_pg (LM)", "RLHF (LM)"]
    assert categories(rows_with_mark["method"]) == ["RLHF (LM)", "nash_md_pg", "nash_md_pg (LM)"]
    table = headline(framed(rows[:2]))
    assert [name for name in table.iloc[:, 1]] == ["nash_md_pg", "nash_md_pg (LM)"]
    several = describe(framed(rows))
    assert list(several["method"])[1:] == ["nash_md_pg (LM)", "RLHF (LM)", "nash_md_pg (LM gpt2)"]


def test_games_are_named_by_what_differs() -> None:
    params = [{"epsilon": -0.1, "n": 3}, {"epsilon": 0.1, "n": 3}]
    rows = [row("entropy", 0, game="three_types", game_params=p) for p in params]
    rows += [row("entropy", 0, game="disc", game_params={"d": 2})]
    games = categories(describe(framed(rows))["game"])
    assert games == ["three_types(epsilon=-0.1)", "three_types(epsilon=0.1)", "disc"]


def test_the_main_comparison_covers_most() -> None:
    rows = [row("entropy", 0, params={"tau": t}) for t in (0.0, 0.1, 1.0)]
    rows += [row("entropy", 0, params={"kl": 0.1}, solver="rlhf_exact")]
    assert main_comparison(describe(framed(rows))) == "tau = 0"
    rows += [row("entropy", 0, params={"tau": 0.1}, solver="rlhf_exact")]
    assert main_comparison(describe(framed(rows))) == "tau = 0.1"
    assert main_comparison(describe(framed(rows)), "KL") == "KL = 0.1 nats"


def test_a_method_at_another_tau_does_not_move_the_main_comparison() -> None:
    rows = describe(framed(with_exact_concepts("nash_md", 0.1)))
    assert main_comparison(rows) == "tau = 0"
    assert comparisons_to_show(rows) == {
        "tau = 0": ["RLHF", "NLHF", "SLHF"],
        "tau = 0.1": ["nash_md"],
    }
    assert comparisons_to_show(describe(framed(with_exact_concepts("nash_md", 0.0)))) == {
        "tau = 0": ["RLHF", "NLHF", "SLHF", "nash_md"]
    }
    slhf_and_nash_md = with_exact_concepts("nash_md", 0.1)[-4:]
    alone = describe(framed(slhf_and_nash_md))
    assert list(comparisons_to_show(alone)) == ["tau = 0.1"]


def test_an_absent_comparison_lists_those_that_exist() -> None:
    with pytest.raises(RunError, match=r"no row at 'tau = 7'; expected one of: tau = 0$"):
        select_comparison(describe(framed([row("entropy", 0)])), "tau = 7")


def test_tables_need_every_column_of_a_row() -> None:
    frame = annotators()
    for column in COLUMNS:
        with pytest.raises(RunError, match=f"lacks the column '{column}'"):
            describe(frame.drop(columns=column))
