"""The report: it says what was run, what its rows show, and what is not measured."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from results import claims, figures, load, report, sheet
from results.headline import COLUMNS
from results.questions import SECTIONS
from results.rows import RunError
from results.store import TABLE, Store
from tests.recorded import annotators, framed, row

SPEC: dict[str, Any] = {
    "name": "three",
    "seeds": [0, 1],
    "games": [{"name": "condorcet", "params": {}}],
    "solvers": [{"name": "nlhf_exact", "params": {"tau": 0.1}}],
    "experiments": [{"name": "robustness", "params": {"path": "temperature", "points": 5}}],
}
ENVIRONMENT: dict[str, Any] = {
    "code": {"sources": "0123456789abcdef", "commit": "f00", "modified": False},
    "versions": {"python": "3.11.2", "numpy": "2.0.0"},
    "machine": {"system": "Linux 6", "processors": 2},
}


def run(folder: Path, frame: pd.DataFrame) -> Path:
    """A complete run directory that holds the rows."""
    folder.mkdir(exist_ok=True)
    frame.to_parquet(folder / TABLE)
    (folder / "spec.json").write_text(json.dumps(SPEC), encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps(ENVIRONMENT), encoding="utf-8")
    return folder


def written(folder: Path, frame: pd.DataFrame) -> str:
    path = report.write(run(folder, frame), "md")
    assert path == folder / "report.md"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = run(tmp_path_factory.mktemp("runs") / "three-01234567", annotators())
    figures.draw(folder)
    report.write(folder, "md")
    return folder


def test_it_says_what_was_run(whole: Path) -> None:
    text = (whole / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# prefgames: three-01234567\n")
    assert "- Complete: " in text
    assert "2 seeds (0, 1).\n" in text
    assert "- games: condorcet\n" in text
    assert "- solvers: nlhf_exact(tau=0.1)\n" in text
    assert "- experiments: robustness(path=temperature, points=5)\n" in text
    assert "- code: sources 0123456789abcdef, commit f00, modified no\n" in text
    assert "- machine: system Linux 6, processors 2\n" in text
    assert "- learners: " not in text  # none was asked
    assert re.search(r"- time of solving, where it was measured: consistency [\d.]+ s\n", text)
    assert str(whole.parent) not in text


def test_it_gives_a_verdict_on_every_claim_that_its_rows_measure(whole: Path) -> None:
    text = (whole / "report.md").read_text(encoding="utf-8")
    verdicts = claims.verify(load(whole))
    measured = verdicts[verdicts["verdict"] != "not measured"]
    assert len(measured) > 0
    said = re.findall(r"^- (HOLDS|FAILS|UNDECIDED|NOT MEASURED): (.*)", text, re.MULTILINE)
    assert [verdict.lower() for verdict, _ in said] == list(measured["verdict"])
    for sentence, (_, line) in zip(measured["sentence"], said, strict=True):
        assert line.startswith(str(sentence).replace("|", r"\|"))


def test_every_link_leads_somewhere(whole: Path) -> None:
    text = (whole / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {Path(link).name for link in links} == {
        *(f"{n}.svg" for n in ("consistency", "data_sensitivity", "robustness", "refinement")),
        *("influence.svg", "influence.csv", "sharpness.csv", "data_sensitivity_by_comparisons.csv"),
        "consistency_KL_0.05_nats.svg",
        "frontier.svg",
        *("story.svg", "simplex.svg", "missing_pairs.svg", "cross_refinement.svg"),
        "frontier.csv",
        *(f"{n}.csv" for n in ("consistency", "data_sensitivity", "robustness", "refinement")),
        *("changes.csv", "types.csv", "first_answers.csv", "revisions.csv"),
        *(f"cells_of_{n}.csv" for n in ("consistency", "data_sensitivity", "robustness")),
        *("cells_of_refinement.csv", "cells_of_influence.csv"),
    }
    for link in links:
        assert (whole / link).is_file()


def test_it_holds_headline_tables_statuses_metrics_papers(whole: Path) -> None:
    text = (whole / "report.md").read_text(encoding="utf-8")
    head = text[text.index("| game | at tau = 0 | answer |") :].splitlines()
    assert head[2].startswith("| condorcet | RLHF | B 1.00 |")
    assert "| game | at KL = 0.05 nats |" in text
    assert all(f"- {column.name}: {column.meaning}\n" in text for column in COLUMNS)
    assert "| robustness | RLHF | undefined |" in text
    assert "the Bradley-Terry maximum is infinite" in text
    gap = "| duality_gap | 2 max_i (P pi)_i - 1 | [0, 1] | payoff | lower | NashConv = 2 x exploita"
    assert gap in text
    assert "| condorcet_mass |" not in text  # not in these rows
    papers = text[text.index("## Papers") :]
    assert "arXiv:2512.16626 (slhf_exact)" in papers
    assert "arXiv:2312.00886 (nlhf_exact)" in papers
    assert "@inproceedings{munos2024nash," in papers
    assert "egpo" not in papers  # it was not run


def test_users_of_all_types_are_shown(whole: Path) -> None:
    text = (whole / "report.md").read_text(encoding="utf-8")
    head = "| game | n_answers | how | n | ok | seen_favourite RLHF |"
    lines = text[text.index(head) :].splitlines()
    assert lines[2].startswith(
        "| condorcet | 1 | independent | exact | 3 of 3 | 0.350 | 0.345 | 0.400 |"
    )


def test_a_question_that_was_not_asked_is_not_measured(tmp_path: Path) -> None:
    frame = annotators()
    text = written(tmp_path / "r", frame[frame["experiment"] == "consistency"])
    assert text.count("Not measured: ") == sum(section.compared for section in SECTIONS) - 1
    assert "- Not measured: refinement.\n" in text
    assert "## What does asking again buy?" not in text
    assert not (tmp_path / "r" / "tables" / "robustness.csv").exists()
    assert "](figures/" not in text


def with_nash_md() -> pd.DataFrame:
    """The frame with another method at tau = 0.1, which gives the answers of NLHF."""
    frame = annotators()
    nlhf = frame[(frame["solver"] == "nlhf_exact") & (frame["params"] == '{"tau":0.1}')]
    nlhf = nlhf[nlhf["experiment"].isin(["consistency", "refinement"])]
    metric = nlhf["metric"].replace("residual", "step_residual")
    return pd.concat([frame, nlhf.assign(solver="nash_md", metric=metric)], ignore_index=True)


def test_methods_at_another_tau_are_shown_there_and_move_nothing(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def saved(figure: object, stem: Path, formats: Sequence[str]) -> list[Path]:
        """An empty file: which figures there are matters here, not how they look."""
        target = stem.with_name(f"{stem.name}.svg")
        target.parent.mkdir(exist_ok=True)
        target.touch()
        return [target]

    monkeypatch.setattr(sheet, "save", saved)
    folder = run(tmp_path / "r", with_nash_md())
    figures.draw(folder)
    text = report.write(folder, "md").read_text(encoding="utf-8")
    drawn = {path.stem for path in (folder / "figures").glob("*.svg")}
    unasked = {"story", "simplex", "missing_pairs", "cross_refinement"}  # of no single question
    assert drawn == {
        "consistency", "consistency_KL_0.05_nats", "consistency_tau_0.1", "data_sensitivity",
        "refinement", "refinement_tau_0.1", "robustness", "influence", "frontier", *unasked,
    }  # fmt: skip
    assert drawn == set(re.findall(r"\]\(figures/(.*)\.svg\)", text))
    first, second = text.index("| game | at tau = 0 |"), text.index("| game | at tau = 0.1 |")
    assert first < text.index("**At tau = 0.1, with nash_md**") < second
    assert "\nAt tau = 0.1 (equal temperature). The same tau > 0 is another strength" in text
    assert "\nAt KL = 0.05 nats (equal strength). Entropy is left out" in text
    (line,) = [line for line in text.splitlines() if line.startswith("- nash_md: ")]
    assert "the residual change in the last step is at most" in line
    before = (whole / "report.md").read_text(encoding="utf-8")
    assert text[first:].split("\n\n")[0] == before[before.index("| game |") :].split("\n\n")[0]


def test_a_game_without_users_is_not_measured_and_says_why(tmp_path: Path) -> None:
    why: dict[str, Any] = {"status": "skipped", "message": "the game has no population"}
    rows = [
        row("seen_favourite", math.nan, experiment="refinement", **why),
        row("refinement_win_rate", 0.5, experiment="refinement", labels={"leader": "nlhf"}),
    ]
    text = written(tmp_path / "r", framed(rows))
    missing = "- Not measured: refinement (seen_favourite) on g with nlhf_exact: the game has no "
    assert f"{missing}population.\n" in text
    assert "| g | NLHF | exact | 1 of 1 | 0.500 |" in text


def test_a_run_that_goes_on_is_reported_as_it_is(tmp_path: Path) -> None:
    with Store(tmp_path / "r") as store:
        store.append(0, "", [row("entropy", 0.25)])
    text = report.write(tmp_path / "r", "md").read_text(encoding="utf-8")
    assert "\nNOT COMPLETE (run it again to resume): 1 cell, 1 row.\n" in text
    assert "- games: unknown, as the run has no spec.json\n" in text
    assert "| g | NLHF | - | 0.25 |" in text


def test_code_that_resumed_the_run_is_listed(tmp_path: Path) -> None:
    folder = run(tmp_path / "r", framed([row("entropy", 0.25)]))
    other = {**ENVIRONMENT, "code": {"sources": "other"}}
    resumed = json.dumps({**ENVIRONMENT, "resumed": [other]})
    (folder / "environment.json").write_text(resumed, encoding="utf-8")
    text = report.write(folder, "md").read_text(encoding="utf-8")
    assert "- code: sources 0123456789abcdef" in text
    assert "- code: sources other\n" in text


def test_no_run_no_report(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run directory"):
        report.write(tmp_path / "nothing", "md")
    (tmp_path / "empty" / "rows").mkdir(parents=True)
    with pytest.raises(RunError, match="no row in the frame"):
        report.write(tmp_path / "empty", "md")
