"""Claims: their file, the rows that each query finds, and verdicts that can come out either way."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.matrix import Cell, cells
from benchmarks.runner import measure
from benchmarks.spec import builtin, read
from games import GAMES
from results.claim_rows import Query
from results.claims import COLUMNS, Claim, claims, papers, parse, unexpected, verify
from results.frames import comparison_of, family_of
from results.rows import RunError
from solvers import SOLVERS
from tabular import EXPERIMENTS
from tests.compare_runs import GOLDEN
from tests.recorded import framed, row

CLAIMS = {claim.id: claim for claim in claims()}
MEASURABLE = [claim for claim in CLAIMS.values() if claim.checks]
ON_QUICK = [claim for claim in MEASURABLE if "quick" in claim.specs]
IN_ROWS = {"quick", "paper"}
"""Specs of many cells: quick is tested on its stored rows, paper measures nothing alone."""
SLOW = ("stability", "fixed_points", "convergence")

ONE: dict[str, Any] = {
    "question": "consistency",
    "metric": "entropy",
    "solver": "nlhf_exact",
    "equals": 0.5,
}
WRITTEN = """
[papers]
"1234.56789" = "A and B 2024"

[[claims]]
id = "one"
source = "1234.56789"
trust = "A"
sentence = "It is half."
kind = "exact"
expected = "holds"
specs = ["quick"]

[[claims.checks]]
question = "consistency"
metric = "entropy"
solver = "nlhf_exact"
equals = 0.5
"""


def claim(*checks: dict[str, Any], kind: str = "exact", expected: str = "holds") -> Claim:
    return Claim.model_validate(
        {
            "id": "one",
            "source": "derived",
            "trust": "D",
            "sentence": "It is half.",
            "kind": kind,
            "expected": expected,
            "specs": ["quick"],
            "checks": [ONE | check for check in checks],
        }
    )


def only(rows: list[Any], *checks: dict[str, Any], kind: str = "exact") -> Any:
    """The line of a claim with these checks."""
    (line,) = verify(framed(rows), [claim(*(checks or ({},)), kind=kind)]).itertuples()
    return line


def draws(solver: str, values: list[float], **fields: Any) -> list[Any]:
    """One row a draw of a family of games."""
    params = {"contexts": len(values), "families": [{"name": "random", "n": 5}]}
    common: dict[str, Any] = {"game": "contextual", "game_params": params, "seed": 0}
    return [
        row("entropy", v, solver=solver, context=k, **(common | fields))
        for k, v in enumerate(values)
    ]


# --- verdicts ------------------------------------------------------------------------------------
def test_an_exact_claim_holds_if_every_number_keeps_its_bound() -> None:
    rows = [row("entropy", 0.5), row("entropy", 0.5 + 1e-9, game="h")]
    line = only(rows)
    assert (line.verdict, line.ours, line.n) == ("holds", "0.5", "2 exact")
    line = only([*rows, row("entropy", 0.7, game="i")])
    assert (line.verdict, line.ours, line.n) == ("fails", "0.7", "3 exact")  # the worst is shown


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"at_least": 0.2}, "holds"),
        ({"at_least": 0.4}, "fails"),
        ({"at_least": 0.4, "over": "any"}, "holds"),
        ({"at_least": 0.9, "over": "any"}, "fails"),
        ({"at_most": 0.7}, "holds"),
        ({"at_most": 0.5}, "fails"),
        ({"at_least": 0.2, "at_most": 0.5}, "fails"),
        ({"at_least": 0.44, "at_most": 0.46, "over": "mean"}, "holds"),
        ({"at_most": 0.6 - 1e-7}, "holds"),  # within the tolerance
        ({"at_most": 0.6 - 1e-7, "tolerance": 0.0}, "fails"),
    ],
)
def test_bounds(bound: dict[str, Any], verdict: str) -> None:
    rows = [row("entropy", 0.3), row("entropy", 0.6, game="h")]
    assert only(rows, {"equals": None} | bound).verdict == verdict


def test_every_check_must_come_out() -> None:
    rows = [row("entropy", 0.5), row("entropy", 0.4, solver="slhf_exact")]
    slhf = {"solver": "slhf_exact", "name": "SLHF"}
    line = only(rows, {"name": "NLHF"}, slhf)
    assert (line.verdict, line.ours) == ("fails", "NLHF 0.5; SLHF 0.4")
    assert only(rows, {}, slhf | {"equals": 0.4}).verdict == "holds"
    line = only(rows, {}, {"solver": "rlhf_exact"})
    assert (line.verdict, line.ours, line.n) == ("not measured", "", "")
    assert line.reason == "no such row in these runs; try `prefgames run quick`"
    assert only(rows, slhf, {"solver": "rlhf_exact"}).verdict == "fails"


def test_a_query_chooses_rows_by_strength_parameters_game_and_labels() -> None:
    rows = [
        row("entropy", 0.1),
        row("entropy", 0.2, params={"tau": 0.1, "eta": 2}),
        row("entropy", 0.3, game="contextual", game_params={"families": [{"name": "random"}]}),
        row("entropy", 0.4, game_params={"alpha": [1, 2]}),
        row("entropy", 0.5, labels={"t": 0.5, "path": "cyclic", "pair": ["A", "B"]}),
        row("entropy", 0.6, scale="llm"),
        row("entropy", 0.7, game="h", status="skipped"),
        row("entropy", math.nan, game="u", status="undefined", message="out of reach"),
    ]
    chosen: list[tuple[dict[str, Any], float]] = [
        ({"at": "tau = 0.1"}, 0.2),
        ({"params": {"eta": 2}}, 0.2),
        ({"games": ["random"]}, 0.3),
        ({"game_params": {"alpha": [1, 2]}}, 0.4),
        ({"labels": {"t": 0.5, "pair": ["A", "B"]}}, 0.5),
        ({"scale": "llm"}, 0.6),
        ({"games": ["g"], "game_params": {"alpha": ""}, "labels": {"t": ""}, "at": "tau = 0"}, 0.1),
    ]
    for query, value in chosen:
        line = only(rows, query | {"equals": value})
        assert (line.verdict, line.n) == ("holds", "1 exact"), query
    assert only(rows, {"games": ["h"]}).verdict == "not measured"
    assert "out of reach" in only(rows, {"games": ["u"]}).reason


def test_curves_are_asked_at_a_step_or_at_their_ends() -> None:
    rows = [
        row("entropy", s / 10, step=s, labels={"k": k}) for k in (1, 2) for s in range(1, 3 + k)
    ]
    assert only(rows, {"step": 2, "equals": 0.2}).n == "2 exact"
    line = only(rows, {"step": "last", "equals": None, "at_least": 0.3})
    assert (line.verdict, line.n) == ("holds", "2 exact")


def test_differences_are_paired_by_game_and_by_the_labels_in_common() -> None:
    def answers(solver: str, game: str, a: float, **labels: Any) -> list[Any]:
        return [
            row("probability", p, solver=solver, game=game, labels={"action": x, **labels})
            for x, p in (("A", a), ("B", 1 - a))
        ]

    rows = [
        *answers("nlhf_exact", "g", 0.6), *answers("slhf_exact", "g", 0.5, most_cloned=0),
        *answers("nlhf_exact", "h", 0.9), *answers("slhf_exact", "h", 0.8, most_cloned=0),
        *answers("slhf_exact", "only here", 0.3),
    ]  # fmt: skip
    check = {"metric": "probability", "minus": {"solver": "slhf_exact"}, "by": ["action"]}
    line = only(rows, check | {"labels": {"action": "A"}, "equals": 0.1})
    assert (line.verdict, line.n) == ("holds", "2 exact")
    assert only(rows, check | {"equals": 0.0, "tolerance": 0.11}).n == "4 exact"
    line = only(rows, check | {"by": [], "equals": 0.1})
    assert "several rows of one game differ" in line.reason
    across = {"games": ["h"], "labels": {"action": "A"}, "minus": {"games": ["g"]}}
    line = only(rows, {"metric": "probability", "equals": 0.3} | across)
    assert (line.verdict, line.n) == ("holds", "1 exact")
    ratio = {"games": ["h"], "labels": {"action": "A"}, "divided_by": {"games": ["g"]}}
    assert only(rows, {"metric": "probability", "equals": 1.5} | ratio).verdict == "holds"


def test_a_measurement_of_two_runs_counts_once() -> None:
    rows = [row("entropy", 0.5), row("entropy", 0.5, run="another", cell="other")]
    assert only(rows).n == "1 exact"


# --- means over draws ----------------------------------------------------------------------------
MANY = [0.42, 0.48, 0.51, 0.55, 0.49, 0.53, 0.47, 0.50, 0.52, 0.46]


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"at_least": 0.4}, "holds"),
        ({"at_least": 0.6}, "fails"),
        ({"at_least": 0.49}, "undecided"),
        ({"at_least": 0.4, "at_most": 0.6}, "holds"),
        ({"equals": 0.5}, "holds"),
        ({"equals": 0.6}, "fails"),
    ],
)
def test_a_mean_is_decided_by_a_test_over_draws(bound: dict[str, Any], verdict: str) -> None:
    check = {"equals": None, "over": "mean"} | bound
    line = only(draws("nlhf_exact", MANY), check, kind="statistical")
    assert line.verdict == verdict
    assert line.n == "10"
    assert line.ours.startswith("0.493 [0.464")


def test_a_paired_mean_and_too_few_draws() -> None:
    rows = draws("nlhf_exact", MANY) + draws("slhf_exact", [v - 0.1 for v in MANY])
    check = {"over": "mean", "minus": {"solver": "slhf_exact"}, "equals": 0.1}
    assert only(rows, check, kind="statistical").verdict == "holds"
    for few, text in ((MANY[:1], "0.42"), (MANY[:2], "0.45 (0.42 to 0.48)")):
        line = only(draws("nlhf_exact", few), {"over": "mean"}, kind="statistical")
        assert (line.verdict, line.ours) == ("undecided", text)


def test_statistical_verdicts_are_adjusted_for_their_number() -> None:
    rows = framed(draws("nlhf_exact", MANY))
    near = claim({"over": "mean", "equals": 0.527}, kind="statistical")  # p = 0.02
    assert list(verify(rows, [near])["verdict"]) == ["fails"]
    assert list(verify(rows, [near] * 5)["verdict"]) == ["undecided"] * 5


def test_only_exact_claims_surprise() -> None:
    rows = framed(draws("nlhf_exact", MANY))
    exact = claim({"equals": 0.9})
    mean = claim({"over": "mean", "equals": 0.9}, kind="statistical")
    missing = claim({"solver": "slhf_exact"})
    table = verify(rows, [exact, mean, missing, exact.model_copy(update={"expected": "fails"})])
    assert list(table["verdict"]) == ["fails", "fails", "not measured", "fails"]
    assert list(unexpected(table).index) == [0]


# --- the file of claims ---------------------------------------------------------------------------
def test_every_part_of_the_sources_has_claims() -> None:
    assert len(CLAIMS) >= 40
    assert set(papers()) == {c.source for c in CLAIMS.values()} - {"derived"}
    assert {c.id for c in claims("arXiv:2312.00886")} == {
        c.id for c in CLAIMS.values() if c.source == "2312.00886"
    }
    with pytest.raises(RunError, match=r"no claim of '1706\.03762'; expected one of: 2512\.16626"):
        claims("1706.03762")


def test_claims_about_large_trained_models_say_not_measured() -> None:
    trained = [c for name, c in CLAIMS.items() if "-lm" in name]
    assert len(trained) >= 10
    assert {c.expected for c in trained} == {"not measured"}
    assert all("no run here" in c.reason for c in trained)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('metric = "entropy"', 'metric = "entropi"', r"claim 'one': checks\.0\.metric: no metric"),
        ('kind = "exact"', 'kind = "sure"', r"claim 'one': kind: Input should be 'exact' or"),
        ("equals = 0.5", "equal = 0.5", r"claim 'one': checks\.0\.equal: Extra inputs"),
        (
            "equals = 0.5",
            "equals = 0.5\nminus = { sover = 1 }",
            "'sover', which is no key of a query",
        ),
        ("equals = 0.5", "", r"claim 'one': checks\.0: give equals, or at_least"),
        ("equals = 0.5", "equals = 0.5\nat_most = 1.0", "give equals, or at_least or at_most"),
        ('specs = ["quick"]', "", r"claim 'one': checks and specs belong to claims"),
        ('expected = "holds"', 'expected = "not measured"', "checks and specs belong to claims"),
        ('kind = "exact"', 'kind = "statistical"', 'statistical claim are over = "mean"'),
        ('source = "1234.56789"', 'source = "1234.5"', r"source '1234\.5' is not in \[papers\]"),
        ('id = "one"', "id = one", r"mine\.toml: .*line 6"),
    ],
)
def test_a_wrong_claim_is_named_with_its_key(old: str, new: str, message: str) -> None:
    assert parse(WRITTEN)[0][0].id == "one"
    with pytest.raises(RunError, match=message):
        parse(WRITTEN.replace(old, new), "mine.toml")


def test_a_claim_is_written_once() -> None:
    again = WRITTEN[WRITTEN.index("[[claims]]") :]
    with pytest.raises(RunError, match="claim 'one' is written twice"):
        parse(WRITTEN + again)


# --- every query finds rows ----------------------------------------------------------------------
def queries(of: Claim) -> Iterator[Query]:
    for check in of.checks:
        yield check.first
        if check.second is not None:
            yield check.second


def makes(cell: Cell, query: Query) -> bool:
    """Whether the cell is of the question, solver, strength and game of the query."""
    return (
        (cell.experiment, cell.scale, cell.solver) == (query.question, query.scale, query.solver)
        and query.at in ("", comparison_of(cell.params))
        and has(cell.params, query.params)
        and has(cell.game_params, query.game_params)
        and (
            query.games is None
            or cell.game in query.games
            or family_of(cell.game, cell.game_params) in query.games
        )
    )


def has(text: str, wanted: dict[str, Any]) -> bool:
    values = json.loads(text)
    return all(values.get(key, "") == value for key, value in wanted.items())


@pytest.fixture(scope="module")
def matrices() -> dict[str, list[Cell]]:
    """The cells of the specs that measure claims, of one seed; but for ``IN_ROWS``."""
    names = {spec for c in MEASURABLE for spec in c.specs}
    assert names <= set(builtin())
    plans = {name: read(name) for name in names - IN_ROWS}
    return {name: list(cells(replace(plan, seeds=range(1)))) for name, plan in plans.items()}


def test_the_names_in_queries_exist() -> None:
    for c in MEASURABLE:
        for query in queries(c):
            assert query.question in EXPERIMENTS, c.id
            assert query.solver in SOLVERS, c.id
            assert set(query.games or ()) <= set(GAMES), c.id


def test_the_specs_of_a_claim_have_cells_for_all_its_queries(
    matrices: dict[str, list[Cell]],
) -> None:
    for c in MEASURABLE:
        assert set(c.specs) - {"paper"}, c.id
        for spec, query in product(set(c.specs) - IN_ROWS, queries(c)):
            assert any(makes(cell, query) for cell in matrices[spec]), (c.id, spec, query)


@pytest.fixture(scope="module")
def quick() -> pd.DataFrame:
    """The stored rows of the spec quick, of the metrics that claims ask for."""
    rows = pd.read_parquet(GOLDEN)
    asked = {(q.question, q.metric) for c in MEASURABLE for q in queries(c)}
    pairs = zip(rows["experiment"], rows["metric"], strict=True)
    return rows[[pair in asked for pair in pairs]].assign(run="quick", message="")


@pytest.fixture(scope="module")
def on_quick(quick: pd.DataFrame) -> pd.DataFrame:
    return verify(quick).set_index("id")


def test_claims_that_quick_measures_come_out_as_expected_there(on_quick: pd.DataFrame) -> None:
    expected = {c.id: c.expected for c in MEASURABLE if "quick" in c.specs}
    assert len(expected) >= 18
    assert on_quick.loc[list(expected), "verdict"].to_dict() == expected
    assert {"holds", "fails"} == set(expected.values())
    assert list(on_quick.reset_index().columns) == list(COLUMNS)
    assert on_quick.loc[list(expected), ["ours", "n"]].astype(bool).all(axis=None)


def test_the_others_are_not_measured_there_and_say_what_to_run(on_quick: pd.DataFrame) -> None:
    others = [c.id for c in CLAIMS.values() if "quick" not in c.specs]
    assert set(on_quick.loc[others, "verdict"]) == {"not measured"}
    assert str(on_quick.loc["nlhf-dice", "reason"]).endswith(
        "try `prefgames run claims` or `prefgames run paper`"
    )


def swapped(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with the values of NLHF and SLHF exchanged."""
    names = {"nlhf_exact": "slhf_exact", "slhf_exact": "nlhf_exact"}
    params = frame["params"].astype(str)
    nlhf = params.str.replace('"tau_follower":[0-9.]+,"tau_leader"', '"tau"', regex=True)
    slhf = params.str.replace('"tau":([0-9.]+)', r'"tau_follower":\1,"tau_leader":\1', regex=True)
    was = frame["solver"].astype(str)
    moved = nlhf.where(was == "slhf_exact", slhf.where(was == "nlhf_exact", params))
    return frame.assign(solver=was.replace(names), params=moved)


def test_verdicts_turn_where_two_methods_are_exchanged(quick: pd.DataFrame) -> None:
    table = verify(swapped(quick), ON_QUICK)
    lines: Any = table.itertuples()
    turned = {line.id: line.verdict for line in lines if line.verdict != line.expected}
    assert turned == {
        "slhf-deterministic": "fails",
        "slhf-closed-form": "fails",
        "slhf-follower-cycle": "not measured",
        "slhf-refinement-unmatched": "not measured",
        "slhf-least-exploitable": "fails",
        "nlhf-three-types": "fails",
        "near-clones-nlhf": "fails",
        "near-clones-slhf": "holds",
    }
    assert set(unexpected(table)["id"]) == {
        name for name, verdict in turned.items() if verdict != "not measured"
    }


def test_every_exact_claim_fails_on_noise(quick: pd.DataFrame) -> None:
    """No check is true of any numbers: each comes out otherwise on random ones."""
    rng = np.random.default_rng(0)
    noise = verify(quick.assign(value=rng.uniform(-1, 1, len(quick))), ON_QUICK)
    assert set(noise["verdict"]) == {"fails"}


EXAMPLES = [
    c
    for c in MEASURABLE
    if "claims" in c.specs
    and c.kind == "exact"
    and all(query.games and query.question not in SLOW for query in queries(c))
]
"""The exact claims about named games that need no runs of many steps."""


@pytest.fixture(scope="module")
def examples(matrices: dict[str, list[Cell]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The rows of the spec claims that its claims need, without what takes many steps."""
    folder = tmp_path_factory.mktemp("claims")
    (folder / "games").mkdir()
    needed = [
        q for c in MEASURABLE if "claims" in c.specs and c.kind == "exact" for q in queries(c)
    ]
    asked = [
        cell
        for cell in matrices["claims"]
        if cell.experiment not in SLOW and any(q.games and makes(cell, q) for q in needed)
    ]
    return framed([r for cell in asked for r in measure(cell, folder)[1]])


def test_the_examples_come_out_as_expected(examples: pd.DataFrame) -> None:
    table = verify(examples, EXAMPLES).set_index("id")
    expected = {c.id: c.expected for c in EXAMPLES}
    assert len(expected) >= 25
    assert table["verdict"].to_dict() == expected
