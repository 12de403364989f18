"""Tables: what is compared with what, the headline's numbers, and the files."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from results import tables
from results.export import export, latex, markdown, number, text
from results.frames import (
    categories,
    comparison_of,
    comparisons,
    describe,
    main_comparison,
    named,
    only,
)
from results.rows import COLUMNS, Row, RunError
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
    rows = describe(framed([row("entropy", 0, params=p) for p in params]))
    assert categories(rows["comparison"]) == [
        "tau = 0", "tau = 9", "tau = 10", "KL = 0.05 nats", "KL = 0.1 nats"
    ]  # fmt: skip


def test_methods_are_told_apart_by_what_differs() -> None:
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


def test_what_a_language_model_learnt_is_told_apart() -> None:
    rows = [row("entropy", 0, solver="nash_md_pg", params={"tau": 0, "eta": 1})]
    for solver, model in (("nash_md_pg", ""), ("rlhf_exact", ""), ("nash_md_pg", "gpt2")):
        labels = {"model": model} if model else {}
        params = {"tau": 0, "steps": 9}
        rows.append(row("entropy", 1, solver=solver, params=params, labels=labels, scale="llm"))
    found = describe(framed(rows[:3]))
    # a learner's own parameters tell it from no solver: the mark does
    assert list(found["method"]) == ["nash_md_pg", "nash_md_pg (LM)", "RLHF (LM)"]
    assert categories(found["method"]) == ["RLHF (LM)", "nash_md_pg", "nash_md_pg (LM)"]
    table = tables.headline(framed(rows[:2]))
    assert [name for name in table.iloc[:, 1]] == ["nash_md_pg", "nash_md_pg (LM)"]
    several = describe(framed(rows))
    assert list(several["method"])[1:] == ["nash_md_pg (LM)", "RLHF (LM)", "nash_md_pg (LM gpt2)"]


def test_games_are_told_apart_by_what_differs() -> None:
    params = [{"epsilon": -0.1, "n": 3}, {"epsilon": 0.1, "n": 3}]
    rows = [row("entropy", 0, game="three_types", game_params=p) for p in params]
    rows += [row("entropy", 0, game="disc", game_params={"d": 2})]
    told = categories(describe(framed(rows))["game"])
    assert told == ["three_types(epsilon=-0.1)", "three_types(epsilon=0.1)", "disc"]


def test_the_main_comparison_covers_most() -> None:
    rows = [row("entropy", 0, params={"tau": t}) for t in (0.0, 0.1, 1.0)]
    rows += [row("entropy", 0, params={"kl": 0.1}, solver="rlhf_exact")]
    assert main_comparison(describe(framed(rows))) == "tau = 0"
    rows += [row("entropy", 0, params={"tau": 0.1}, solver="rlhf_exact")]
    assert main_comparison(describe(framed(rows))) == "tau = 0.1"
    assert main_comparison(describe(framed(rows)), "KL") == "KL = 0.1 nats"


def beside(iterative: str, tau: float) -> list[Row]:
    """The three concepts at tau = 0 and 0.1, and a method at one tau, in two games."""
    exact = [f"{concept}_exact" for concept in ("rlhf", "nlhf", "slhf")]
    pairs = [(name, t) for name in exact for t in (0.0, 0.1)] + [(iterative, tau)]
    return [
        row("entropy", 0.5, solver=name, params={"tau": t}, game=game, cell=f"{name} {t}")
        for name, t in pairs
        for game in ("g", "h")
    ]


def test_a_method_at_another_tau_does_not_move_the_main_comparison() -> None:
    rows = describe(framed(beside("nash_md", 0.1)))
    assert main_comparison(rows) == "tau = 0"
    assert comparisons(rows) == {"tau = 0": ["RLHF", "NLHF", "SLHF"], "tau = 0.1": ["nash_md"]}
    assert comparisons(describe(framed(beside("nash_md", 0.0)))) == {
        "tau = 0": ["RLHF", "NLHF", "SLHF", "nash_md"]
    }
    alone = describe(framed(beside("nash_md", 0.1)[-4:]))  # no comparison has all three concepts
    assert list(comparisons(alone)) == ["tau = 0.1"]


def test_a_comparison_that_adds_methods_has_figures_of_its_own() -> None:
    frame = framed(beside("nash_md", 0.1))
    assert named("consistency", frame) == {
        "consistency": "tau = 0", "consistency_tau_0.1": "tau = 0.1"
    }  # fmt: skip
    assert list(named("consistency", framed(beside("nash_md", 0.1)[:-2]))) == ["consistency"]
    with pytest.raises(RunError, match="no row of the question 'robustness'"):
        named("robustness", frame)


@pytest.mark.parametrize("question", ["data_sensitivity", "robustness", "refinement"])
def test_a_cell_that_failed_breaks_no_table(question: str) -> None:
    frame = annotators()
    failed = row(
        "", math.nan, experiment=question, game="condorcet", labels={"points": 3}, status="timeout",
        message="took longer than 60 seconds", cell="late",
    )  # fmt: skip
    whole = pd.concat([frame, framed([failed])], ignore_index=True)
    pd.testing.assert_frame_equal(
        getattr(tables, question)(whole), getattr(tables, question)(frame)
    )
    told = tables.statuses(whole).query("status == 'timeout'")
    assert list(told["reason"]) == ["took longer than 60 seconds"]
    with pytest.raises(RunError, match="no cell of this run measured it"):
        getattr(tables, question)(framed([failed]))


def test_an_absent_comparison_lists_those_there_are() -> None:
    with pytest.raises(RunError, match=r"no row at 'tau = 7'; there are: tau = 0$"):
        only(describe(framed([row("entropy", 0)])), "tau = 7")


def test_a_frame_that_is_not_ours_is_refused() -> None:
    with pytest.raises(RunError, match="lacks the column 'run'"):
        tables.consistency(pd.DataFrame({"value": [1.0]}))
    with pytest.raises(RunError, match="no row of the question 'robustness'"):
        tables.robustness(framed([row("entropy", 0)]))
    with pytest.raises(RunError, match="no row in the frame"):
        tables.headline(framed([]))


def test_consistency_has_a_line_a_method_and_a_column_a_metric() -> None:
    table: Any = tables.consistency(annotators())
    assert table.index.names == ["game", "comparison", "method", "n"]
    rlhf = table.loc[("condorcet", "tau = 0", "RLHF", "exact")]
    assert rlhf["duality_gap", "mean"] == pytest.approx(0.3, abs=1e-9)  # A beats B by .65
    assert rlhf["leader_value", "mean"] == pytest.approx(0.35)
    assert rlhf["clone_shift", "mean"] == pytest.approx(1)
    nlhf = table.loc[("condorcet", "tau = 0", "NLHF", "exact")]
    assert nlhf["self_agreement", "mean"] == pytest.approx(0.5**2 + 0.2**2 + 0.3**2)
    slhf = table.loc[("condorcet", "tau = 0", "SLHF", "exact")]
    assert slhf["leader_value", "mean"] == pytest.approx(0.4)
    at_kl = table.xs("KL = 0.05 nats", level="comparison")
    assert at_kl["kl_to_ref", "mean"].to_list() == pytest.approx([0.05] * 3)
    assert (at_kl["tau", "mean"] > 0).all()
    assert "condorcet_mass" not in table.columns.get_level_values("metric")


def test_data_sensitivity_has_a_line_a_change() -> None:
    table: Any = tables.data_sensitivity(annotators())
    known = table.loc[("condorcet", "tau = 0", "known", math.inf)]["shift"]
    # without A-B and without A-C: B stays, A wins; without B-C: C wins
    assert known["RLHF", "mean"].droplevel("n")["no A-B"] == 0
    assert known["RLHF", "mean"].droplevel("n")["no A-C"] == 1
    assert known["RLHF", "mean"].droplevel("n")["no B-C"] == 1
    assert known[["NLHF", "SLHF"]].abs().max(axis=None) < 1e-9
    estimated = table.loc[("condorcet", "tau = 0", "estimated", math.inf, "no A-C", "exact")]
    # papers.md 1.3: NLHF goes from (.5, .2, .3) to (.625, 0, .375), SLHF stays at A
    assert estimated["shift", "NLHF", "mean"] == pytest.approx(0.2)
    assert estimated["shift", "SLHF", "mean"] == 0
    assert estimated["unseen_share", "all", "mean"] == pytest.approx(1 / 3)
    assert ("shift", "RLHF (filled)", "mean") in table.columns


def test_drawn_cells_come_with_an_interval_and_exact_ones_without() -> None:
    table: Any = tables.data_sensitivity(annotators())
    drawn = table.loc[("condorcet", "tau = 0.1", "estimated", 300.0, "none", "2")]["shift", "NLHF"]
    assert drawn["low"] <= drawn["mean"] <= drawn["high"]
    exact = table.loc[("condorcet", "tau = 0.1", "estimated", math.inf, "none", "exact")]
    assert exact["shift", "NLHF"].isna()[["low", "high"]].all()


def test_robustness_has_a_line_a_point_and_the_largest_step_at_the_end() -> None:
    table: Any = tables.robustness(annotators())
    path = table.loc[("condorcet", "tau = 0", "cyclic")].droplevel("n")
    assert path.index.to_list() == [0, 0.25, 0.5, 0.75, 1]
    steps = path["largest_shift", "RLHF", "mean"]
    assert steps.notna().to_list() == [False] * 4 + [True]
    assert path["cyclic_share", "all", "mean"].to_list() == sorted(
        path["cyclic_share", "all", "mean"]
    )
    assert "annotators, type 2" in table.index.get_level_values("path")


def test_refinement_tells_how_answers_are_made() -> None:
    table: Any = tables.refinement(annotators()).droplevel(["n", "route"])["seen_favourite"]
    here = ("condorcet", "tau = 0", "all", 3)
    assert table.loc[(*here, "refined"), ("SLHF", "mean")] == pytest.approx(1)
    nlhf = sum(s * (1 - (1 - p) ** 3) for s, p in [(0.4, 0.5), (0.35, 0.2), (0.25, 0.3)])
    assert table.loc[(*here, "independent"), ("NLHF", "mean")] == pytest.approx(nlhf)
    assert math.isnan(table.loc[(*here, "refined"), ("NLHF", "mean")])


def test_revisions_are_read_by_leader() -> None:
    table: Any = tables.revisions(annotators()).droplevel("n")["refinement_win_rate"]
    # the SLHF leader answers A; its follower replies C, preferred by .35 + .25
    here = ("condorcet", "tau = 0", "SLHF")
    assert table.loc[here, ("SLHF", "mean")] == pytest.approx(0.6)
    assert table.loc[here, ("RLHF", "mean")] == pytest.approx(0.35)  # B against A


def test_statuses_are_counted_in_shares_with_a_reason() -> None:
    bad: dict[str, Any] = {"status": "undefined", "message": "the maximum is infinite"}
    rows = [row("entropy", 0.1), row("entropy", 0.2), row("gap", 0.3), row("x", math.nan, **bad)]
    table: Any = tables.statuses(framed(rows)).set_index("status")
    assert table.loc["ok", "share"] == 0.75
    assert table.loc["undefined", "rows"] == 1
    assert table.loc["undefined", "reason"] == "the maximum is infinite"


def test_skipped_rows_are_not_undefined_ones() -> None:
    skipped: dict[str, Any] = {
        "status": "skipped",
        "message": "no population",
        "experiment": "refinement",
    }
    rows = framed([row("seen_favourite", math.nan, **skipped)])
    with pytest.raises(RunError, match="no cell of this run measured it"):
        tables.refinement(rows)


def test_the_headline_tells_the_story() -> None:
    table: Any = tables.headline(annotators())
    told: Any = table.set_index("at tau = 0").drop(columns=["game", "value", "ok"])
    head = ["answer", "entropy", "gap", "Smith", "shift", "(est.)", "fav@3", "n"]
    assert told.columns.to_list() == head
    assert " ".join(told.loc["RLHF"]) == "B 1.00 0.00 0.30 1.00 1.00 1.00 0.35 exact"
    assert " ".join(told.loc["NLHF"]) == "A 0.50 1.03 0.00 1.00 0.00 0.50 0.69 exact"
    assert " ".join(told.loc["SLHF"]) == "A 1.00 0.00 0.20 1.00 0.00 1.00 1.00 exact"
    assert table["value"].to_list()[::2] == ["0.35", "0.40"]
    assert set(table.columns) >= tables.MEANING.keys()
    assert max(len(line) for line in table.to_string(index=False).splitlines()) <= 120


def test_the_headline_is_of_one_comparison() -> None:
    table: Any = tables.headline(annotators(), "tau = 0.1").set_index("at tau = 0.1")
    assert table.loc["SLHF", "answer"] == "A 0.50"  # papers.md 1.3: (.5002, .3543, .1455)
    assert tables.headline(annotators(), "KL = 0.05 nats")["entropy"].nunique() == 1


@pytest.mark.parametrize(
    ("p", "words"),
    [
        ({"A": 0.2, "B": 0.8}, "B 0.80"),
        ({"A": 0.5, "B": 0.5}, "2-way tie 0.50"),
        ({"A": 0.4, "a very long answer": 0.6}, "a very long… 0.60"),
        ({"A": math.nan, "B": math.nan}, "undef."),
    ],
)
def test_the_likeliest_answer(p: dict[str, float], words: str) -> None:
    rows = [row("probability", v, labels={"action": name}) for name, v in p.items()]
    assert tables.headline(framed(rows))["answer"].to_list() == [words]


def test_answers_that_differ_between_contexts_are_said_to_vary() -> None:
    rows = [
        row("probability", v, labels={"action": name}, context=c)
        for c, name, v in [(0, "A", 0.9), (0, "B", 0.1), (1, "A", 0.3), (1, "B", 0.7)]
    ]
    assert tables.headline(framed(rows))["answer"].to_list() == ["varies 0.80"]


def test_the_headline_marks_what_exists_in_part() -> None:
    gone: dict[str, Any] = {"value": math.nan, "status": "undefined"}
    rows: list[Row] = [row("entropy", 0.5, seed=0), row("entropy", seed=1, **gone)]
    rows += [row("duality_gap", seed=s, **gone) for s in (0, 1)]
    rows += [row("clone_shift", math.nan, status="skipped", message="too many answers")]
    (line,) = tables.headline(framed(rows)).to_dict("records")
    assert (line["entropy"], line["gap"], line["shift"]) == ("0.50*", "undef.", "-")
    assert (line["n"], line["ok"]) == ("2", "25%")


def test_cells_say_interval_and_gaps() -> None:
    rows = [row("entropy", v, seed=k) for k, v in enumerate([0.2, 0.4])]
    rows += [row("leader_value", v, seed=k) for k, v in enumerate([0.31, 0.32])]
    rows += [row("self_agreement", v, seed=k) for k, v in enumerate([0.5, math.nan])]
    rows += [row("duality_gap", math.nan, seed=k) for k in (0, 1)]
    rows += [row("entropy", 0.1, seed=k, game="h") for k in (0, 1)]
    shown = text(tables.consistency(framed(rows))).set_index("game")
    assert shown.loc["g", "entropy"] == "0.300 [0.000, 1.571]"
    assert shown.loc["g", "leader_value"] == "0.315 [0.251, 0.379]"
    assert shown.loc["g", "self_agreement"] == "0.500 (50% defined)"
    assert shown.loc["g", "duality_gap"] == "undefined"
    assert shown.loc["h", "entropy"] == "0.100"
    assert shown.loc["h", "duality_gap"] == "-"
    assert shown["n"].to_list() == ["2", "2"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.25, "0.250"), (-1e-17, "0.000"), (3e-5, "3.0e-05"), (-1e-9, "0.000"), (12345.6, "1.2e+04")],
)
def test_numbers_are_short_and_never_minus_zero(value: float, words: str) -> None:
    assert number(value) == words


def test_csv_and_parquet_hold_the_numbers_in_full(tmp_path: Path) -> None:
    table: Any = tables.data_sensitivity(annotators())
    csv = pd.read_csv(export(table, tmp_path / "deep" / "t.csv"))
    parquet = pd.read_parquet(export(table, tmp_path / "t.parquet"))
    assert csv.columns.to_list() == parquet.columns.to_list()
    assert csv.columns[:6].to_list() == [*table.index.names[:5], "n"]
    assert {"shift NLHF", "shift NLHF low", "unseen_share all"} <= set(csv.columns)
    for read in (csv, parquet):
        assert read["shift NLHF"].to_numpy() == pytest.approx(
            table["shift", "NLHF", "mean"].to_numpy(), nan_ok=True, abs=0
        )


def test_markdown_and_latex_escape_what_users_write(tmp_path: Path) -> None:
    table = pd.DataFrame({"na|me": ["50% of $x_1$ & <b>", "a|b\\c"], "value": [0.5, -1.0]})
    lines = markdown(table).splitlines()
    assert lines[0] == "| na\\|me | value |"
    assert lines[1] == "| :-- | --: |"
    assert lines[2] == "| 50% of $x_1$ & &lt;b> | 0.5 |"
    assert lines[3] == "| a\\|b\\\\c | -1 |"
    tex = latex(table).splitlines()
    assert tex[0] == r"\begin{tabular}{lr}"
    assert [tex[1], tex[3], tex[-2]] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert tex[4] == r"50\% of \$x\_1\$ \& \textless{}b\textgreater{} & 0.5 \\"
    assert export(table, tmp_path / "t.md").read_text(encoding="utf-8") == markdown(table)
    assert export(table, tmp_path / "t.tex").read_text(encoding="utf-8") == latex(table)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"t\.xlsx: unknown suffix '\.xlsx'; use \.csv"):
        export(pd.DataFrame({"a": [1]}), tmp_path / "t.xlsx")


def test_tables_need_every_column_of_a_row() -> None:
    frame = annotators()
    for column in COLUMNS:
        with pytest.raises(RunError, match=f"lacks the column '{column}'"):
            describe(frame.drop(columns=column))
