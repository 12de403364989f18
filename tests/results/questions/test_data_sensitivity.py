"""Changes of the sampling: a line a change, intervals where something is drawn, two figures."""

import math
from typing import Any

import pytest

from results import style
from results.questions import data_sensitivity
from tests.readable import dots, drawn
from tests.recorded import annotators, framed, row

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


def test_cells_of_two_seeds_come_with_their_range_and_exact_ones_without() -> None:
    drawn_cells = table().loc[("condorcet", "tau = 0.1", "estimated", 300.0, "none", "2")]
    shift = drawn_cells["shift", "NLHF"]
    assert shift["least"] <= shift["mean"] <= shift["greatest"]
    exact = table().loc[("condorcet", "tau = 0.1", "estimated", math.inf, "none", "exact")]
    assert exact["shift", "NLHF"].isna()[["least", "greatest"]].all()


def test_sentences_are_computed_from_the_rows() -> None:
    (view, *_) = SECTION.contents(annotators()).views
    with_p_known, estimated, imputed, agreement, drawn_shift, *_ = view.findings
    assert with_p_known == (
        "P known: the answer moves with RLHF in 1 of 1 game, NLHF in 0 of 1 game, SLHF in 0 of 1 "
        "game; by at most RLHF 1.000 (condorcet), NLHF 0.000, SLHF 0.000 (largest of 1 game). "
        "NLHF and SLHF never read which pairs were compared: their 0 is arithmetic."
    )
    ending = "NLHF 0.500 (condorcet), SLHF 1.000 (condorcet) (largest of 1 game)."
    assert estimated.endswith(ending)
    # without B-C or A-B the answer changes more than without A-C
    assert imputed.startswith("P estimated, one pair never compared: what is imputed for it moves")
    assert imputed.endswith(ending)
    assert agreement.startswith("P estimated: two data sets of 300 comparisons agree (1 - total")
    assert agreement.endswith("(mean of 1 game).")
    assert drawn_shift.startswith("From 300 comparisons, P estimated, shift of RLHF less that of")
    assert "(mean, 95% interval): NLHF " in drawn_shift


def test_paired_differences_say_their_set_and_claim_no_interval_without_variation() -> None:
    """Every variant of RLHF against every variant of the others, on pairs that both have."""
    rows = []
    for solver, how, params, values in (
        ("rlhf_exact", {}, {"kl": 0.1}, [0.5, 0.6, 0.7]),
        ("rlhf_exact", {"unseen": "filled"}, {"kl": 0.1}, [0.5, 0.6, 0.7]),
        ("nlhf_exact", {}, {"kl": 0.1}, [0.2, 0.3, 0.4]),
        ("slhf_exact", {}, {"kl": 0.1}, [0.4, 0.4, math.nan]),
        ("slhf_exact", {}, {"kl": 0.1, "tau_follower": 0.0}, [0.5, 0.6, 0.8]),
    ):
        labels = {"setting": "estimated", "change": "none", "n_comparisons": 30, **how}
        fields: dict[str, Any] = {"experiment": "data_sensitivity", "solver": solver}
        for game in ("g", "h"):
            missing = game == "h" and solver == "nlhf_exact"
            rows += [
                row("shift", math.nan if missing else v, seed=k, game=game, params=params,
                    labels=labels, **fields)
                for k, v in enumerate(values)
            ]  # fmt: skip
    rlhf, filled = data_sensitivity.findings(SECTION.rows(framed(rows)))[-2:]
    assert rlhf.startswith("From 30 comparisons, P estimated, shift of RLHF less that of another")
    assert "NLHF +0.300 (all 3 alike, 1 game); " in rlhf
    assert "SLHF +0.150 (n = 2: +0.100 to +0.200, 2 games); " in rlhf
    assert "SLHF (tau_follower = 0) -0.033 [" in rlhf
    assert filled.startswith("From 30 comparisons, P estimated, shift of RLHF (filled) less")


def test_shifts_are_those_of_unlimited_data_above_and_of_few_comparisons_below() -> None:
    missing, sampled, estimated, _, few, agreement, regret = drawn(SECTION, annotators()).axes
    rlhf, nlhf, slhf = (style.COLOURS[c] for c in ("rlhf", "nlhf", "slhf"))
    assert dots(missing, rlhf, "s") == dots(sampled, rlhf, "s") == [1]
    assert dots(missing, nlhf, "o") == pytest.approx([0], abs=1e-9)
    assert dots(estimated, nlhf, "o") == pytest.approx([0.5])
    assert dots(estimated, slhf, "^") == [1]
    assert estimated.get_title() == "one pair is never\ncompared,\npreferences estimated"
    assert [axes.get_ylabel() for axes in (few, agreement, regret)] == [
        "shift\n(total variation)", "agreement\nhigher is better", "regret\nlower is better"
    ]  # fmt: skip
    assert [label.get_text() for label in regret.get_xticklabels()] == ["300"]


def test_without_few_comparisons_there_is_one_band() -> None:
    frame = annotators()
    known = frame[(frame["labels"].str.contains("known")) | (frame["experiment"] == "consistency")]
    axes = drawn(SECTION, known).axes
    assert [a.get_xlabel() for a in axes] == ["total variation"] * len(axes)
    assert len(axes) == 2


def test_one_line_a_number_of_comparisons_and_preference_model() -> None:
    base: dict[str, Any] = {"experiment": "data_sensitivity", "game": "g"}
    rows = [
        row(
            metric,
            value * (2 if estimator else 1) / size,
            seed=seed,
            solver=f"{concept}_exact",
            labels={
                "setting": "estimated", "change": "none", "n_comparisons": size,
                **({"estimator": estimator} if estimator else {}),
            },
            **base,
        )
        for metric in ("shift", "regret", "agreement")
        for concept, value in (("rlhf", 3.0), ("nlhf", 2.0), ("slhf", 1.0))
        for size in (10, 100)
        for estimator in ("", {"name": "general", "dim": 2})
        for seed in (0, 1)
    ]  # fmt: skip
    frame = framed(rows)
    ((view,), tables) = (SECTION.contents(frame).views, SECTION.contents(frame).tables)
    counts: Any = tables["data_sensitivity_by_comparisons"]
    line = counts.loc[("g", "tau = 0", "estimated by general(dim=2)", 100.0, "2", "1 of 1")]
    assert line["regret", "NLHF", "mean"] == pytest.approx(2 * 2 / 100)
    assert len(counts) == 4
    settings = [text.partition(":")[0] for text in view.findings if "agree" in text]
    assert settings == ["P estimated"] * 2 + ["P estimated by general(dim=2)"] * 2
    # the summaries of a run are about the observed win rates alone
    missing = data_sensitivity.missing_pairs(SECTION.rows(frame))
    assert missing.empty
