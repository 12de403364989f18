"""Claims written before a run: what is compared, and the verdict, by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from results import report
from results.hypotheses import Hypothesis, digest, evaluate, findings, read, verdict
from results.rows import Row
from results.store import TABLE
from tests.recorded import framed, row

CLAIM: dict[str, Any] = {
    "family": "f",
    "question": "data_sensitivity",
    "metric": "shift",
    "labels": {"setting": "known"},
    "first": "rlhf_exact",
    "second": "nlhf_exact",
    "at": [0.1],
    "direction": "more",
    "smallest": 0.02,
}
FIRST, SECOND = [0.30, 0.50, 0.20, 0.45, 0.40, 0.35], [0.10, 0.25, 0.05, 0.15, 0.20, 0.10]
CYCLIC = [True, True, True, False, False, False]


def hypothesis(**changes: Any) -> Hypothesis:
    return Hypothesis.model_validate(CLAIM | changes)


def draws(solver: str, values: list[float], **fields: Any) -> list[Row]:
    """One row a draw of a family, as the experiments yield them."""
    common: dict[str, Any] = {
        "experiment": "data_sensitivity",
        "solver": solver,
        "game": "contextual",
        "game_params": {"contexts": len(values), "families": [{"name": "random", "n": 5}]},
        "params": {"kl": 0.1},
        "labels": {"setting": "known"},
        "seed": 0,
    }
    return [row("shift", v, context=k, **(common | fields)) for k, v in enumerate(values)]


def sizes() -> list[Row]:
    """The number of answers in the Smith set of each draw."""
    values = [3.0 if cyclic else 1.0 for cyclic in CYCLIC]
    rows = draws("nlhf_exact", values, experiment="consistency", labels={})
    return [Row(**{**vars(r), "metric": "smith_size"}) for r in rows]


def both(**fields: Any) -> list[Row]:
    return draws("rlhf_exact", FIRST, **fields) + draws("nlhf_exact", SECOND, **fields)


def only(rows: list[Row], **changes: Any) -> Any:
    (line,) = evaluate(framed(rows), [hypothesis(**changes)]).itertuples()
    return line


@pytest.mark.parametrize(
    ("low", "high", "p", "direction", "expected"),
    [
        (0.03, 0.09, 0.001, "more", "supported"),
        (0.03, 0.09, 0.001, "either", "supported"),
        (0.03, 0.09, 0.001, "less", "refuted"),
        (-0.09, -0.03, 0.001, "more", "refuted"),
        (-0.09, -0.03, 0.001, "less", "supported"),
        (0.03, 0.09, 0.06, "more", "undecided"),  # not after the adjustment
        (0.01, 0.09, 0.001, "more", "undecided"),  # not beyond the smallest effect
        (0.005, 0.015, 0.001, "more", "negligible"),  # however sure
        (-0.01, 0.01, 0.9, "less", "negligible"),
        (-0.09, 0.09, 0.9, "more", "undecided"),
        (math.nan, math.nan, math.nan, "more", "not measured"),
    ],
)
def test_the_verdict(low: float, high: float, p: float, direction: Any, expected: str) -> None:
    assert verdict(low, high, p, direction, 0.02) == expected


def test_a_line_is_a_paired_t_test_over_draws() -> None:
    line = only(both())
    test = stats.ttest_rel(FIRST, SECOND)
    gaps = np.subtract(FIRST, SECOND)
    tails = [stats.ttest_1samp(gaps, at, alternative="greater").pvalue for at in (0.02, -0.02)]
    assert (line.draws, line.at, line.first, line.second) == (
        "random", "KL = 0.1 nats", "RLHF", "NLHF"
    )  # fmt: skip
    assert (line.n, line.of) == (6, 6)
    assert line.p == line.p_holm == pytest.approx(sum(tails))
    assert (line.low, line.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert line.verdict == "supported"
    assert only(both(), direction="less").verdict == "refuted"
    assert only(both(), first="nlhf_exact", second="rlhf_exact").mean == pytest.approx(-line.mean)


@pytest.mark.parametrize(("split", "chosen"), [("cyclic", True), ("acyclic", False)])
def test_draws_are_split_by_whether_their_smith_set_cycles(split: str, chosen: bool) -> None:
    line = only(both() + sizes(), split=split)
    gaps = [a - b for a, b, cyclic in zip(FIRST, SECOND, CYCLIC, strict=True) if cyclic == chosen]
    assert line.n == 3
    assert line.mean == pytest.approx(sum(gaps) / 3)
    assert "ask consistency" in only(both(), split=split).reason


def test_a_draw_without_both_values_is_left_out_and_counted() -> None:
    first = draws("rlhf_exact", [math.nan, *FIRST[1:]], status="undefined", message="out of reach")
    line = only(first + draws("nlhf_exact", SECOND))
    assert (line.n, line.of) == (5, 6)
    assert line.mean == pytest.approx(sum(FIRST[1:]) / 5 - sum(SECOND[1:]) / 5)


def test_p_values_are_adjusted_within_a_family_of_claims() -> None:
    rows = both() + both(params={"kl": 0.3})
    claims = [hypothesis(at=[0.1, 0.3]), hypothesis(family="other")]
    table = evaluate(framed(rows), claims)
    p = table["p"].iloc[0]
    assert table["p_holm"].tolist() == pytest.approx([2 * p, 2 * p, p])


def test_nothing_is_said_of_slhf_where_its_two_rows_disagree() -> None:
    rows = both() + draws("slhf_exact", [v + 0.3 for v in FIRST])
    free: dict[str, Any] = {"params": {"kl": 0.1, "tau_follower": 0.0}}
    opposite = draws("slhf_exact", [v - 0.1 for v in SECOND], **free)
    table = evaluate(framed(rows + opposite), [hypothesis(first="slhf_exact")])
    assert list(table["first"]) == ["SLHF", "SLHF (tau_follower = 0)"]
    assert list(table["verdict"]) == ["disagree", "disagree"]
    undecided = draws("slhf_exact", [v + 0.1 * (-1) ** k for k, v in enumerate(SECOND)], **free)
    table = evaluate(framed(rows + undecided), [hypothesis(first="slhf_exact")])
    assert table["mean"].min() >= 0
    assert list(table["verdict"]) == ["disagree", "disagree"]
    same = draws("slhf_exact", [v + 0.2 for v in FIRST], **free)
    table = evaluate(framed(rows + same), [hypothesis(first="slhf_exact")])
    assert list(table["verdict"]) == ["supported", "supported"]


def test_a_claim_about_rlhf_holds_only_if_it_holds_with_filled_pairs() -> None:
    """A pair that was never compared is a tie for NLHF: RLHF (filled) is its counterpart."""
    filled: dict[str, Any] = {"labels": {"setting": "known", "unseen": "filled"}}
    table = evaluate(framed(both() + draws("rlhf_exact", SECOND, **filled)), [hypothesis()])
    assert list(table["first"]) == ["RLHF", "RLHF (filled)"]
    assert list(table["mean"].round(3)) == [0.225, 0.0]
    assert list(table["verdict"]) == ["disagree", "disagree"]
    table = evaluate(framed(both() + draws("rlhf_exact", FIRST, **filled)), [hypothesis()])
    assert list(table["verdict"]) == ["supported", "supported"]


def test_what_was_not_measured_says_why() -> None:
    assert only([], at=["tau = 0"]).reason == "no such row in this run"
    assert only(draws("rlhf_exact", FIRST)).reason == "one of the methods was not run"
    assert only(both(), at=[0.3]).reason == "no such row in this run"
    several = both() + both(labels={"setting": "known", "change": "missing"})
    assert only(several).reason.startswith("several rows a draw")
    assert only(several, within="max").verdict == "supported"
    fixed = draws("rlhf_exact", [0.5] * 6) + draws("nlhf_exact", [0.1] * 6)
    assert only(fixed).reason == "all draws have the same values: the family is not random"
    assert only(both(), games=["mallows"]).draws == "mallows"
    seeds = [row("shift", v, experiment="data_sensitivity", seed=k) for k, v in enumerate(FIRST)]
    assert only(seeds).verdict == "not measured"  # a game that is no family


def test_every_claim_is_reported_however_it_ended(tmp_path: Path) -> None:
    claims = [hypothesis(), hypothesis(direction="less"), hypothesis(at=["tau = 0"])]
    table = evaluate(framed(both()), claims)
    supported, refuted, missing = findings(table)
    assert supported.endswith("more than 0.02: of 1 test, supported in 1 (n: 6 draws).")
    assert refuted.startswith("2. (f) shift (setting = known) of RLHF is smaller than that of NLHF")
    assert refuted.endswith("of 1 test, refuted in 1 (n: 6 draws).")
    assert missing.endswith("not measured in 1 (n: 0 draws).")
    assert list(digest(table)["verdict"])[:2] == ["supported", "refuted"]
    rows = both(labels={"setting": "known", "change": "missing"})
    framed(rows).to_parquet(tmp_path / TABLE)
    spec = {"hypotheses": [claim.model_dump(exclude_none=True) for claim in claims]}
    (tmp_path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    text = report.write(tmp_path, "md").read_text(encoding="utf-8")
    assert "## Hypotheses" in text
    assert all(sentence in text for sentence in (supported, refuted, missing))
    assert read(spec) == claims
    assert read({}) == []


@pytest.mark.parametrize(
    "wrong",
    [{"at": []}, {"at": [0.0]}, {"at": ["tau = 0.1"]}, {"smallest": 0}, {"direction": "higher"},
     {"split": "some"}, {"within": "min"}, {"extra": 1}],
)  # fmt: skip
def test_a_claim_that_says_too_little_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        hypothesis(**wrong)
