"""Which rows are compared, and under which names."""

from typing import Any

import pytest

from results.frames import categories, comparison_of, describe, family_of
from results.headline import headline
from results.rows import COLUMNS, RunError
from tests.recorded import annotators, framed, row


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
    params += [{}]
    rows = describe(framed([row("entropy", 0, params=p) for p in params]))
    assert categories(rows["comparison"]) == [
        "KL = 0.05 nats", "KL = 0.1 nats", "tau = 0", "tau = 9", "tau = 10", "defaults"
    ]  # fmt: skip


def test_a_weight_that_stays_fixed_at_a_kl_is_part_of_the_name() -> None:
    params: list[dict[str, Any]] = [
        {"kl": 0.1},
        {"kl": 0.1, "tau_follower": 0.0},
        {"tau_follower": 0.0, "tau_leader": 0.0},
    ]
    rows = describe(framed([row("entropy", 0, solver="slhf_exact", params=p) for p in params]))
    assert list(rows["method"]) == ["SLHF", "SLHF (tau_follower = 0)", "SLHF"]
    assert list(rows["comparison"]) == ["KL = 0.1 nats", "KL = 0.1 nats", "tau = 0"]


def test_families_are_games_of_drawn_contexts() -> None:
    inside = '{"contexts":200,"families":[{"n":5,"name":"random"},{"name":"mallows"}]}'
    assert family_of("contextual", inside) == "random + mallows"
    assert family_of("contextual", "{}") == "contextual"
    assert family_of("spatial", '{"contexts":9}') == "spatial"
    assert family_of("random", '{"n":5}') == family_of("mine", '{"data":"0123"}') == ""


def test_games_inside_a_game_are_named_as_calls() -> None:
    families = [[{"name": "random", "n": 5}], [{"name": "mallows"}, {"name": "random", "n": 3}]]
    rows = [row("entropy", 0, game="contextual", game_params={"families": f}) for f in families]
    assert categories(describe(framed(rows))["game"]) == [
        "contextual(families=random(n=5))",
        "contextual(families=mallows + random(n=3))",
    ]


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


def test_tables_need_every_column_of_a_row() -> None:
    frame = annotators()
    for column in COLUMNS:
        with pytest.raises(RunError, match=f"lacks the column '{column}'"):
            describe(frame.drop(columns=column))
