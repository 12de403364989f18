"""Trained models in tables, sentences and a figure: by hand, from curves written by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from results import report, trainings
from results.rows import RunError, canonical
from results.store import TABLE
from tests.readable import assert_texts_on_page, assert_titles_and_ticks_apart
from tests.recorded import framed, row

CURVES: dict[tuple[str, int], list[tuple[int, float, float, float]]] = {
    # (learner, seed): (step, generated tokens, judge calls, total variation)
    ("rloo", 0): [(0, 0, 0, 0.8), (10, 100, 90, 0.3), (20, 200, 180, 0.1)],
    ("rloo", 1): [(0, 0, 0, 0.6), (10, 110, 90, 0.2), (20, 220, 180, 0.02)],
    ("stackelberg_gda", 0): [(0, 0, 0, 0.5), (10, 300, 40, 0.4), (20, 600, 80, 0.03)],
    ("stackelberg_gda", 1): [(0, 0, 0, 0.7), (10, 310, 40, 0.2), (20, 620, 80, 0.05)],
}


def curves(game: str = "condorcet") -> pd.DataFrame:
    """Two learners, two seeds, three points, and one exact answer beside them."""
    rows = [row("entropy", 0.5, solver="rlhf_exact", params={"tau": 0.1})]
    for (learner, seed), points in CURVES.items():
        slhf = learner == "stackelberg_gda"
        given: dict[str, Any] = {
            "solver": learner,
            "params": {"tau_leader": 0.1, "tau_follower": 0.1} if slhf else {"tau": 0.1},
            "concept": "slhf" if slhf else "rlhf",
            "cell": f"{learner}{seed}",
            "scale": "llm",
            "seed": seed,
            "game": "laddered",
            "game_params": {"game": game, "ratio": 8.0},
        }
        rows.append(row("duality_gap", 0.9, **given))  # of the answer: no step
        for step, tokens, calls, tv in points:
            values = {
                "tv_to_target": tv,
                "duality_gap": tv / 2,
                "off_list_mass": tv / 100,
                "generated_tokens": tokens,
                "judge_calls": calls,
                "optimizer_steps": step,
                "seconds": step / 4,
                **({"follower_tv": 2 * tv / 3} if slhf else {"tv_to_nash": tv + 0.1}),
            }
            rows += [row(name, value, step=step, **given) for name, value in values.items()]
    return framed(rows)


def test_ends_are_means_over_seeds_with_their_interval() -> None:
    table: dict[Any, Any] = trainings.trainings(curves()).set_index("method").to_dict("index")
    assert list(table) == ["rloo (LM)", "stackelberg_gda (LM)"]
    rloo, slhf = table["rloo (LM)"], table["stackelberg_gda (LM)"]
    assert [rloo[name] for name in ("seeds", "start", "end")] == pytest.approx([2, 0.7, 0.06])
    half = student.ppf(0.975, 1) * math.sqrt(2) * 0.04 / math.sqrt(2)
    assert rloo["high"] == pytest.approx(0.06 + half)
    assert rloo["low"] == 0  # cut: a total variation is not negative
    assert math.isnan(rloo["follower_end"])
    assert rloo["to_nash"] == pytest.approx(0.16)
    assert math.isnan(slhf["to_nash"])
    assert slhf["follower_start"] == pytest.approx(0.4)
    assert slhf["follower_end"] == pytest.approx(2 / 3 * 0.04)
    assert slhf["off_list"] == pytest.approx(0.0004)
    spent = [slhf[name] for name in (*trainings.BUDGETS, "optimizer_steps", "seconds")]
    assert spent == [610, 80, 20, 5]


def test_parity_is_read_at_the_last_point_within_the_budget() -> None:
    table = trainings.parity(curves()).set_index(["budget", "method"])
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
    own = (frame["solver"] == "rloo") & frame["metric"].isin(trainings.BUDGETS)
    frame.loc[own, "value"] = 0.0  # like a learner of a data set
    table = trainings.parity(frame).set_index(["budget", "method"])
    assert set(table.index.get_level_values("method")) == {"stackelberg_gda (LM)"}
    assert table.loc[("generated_tokens", "stackelberg_gda (LM)"), "limit"] == 600
    figure = trainings.figure(frame)
    assert len(figure.axes[0].lines) == 2


def test_a_diverged_training_is_told() -> None:
    frame = curves()
    frame.loc[frame["cell"] == "rloo1", "status"] = "diverged"
    table: dict[Any, Any] = trainings.trainings(frame).set_index("method").to_dict("index")
    assert table["rloo (LM)"]["diverged"] == 0.5
    assert table["stackelberg_gda (LM)"]["diverged"] == 0
    rloo, slhf = trainings.findings(frame)
    assert "1 of 2 trainings diverged" in rloo
    assert "diverged" not in slhf


def test_sentences_tell_before_and_after() -> None:
    rloo, slhf = trainings.findings(curves())
    assert "rloo (LM): total variation to its exact answer, mean over 1 games, 0.700 before" in rloo
    assert "0.060 [0.000, 0.568] (n = 2 seeds) after it" in rloo
    assert "to the regularised equilibrium 0.160 [0.000, 0.668] (n = 2 seeds)" in rloo
    assert "the follower's rows 0.400 and 0.027" in slhf
    assert "equilibrium" not in slhf
    assert "said off the list: 0.0005 at most" in slhf


def test_the_figure_has_a_panel_a_game_and_can_be_read() -> None:
    frame = pd.concat([curves(), curves("skew_cycle"), curves("glasgow_govan_2007")])
    figure = trainings.figure(frame.reset_index(drop=True))
    assert_texts_on_page(figure)
    assert_titles_and_ticks_apart(figure)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["condorcet", "skew_cycle", "glasgow_govan_2007"]
    ends = sorted(np.asarray(line.get_ydata())[-1] for line in figure.axes[0].lines)
    assert ends == pytest.approx([0.04, 0.06])


def test_points_of_curves_are_no_answers(tmp_path: Path) -> None:
    frame = curves()
    (tmp_path / "spec.json").write_text(canonical({}))
    frame.to_parquet(tmp_path / TABLE)
    written = report.write(tmp_path).read_text()
    assert "## Where do trained language models end?" in written
    assert (tmp_path / "tables" / "compute_parity.csv").is_file()
    # the gap of the answer is 0.9; points of the curve would pull the mean down
    line = next(x for x in written.splitlines() if "rloo (LM) |" in x and "2 |" in x)
    assert "0.90" in line or "0.9 " in line


def test_without_language_models_there_is_nothing_to_tell() -> None:
    exact = framed([row("entropy", 0.5)])
    for ask in (trainings.trainings, trainings.parity, trainings.findings, trainings.figure):
        with pytest.raises(RunError, match="no language model was trained"):
            ask(exact)
