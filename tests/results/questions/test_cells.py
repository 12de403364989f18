"""How many cells of a table line are whole: cells are counted, and none is forgotten."""

import math
from typing import Any

import pandas as pd

from results.questions import consistency, robustness
from tests.recorded import framed, row

UNDEFINED: dict[str, Any] = {"value": math.nan, "status": "undefined"}


def ok_of(table: pd.DataFrame, *keys: str) -> dict[Any, str]:
    """The column "ok" by other keys of the lines."""
    lines = table.index.to_frame(index=False)
    return dict(lines.set_index(list(keys))["ok"])


def test_cells_are_counted_with_those_that_failed() -> None:
    rows = [row("entropy", 0.1 * seed, seed=seed, cell=f"c{seed}") for seed in range(3)]
    rows += [row("regret", 0.1, seed=seed, cell=f"c{seed}") for seed in range(2)]
    rows += [row("regret", seed=2, cell="c2", **UNDEFINED)]
    failed: dict[str, Any] = {"status": "timeout", "message": "60 s"}
    rows += [row("", math.nan, seed=3, cell="c3", **failed)]
    rows += [row("entropy", 0.1, cell="d", game="h")]
    contents = consistency.SECTION.contents(framed(rows))
    expected = {("g", "NLHF"): "2 of 4", ("h", "NLHF"): "1 of 1"}
    for table in (contents.tables["consistency"], contents.views[0].tables["consistency"]):
        assert ok_of(table, "game", "method") == expected


def test_a_line_counts_the_rows_of_its_own_labels() -> None:
    """One cell has several paths, of which one has a point without an answer."""
    common: dict[str, Any] = {"experiment": "robustness", "cell": "c"}
    rows = [
        row("duality_gap", labels={"path": "annotators", "type": k, "t": t}, **common, **values)
        for k in (0, 1)
        for t in (0, 1)
        for values in [UNDEFINED if k == t == 1 else {"value": 0.1}]
    ]
    (view,) = robustness.SECTION.contents(framed(rows)).views
    counts = ok_of(view.tables["robustness"], "path")
    assert counts == {"annotators, type 0": "1 of 1", "annotators, type 1": "0 of 1"}


def test_methods_are_ranked_at_equal_strength_alone() -> None:
    """Equal tau is not equal strength: no method is better or worse there."""
    rows = [
        row("duality_gap", gap, solver=solver, params={"tau": tau}, cell=f"{solver} {tau}")
        for tau in (0, 0.1)
        for solver, gap in (("nlhf_exact", 0.0), ("rlhf_exact", 0.3))
    ]
    table = consistency.SECTION.contents(framed(rows)).tables["consistency"]
    lines = table.index.to_frame(index=False)
    found = dict(lines.set_index(["comparison", "method"])["rank by duality_gap"])
    assert found == {
        ("tau = 0", "NLHF"): "1", ("tau = 0", "RLHF"): "2",
        ("tau = 0.1", "NLHF"): "-", ("tau = 0.1", "RLHF"): "-",
    }  # fmt: skip
