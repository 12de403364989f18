"""The released run of language models: that it is of the spec, and what it must show."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.spec import read

RUN = Path(__file__).parents[1] / "results" / "published" / "llm_paper"
TABLE = pd.read_csv(RUN / "tables" / "trainings.csv")
MOST = {"rloo (LM)": 0.06, "nash_md_pg (LM)": 0.07, "stackelberg_gda (LM)": 0.10}
"""Total variation to the exact answer, mean over games and seeds, asked of each learner."""


def test_the_run_is_of_the_spec_that_is_here() -> None:
    pytest.importorskip("torch", reason="language models need the extra llm")
    told = json.loads((RUN / "spec.json").read_text(encoding="utf-8"))
    assert told == json.loads(json.dumps(read("llm_paper").data()))


def test_every_learner_ends_near_its_exact_answer_and_begins_far_from_it() -> None:
    assert len(TABLE) == 3 * 8
    assert set(TABLE["seeds"]) <= {4, 5}  # one draw of multi_attribute has no finite rewards
    assert (TABLE["start"] >= 2 * TABLE["end"]).all()
    assert (TABLE["diverged"] == 0).all()
    means = TABLE.groupby("method")["end"].mean()
    assert set(means.index) == set(MOST)
    for method, most in MOST.items():
        assert means[method] < most
    followers = TABLE.loc[TABLE["method"] == "stackelberg_gda (LM)", "follower_end"]
    assert followers.notna().all()
    assert followers.mean() < 0.15


def test_the_report_shows_the_same_numbers() -> None:
    report = (RUN / "report.md").read_text(encoding="utf-8")
    for method, own in TABLE.groupby("method"):
        worst = own.sort_values("end").tail(1).to_dict("records")[0]
        assert f"The farthest is {worst['game']} with {worst['end']:.3f}" in report, method
    for name in ("trainings.csv", "compute_parity.csv", "training_curves.csv"):
        assert f"(tables/{name})" in report
        assert (RUN / "tables" / name).is_file()
