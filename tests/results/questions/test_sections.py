"""What holds for every question: which rows it takes, its views, what its columns mean."""

import ast
import fnmatch
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.colors import is_color_like

from results import style
from results.evidence import statuses
from results.frames import comparison_in
from results.questions import SECTIONS, consistency, data_sensitivity, refinement, robustness
from results.questions.layout import meanings_of_keys
from results.questions.section import Section
from results.rows import Row, RunError
from tests.recorded import annotators, curves, framed, row, votes, with_exact_concepts

COMPARED = [section for section in SECTIONS if section.compared]
KEYS = {
    "game", "comparison", "method", "seed", "context", "contexts", "step", "iterate", "solver",
    "nash_tau", "route", "budget", "group", "benchmark",
}  # fmt: skip


def paths_of_rows() -> pd.DataFrame:
    """Rows by hand of every question that follows methods, two methods each."""
    rows: list[Row] = []
    for name in ("egpo", "nash_md"):
        common: dict[str, Any] = {"solver": name, "concept": "nlhf", "params": {"tau": 0.1}}
        for step in range(4):
            at_step = {**common, "experiment": "convergence", "step": step}
            rows += [row(m, 1.0 + step, **at_step) for m in ("seconds", "oracle_calls")]
            for metric in ("regularised_gap", "kl_to_target", "tv_to_target", "duality_gap"):
                rows.append(row(metric, 10.0**-step, labels={"iterate": "last"}, **at_step))
        limits = {"eta": 0.4, "route": "predicted"}
        rows.append(row("step_limit", 2.0, experiment="convergence", labels=limits, **common))
        stable: dict[str, Any] = {**common, "experiment": "stability"}
        rows.append(row("omega", 0.1, **stable))
        for route, value in (("predicted", 2.0), ("observed", 2.1)):
            rows.append(row("step_limit", value, labels={"route": route}, **stable))
        for share, value in ((0.95, 1e-9), (1.05, 0.1)):
            rows.append(row("kl_to_target", value, labels={"of_limit": share}, **stable))
        for route in ("target", "last", "average"):
            labels = {"route": route, "nash_tau": 0.1}
            rows.append(row("tv_to_nash", 0.2, experiment="fixed_points", labels=labels, **common))
    for metric in ("score_gap", "true_score", "proxy_win_rate", "win_rate_over_ref", "kl_to_ref"):
        labels = {"estimator": "bradley_terry", "n_comparisons": 30}
        fitted: dict[str, Any] = {"experiment": "over_optimisation", "labels": labels}
        for kl in (0.1, 0.3):
            rows.append(row(metric, 0.5, params={"kl": kl}, **fitted))
            rows.append(row(metric, 0.4, solver="rlhf_exact", params={"kl": kl}, **fitted))
    for metric, value in (("newton_steps", 4), ("regularised_gap", 1e-16), ("seconds", 0.1)):
        rows.append(row(metric, value, experiment="convergence", params={"tau": 0.1}))
    slow: dict[str, Any] = {"solver": "slow", "concept": "slhf", "params": {"tau": 0.1, "kappa": 2}}
    slow["experiment"] = "convergence"
    for iterate in ("last", "average"):
        labels = {"iterate": iterate}
        rows.append(row("tv_to_target", 0.1, step=3, labels=labels, **slow))
        rows.append(row("kl_to_target", 0.1, step=3, labels=labels, **slow))
    rows.append(row("seconds", 0.1, step=3, **slow))
    rows.append(row("oracle_calls", 3, step=3, **slow))
    rows.append(row("row_tv", 0.3, step=3, labels={"action": "a"}, **slow))
    kind = {"answers": 3, "per_pair": 20, "nu": 0, "copies": 1}
    for metric in ("rejection_rate", "p_value", "cycle_rate", "interval_coverage", "set_coverage"):
        rows.append(row(metric, 0.5, experiment="calibration", labels=kind, params={"tau": 0.1}))
    for statistic in ("min", "median", "max"):
        timed = {"statistic": statistic}
        rows.append(row("seconds", 1.0, solver="b", params={}, experiment="speed", labels=timed))
    rows.append(row("rounds", 5, solver="b", params={}, experiment="speed",
                    labels={"statistic": "reported"}))  # fmt: skip
    return framed(rows)


def rows_for(section: Section) -> pd.DataFrame:
    """A frame that asks the question."""
    frames = (annotators(), votes(), curves(), paths_of_rows())
    (first, *_) = [frame for frame in frames if section.has_rows(frame)]
    return first


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_every_column_of_every_table_has_a_meaning_in_one_place(section: Section) -> None:
    answer = section.contents(rows_for(section))
    for table in section.tables:
        full = answer.tables[table.name]
        assert len(full), table.name
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        pivoted = full.columns.names[-1] == "statistic"
        used = set(full.columns.get_level_values("metric")) if pivoted else set(full) - KEYS
        for name in used:
            known = [*names, *meanings_of_keys(full)]
            assert any(fnmatch.fnmatchcase(str(name), pattern) for pattern in known), name
        for column in table.columns:
            assert column.meaning


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_section_is_data_and_says_how_to_read_it(section: Section) -> None:
    answer = section.contents(rows_for(section))
    for view in answer.views:
        texts = [section.title, section.reading, section.expected, *view.findings]
        assert all(text and text[-1] in ".?" for text in texts)
        assert not any(sign in text for text in texts for sign in ("](", "\n", "**", "##"))
        assert set(view.tables) == {table.name for table in section.tables if table.shown}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_question_is_asked_where_it_was_measured(section: Section) -> None:
    experiment = section.experiment or section.name
    skipped = row("x", math.nan, experiment=experiment, status="skipped", message="why")
    failed = row("", math.nan, experiment=experiment, status="error", message="why")
    other = row("entropy", 0.5, experiment="another")
    for rows in ([skipped, other], [failed, other]):
        assert not section.has_rows(framed(rows))
        with pytest.raises(RunError, match="no cell of this run measured it"):
            section.rows(framed(rows))
    with pytest.raises(RunError, match=f"no row of the question '{experiment}'"):
        section.rows(framed([other]))
    with pytest.raises(RunError, match="lacks the column 'run'"):
        section.rows(pd.DataFrame({"value": [1.0]}))


def test_a_comparison_that_adds_methods_is_a_view() -> None:
    section = consistency.SECTION
    views = section.views(section.rows(framed(with_exact_concepts("nash_md", 0.1))))
    assert {name: comparison_in(rows) for name, rows in views.items()} == {
        "consistency": "tau = 0", "consistency_tau_0.1": "tau = 0.1"
    }  # fmt: skip


def test_equal_temperature_is_a_view_without_sentences() -> None:
    section = consistency.SECTION
    exact = with_exact_concepts("nash_md", 0.1)[:-2]
    exact += [replace(r, metric="self_agreement") for r in exact]
    contents = section.contents(framed(exact))
    assert [view.comparison for view in contents.views] == ["tau = 0", "tau = 0.1"]
    assert contents.views[0].findings
    assert contents.views[1].findings == []
    assert len(contents.views[1].tables["consistency"])


def test_entropy_is_not_shown_at_equal_kl() -> None:
    section = consistency.SECTION
    views = section.views(section.rows(annotators()))
    assert list(views) == ["consistency", "consistency_KL_0.05_nats", "consistency_tau_0.1"]
    assert "entropy" not in set(views["consistency_KL_0.05_nats"]["metric"])
    assert "entropy" in set(views["consistency_tau_0.1"]["metric"])


@pytest.mark.parametrize(
    "question", [data_sensitivity, robustness, refinement], ids=lambda module: module.SECTION.name
)
def test_a_cell_that_failed_breaks_no_table(question: Any) -> None:
    section: Section = question.SECTION
    failed = row(
        "", math.nan, experiment=section.name, game="condorcet", labels={"points": 3},
        status="timeout", message="took longer than 60 seconds", cell="late",
    )  # fmt: skip
    whole = pd.concat([annotators(), framed([failed])], ignore_index=True)
    pd.testing.assert_frame_equal(
        question.table(section.rows(whole)), question.table(section.rows(annotators()))
    )
    late = statuses(whole).query("status == 'timeout'")
    assert list(late["reason"]) == ["took longer than 60 seconds"]


_FIGURES = Path(style.__file__).parent.glob("*.py")


def colours_in(path: Path) -> set[str]:
    """Strings of a source file that matplotlib reads as colours, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    words = {text for text in texts if re.search("[#A-Za-z].", text)}  # no markers, no numbers
    return {text for text in words if is_color_like(text)} - {"none"}


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in (*Path(consistency.__file__).parent.glob("*.py"), *_FIGURES)
        if path != Path(style.__file__)
    ],
    ids=lambda path: path.stem,
)
def test_no_figure_has_colours_of_its_own(path: Path) -> None:
    assert colours_in(path) == set()


@pytest.mark.parametrize("code", ["'#0072B2'", "f(color='white')", "x = ('tab:blue', 'C0')"])
def test_the_scan_finds_colours(code: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    assert colours_in(tmp_path / "a.py")
    assert colours_in(Path(style.__file__))
