"""Trained models in tables, sentences and a figure: by hand, from curves written by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from results import report, style
from results.questions import trainings
from results.rows import RunError, canonical
from results.store import TABLE
from tests.readable import assert_texts_on_page, assert_titles_and_ticks_do_not_overlap
from tests.recorded import curves, framed, row


def rows_of(frame: pd.DataFrame) -> pd.DataFrame:
    return trainings.SECTION.rows(frame)


def ends(values: dict[str, list[list[float]]], **fields: Any) -> pd.DataFrame:
    """Trainings that end at these distances: solver -> one list a seed, with one a prompt."""
    common: dict[str, Any] = {"scale": "llm", "params": {"tau": 0.1}, "step": 10} | fields
    rows = []
    for solver, of_solver in values.items():
        for seed, of_seed in enumerate(of_solver):
            for prompt, v in enumerate(of_seed):
                measured = {"tv_to_target": v, "duality_gap": v, "off_list_mass": 0.0}
                measured |= dict.fromkeys((*trainings.BUDGETS, "optimizer_steps", "seconds"), 1.0)
                where: dict[str, Any] = {
                    "seed": seed,
                    "context": prompt,
                    "cell": f"{solver} {seed}",
                }
                rows += [
                    row(metric, value, solver=solver, **where, **common)
                    for metric, value in measured.items()
                ]
    return framed(rows)


def test_one_failed_training_does_not_decide_the_middle() -> None:
    """The interquartile mean of five seeds leaves the lowest and the highest one out."""
    failed = ends({"egpo": [[0.02], [0.04], [0.06], [0.08], [0.9]]})
    (line,) = trainings.table(rows_of(failed)).to_dict("records")
    assert line["end"] == pytest.approx(0.22)
    assert line["middle"] == pytest.approx(0.06)
    winsorised = [0.04, 0.04, 0.06, 0.08, 0.08]
    error = math.sqrt(sum((v - 0.06) ** 2 for v in winsorised) / (3 * 2))
    assert line["middle_high"] == pytest.approx(0.06 + student.ppf(0.975, 2) * error)
    assert math.isnan(line["sd_prompts"])


def test_seeds_and_prompts_vary_apart() -> None:
    """The interval is over seeds, whose means over prompts do not differ here by much."""
    (line,) = trainings.table(
        rows_of(ends({"egpo": [[0.1, 0.5], [0.11, 0.51], [0.12, 0.52]]}))
    ).to_dict("records")
    assert line["sd_seeds"] == pytest.approx(0.01)
    assert line["sd_prompts"] == pytest.approx(np.std([0.11, 0.51], ddof=1))
    half = student.ppf(0.975, 2) * 0.01 / math.sqrt(3)
    assert line["high"] - line["end"] == pytest.approx(half)


def test_trainings_that_cannot_be_told_apart_share_a_rank() -> None:
    near = [[0.02], [0.05], [0.03], [0.04]]
    values = {"egpo": near, "inpo": [[v + 0.001 * (-1) ** k] for k, (v,) in enumerate(near)]}
    values["dpo"] = [[v + 0.3] for (v,) in near]
    table = trainings.table(rows_of(ends(values))).set_index("method")
    assert table["rank by tv_to_target"].to_dict() == {
        "egpo (LM)": "1", "inpo (LM)": "1", "dpo (LM)": "2"
    }  # fmt: skip
    parity = trainings.parity(rows_of(ends(values)))
    assert "rank by duality_gap" not in parity  # equal tau compares nothing
    at_kl = trainings.parity(rows_of(ends(values, params={"kl": 0.1}))).set_index("method")
    of_dpo = at_kl.loc["dpo (LM)", ["seeds", "rank by duality_gap"]].to_numpy().tolist()
    assert of_dpo == [[4, "2"], [4, "2"]]


def test_ends_are_means_over_seeds_with_the_range_of_two() -> None:
    table: dict[Any, Any] = trainings.table(rows_of(curves())).set_index("method").to_dict("index")
    assert list(table) == ["rloo (LM)", "stackelberg_gda (LM)"]
    rloo, slhf = table["rloo (LM)"], table["stackelberg_gda (LM)"]
    assert [rloo[name] for name in ("seeds", "start", "end")] == pytest.approx([2, 0.7, 0.06])
    assert math.isnan(rloo["low"])
    assert [rloo["least"], rloo["greatest"]] == pytest.approx([0.02, 0.1])
    assert math.isnan(rloo["follower_end"])
    assert rloo["to_nash"] == pytest.approx(0.16)
    assert math.isnan(slhf["to_nash"])
    assert slhf["follower_start"] == pytest.approx(0.4)
    assert slhf["follower_end"] == pytest.approx(2 / 3 * 0.04)
    assert slhf["off_list"] == pytest.approx(0.0004)
    spent = [slhf[name] for name in (*trainings.BUDGETS, "optimizer_steps", "seconds")]
    assert spent == [610, 80, 20, 5]


def test_parity_is_read_at_the_last_point_within_the_budget() -> None:
    table = trainings.parity(rows_of(curves())).set_index(["budget", "method"])
    tokens = table.loc["generated_tokens"]
    # the cheapest training took 200 tokens: one of rloo's is whole, the other cut at step 10
    assert set(tokens["limit"]) == {200.0}
    assert tokens.loc["rloo (LM)", "spent"] == pytest.approx((200 + 110) / 2)
    assert tokens.loc["rloo (LM)", "tv_to_target"] == pytest.approx((0.1 + 0.2) / 2)
    assert tokens.loc["stackelberg_gda (LM)", "tv_to_target"] == pytest.approx(0.6)  # the start
    calls = table.loc["judge_calls"]
    assert set(calls["limit"]) == {80.0}
    assert calls.loc["stackelberg_gda (LM)", "duality_gap"] == pytest.approx(0.02)
    assert calls.loc["rloo (LM)", "duality_gap"] == pytest.approx(0.35)


def test_methods_that_cost_nothing_set_no_budget() -> None:
    frame = curves()
    of_rloo = (frame["solver"] == "rloo") & frame["metric"].isin(trainings.BUDGETS)
    frame.loc[of_rloo, "value"] = 0.0  # like a learner of a data set
    table = trainings.parity(rows_of(frame)).set_index(["budget", "method"])
    assert set(table.index.get_level_values("method")) == {"stackelberg_gda (LM)"}
    assert table.loc[("generated_tokens", "stackelberg_gda (LM)"), "limit"] == 600
    figure = trainings.figure(rows_of(frame))
    assert figure is not None
    assert len(figure.axes[0].lines) == 2


def test_a_diverged_training_is_counted() -> None:
    frame = curves()
    frame.loc[frame["cell"] == "rloo1", "status"] = "diverged"
    table: dict[Any, Any] = trainings.table(rows_of(frame)).set_index("method").to_dict("index")
    assert table["rloo (LM)"]["diverged"] == 0.5
    assert table["stackelberg_gda (LM)"]["diverged"] == 0
    rloo, slhf = trainings.findings(rows_of(frame))
    assert "1 of 2 trainings diverged" in rloo
    assert "diverged" not in slhf


def test_sentences_tell_before_and_after() -> None:
    rloo, slhf = trainings.findings(rows_of(curves()))
    assert "rloo (LM): total variation to its exact answer, mean over 1 game, 0.700 before" in rloo
    assert "0.060 (n = 2: 0.020 to 0.100) after it" in rloo
    assert "to the regularised equilibrium 0.160 (n = 2: 0.120 to 0.200)" in rloo
    assert "the follower's rows 0.400 and 0.027" in slhf
    assert "equilibrium" not in slhf
    assert "said off the list: 0.0005 at most" in slhf


def at_kl(reached: dict[str, list[float]]) -> pd.DataFrame:
    """The curves as of trainings at KL = 0.2 nats; cell -> its KL at the end, for each context."""
    frame = curves()
    learnt = frame["scale"] == "llm"
    frame.loc[learnt, "params"] = canonical({"kl": 0.2})
    ends = []
    for cell, values in reached.items():
        last = frame[(frame["cell"] == cell) & (frame["metric"] == "tv_to_target")].iloc[[-1]]
        first = last.assign(step=0, metric="kl_to_ref", value=0.0)
        several = len(values) > 1
        for k, value in enumerate(values):
            context = k if several else None
            ends.append(last.assign(context=context, metric="kl_to_ref", value=value))
        ends.append(first)
    return pd.concat([frame, *ends], ignore_index=True)


def test_trainings_off_the_kl_asked_are_marked() -> None:
    cells = sorted(set(curves().loc[curves()["scale"] == "llm", "cell"]))
    within, off, mean_within, low = 0.2 * 1.19, 0.2 * 1.21, [0.1, 0.3], 0.2 * 0.79
    rows = at_kl(dict(zip(cells, [[within], [off], mean_within, [low]], strict=True)))
    mask = trainings.off_target(rows)
    assert sorted(set(rows.loc[mask, "cell"])) == [cells[1], cells[3]]
    assert mask[rows["cell"] == cells[1]].all()  # every row of the cell
    assert not trainings.off_target(curves()).any()


def test_a_table_shows_the_kl_reached() -> None:
    cells = sorted(set(curves().loc[curves()["scale"] == "llm", "cell"]))
    frame = at_kl(dict(zip(cells, [[0.2], [0.3], [0.21], [0.19]], strict=True)))
    table = trainings.table(rows_of(frame)).set_index("method")
    assert table["kl_to_ref"].to_list() == pytest.approx([0.25, 0.2])
    assert table["off_target"].to_list() == [0.5, 0]
    rloo, slhf = trainings.findings(rows_of(frame))
    assert rloo.startswith("KL = 0.2 nats, rloo (LM)")
    assert "1 of 2 trainings end more than 20% off the KL asked and are left out" in rloo
    assert "KL asked" not in slhf


def test_the_figure_has_a_panel_a_game_and_can_be_read() -> None:
    frame = pd.concat([curves(), curves("skew_cycle"), curves("glasgow_govan_2007")])
    figure = trainings.figure(rows_of(frame.reset_index(drop=True)))
    assert figure is not None
    assert_texts_on_page(figure)
    assert_titles_and_ticks_do_not_overlap(figure)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["condorcet", "skew cycle", "glasgow govan 2007"]
    ends = sorted(np.asarray(line.get_ydata())[-1] for line in figure.axes[0].lines)
    assert ends == pytest.approx([0.04, 0.06])


def test_points_of_curves_are_no_answers(tmp_path: Path) -> None:
    frame = curves()
    (tmp_path / "spec.json").write_text(canonical({}))
    frame.to_parquet(tmp_path / TABLE)
    written = report.write(tmp_path, "md").read_text()
    assert "## Where do trained language models end?" in written
    assert (tmp_path / "tables" / "compute_parity.csv").is_file()
    # the gap of the answer is 0.9; points of the curve would pull the mean down
    line = next(x for x in written.splitlines() if "rloo (LM) |" in x and "2 |" in x)
    assert "0.90" in line or "0.9 " in line


def test_without_language_models_the_question_is_not_asked() -> None:
    exact = framed([row("entropy", 0.5)])
    assert not trainings.SECTION.has_rows(exact)
    with pytest.raises(RunError, match="no cell of this run measured it"):
        trainings.SECTION.rows(exact)


def test_a_learner_without_a_target_has_curves_and_no_distance() -> None:
    frame = curves()
    answer = trainings.SECTION.contents(frame[frame["metric"] != "tv_to_target"])
    assert answer.tables["trainings"].empty
    assert len(answer.tables["training_curves"]) == 12
    assert answer.views[0].findings == []
    assert trainings.figure(rows_of(frame[frame["metric"] != "tv_to_target"])) is None


def test_trained_methods_have_the_colours_of_their_concepts() -> None:
    figure = trainings.figure(rows_of(curves()))
    assert figure is not None
    rloo, slhf = figure.axes[0].lines
    assert (rloo.get_color(), slhf.get_color()) == (style.COLOURS["rlhf"], style.COLOURS["slhf"])
