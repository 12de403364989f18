"""The released runs of language models: that they are of the specs, and what they must show."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.spec import read
from results.store import TABLE as TABLE_FILE
from tests.compare_runs import GOLDEN, comparable, compare

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
README = PUBLISHED.parents[1] / "README.md"
RUN = PUBLISHED / "llm_paper"
PAPER = PUBLISHED / "paper" / TABLE_FILE
TABLE = pd.read_csv(RUN / "tables" / "trainings.csv")
MOST = {"rloo (LM)": 0.06, "nash_md_pg (LM)": 0.07, "stackelberg_gda (LM)": 0.10}
"""Total variation to the exact answer, mean over games and seeds; each learner must stay below."""


@pytest.mark.parametrize("name", ["llm_paper", "llm_learners", "families"])
def test_the_run_is_of_the_spec_beside_it(name: str, tmp_path: Path) -> None:
    """A copy of the spec as it was: benchmarks/specs may move on before the run is repeated.

    The path that is called temperature was called noise then.
    """
    pytest.importorskip("torch", reason="language models need the extra llm")
    copy = tmp_path / "spec.toml"
    for suffix, renamed in (("json", tmp_path / "spec.json"), ("toml", copy)):
        text = (PUBLISHED / name / f"spec.{suffix}").read_text(encoding="utf-8")
        renamed.write_text(text.replace('"noise"', '"temperature"'), encoding="utf-8")
    resolved = json.loads((tmp_path / "spec.json").read_text(encoding="utf-8"))
    assert resolved == json.loads(json.dumps(read(copy).data()))


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


def test_a_mixture_goes_to_its_own_fixed_point_and_not_to_nash() -> None:
    table = pd.read_csv(PUBLISHED / "llm_learners" / "tables" / "trainings.csv")
    mixture = table[table["method"] == "nash_md_pg (LM)"]
    assert len(mixture) == 8
    assert set(mixture["seeds"]) == {5}
    assert mixture["end"].mean() < mixture["to_nash"].mean() / 3
    assert (mixture["start"] >= 2 * mixture["end"]).all()


def test_the_report_shows_the_same_numbers() -> None:
    report = (RUN / "report.md").read_text(encoding="utf-8")
    for method, part in TABLE.groupby("method"):
        worst = part.sort_values("end").tail(1).to_dict("records")[0]
        assert f"The farthest is {worst['game']} with {worst['end']:.3f}" in report, method
    for name in ("trainings.csv", "compute_parity.csv", "training_curves.csv"):
        assert f"(tables/{name})" in report
        assert (RUN / "tables" / name).is_file()


def test_published_rows_are_those_of_a_fresh_run_of_quick() -> None:
    """In the cells of both specs; tests/test_packaging.py runs quick and finds the golden rows."""
    fresh = pd.read_parquet(GOLDEN)
    published = pd.read_parquet(PAPER, filters=[("cell", "in", list(fresh["cell"].unique()))])
    both = set(published["cell"])
    assert len(both) > 200
    fresh = fresh[fresh["cell"].isin(both)]
    comparison = compare(comparable(fresh), comparable(published), tabular=1e-9)
    assert comparison.equal, comparison.report()


def test_readme_says_what_the_families_support() -> None:
    table = pd.read_csv(PUBLISHED / "families" / "tables" / "hypotheses.csv")
    assert set(table.loc[table["draws"] != "all", "draws"]) == {
        "impartial_culture", "spatial", "mallows_mixture", "bradley_terry_cycle", "random",
    }  # fmt: skip
    cells = table.groupby(["hypothesis", "draws", "at"])["verdict"]
    alike = cells.agg(lambda verdicts: set(verdicts) == {"supported"})
    supported = alike[alike].reset_index().groupby("hypothesis")[["draws", "at"]]
    found = {k: sorted(part.itertuples(index=False, name=None)) for k, part in supported}
    cycling, little, high = ("bradley_terry_cycle", "random"), "KL = 0.1 nats", "KL = 0.3 nats"
    copied = ("bradley_terry_cycle", "impartial_culture", "random")
    assert found == {
        2: [("bradley_terry_cycle", high), ("mallows_mixture", high)],
        5: [(draws, at) for draws in cycling for at in (little, high)],
        7: [("spatial", high)],
        8: sorted([(d, at) for d in copied for at in (little, high)] + [("spatial", high)]),
    }
    at_high = table[table["at"] == high].set_index(["hypothesis", "draws", "first"])
    sizes = abs(at_high[["mean", "low", "high"]].to_numpy(dtype=float))
    intervals = dict(zip(at_high.index, sizes.tolist(), strict=True))
    readme = README.read_text(encoding="utf-8")
    for key in (
        *((5, draws, "RLHF") for draws in ("random", "bradley_terry_cycle", "impartial_culture")),
        *((8, draws, "RLHF") for draws in ("spatial", "random", "mallows_mixture")),
        *product([2], ["mallows_mixture", "bradley_terry_cycle"], ["RLHF", "RLHF (filled)"]),
        (7, "spatial", "NLHF"),
    ):
        mean, *ends = intervals[key]
        low, end = (f"{value:.3f}".removeprefix("0") for value in sorted(ends))
        assert f"{mean:.3f} [{low}, {end}]".removeprefix("0") in readme, key
    counts = at_high.loc[5]["n"].droplevel("first")
    assert counts[["random", "bradley_terry_cycle", "mallows_mixture", "spatial"]].tolist() == [
        118, 99, 3, 6,
    ]  # fmt: skip


def test_readme_says_what_300_comparisons_teach() -> None:
    folder = PUBLISHED / "paper" / "tables"
    table = pd.read_csv(folder / "data_sensitivity_by_comparisons.csv.gz").iloc[:, :26]
    as_counted = table["setting"] == "estimated by table(prior=0)"
    learnt: dict[Any, dict[Any, Any]] = {
        (line["game"], line["comparison"]): line
        for line in table[as_counted & (table["comparisons"] == 300)].to_dict("records")
    }
    readme = README.read_text(encoding="utf-8")

    def number(value: float) -> str:
        return f"{value:.3f}".removeprefix("0")

    for game, moving in (
        ("condorcet", ("RLHF", "NLHF", "SLHF")),
        ("transitive_misranked", ("NLHF", "SLHF")),
    ):
        line = learnt[game, "tau = 0"]
        for method in moving:
            mean, *ends = (line[f"shift {method}{end}"] for end in ("", " low", " high"))
            assert f"{number(mean)} [{', '.join(map(number, ends))}]" in readme, (game, method)
        soft = learnt[game, "KL = 0.03 nats"]
        means = [float(soft[f"shift {method}"]) for method in ("RLHF", "NLHF", "SLHF")]
        assert max(means) - min(means) <= 0.016
        assert "{}, {} and {}".format(*map(number, means)) in readme, means
    assert learnt["transitive_misranked", "tau = 0"]["shift RLHF"] == 0
