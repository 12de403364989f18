"""Data sensitivity on estimates: imputation by hand, agreement, estimators; planted bugs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from games import Comparisons, PreferenceGame, SpecError
from games.game import Float
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS, MatchedKl, Measurement
from tabular.data_sensitivity import DataSensitivity
from tests.measured import measured, select, values
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import generators, random_games, three_annotators

NLHF = SOLVERS["nlhf_exact"](tau=0.0)
SLHF = SOLVERS["slhf_exact"](tau_leader=0.0, tau_follower=0.0)
BRADLEY_TERRY = {"name": "bradley_terry", "ridge": 0}
SURE = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]], names=["A", "B", "C"])


def estimated(
    kind: type[DataSensitivity], game: PreferenceGame, solver: Solver, **params: Any
) -> list[Measurement]:
    return list(kind(setting="estimated", **params).measure(game, solver, generators))


def by_hand(kind: type[DataSensitivity]) -> None:
    """P(A > B) = .65, P(B > C) = .75, P(A > C) = .4: what is said of A-C when nobody compared it.

    The maximal lottery is (.5, .2, .3). With A-C a tie it is (.625, 0, .375). By Bradley-Terry
    A beats C as often as odds .65/.35 * .75/.25 say, so that A beats everything.
    """
    game = three_annotators()
    table = estimated(kind, game, NLHF)
    assert values(table, "imputation_shift", pair=["A", "C"]) == pytest.approx([0.2])
    assert values(table, "imputation_shift", change="none") == [0]
    model = estimated(kind, game, NLHF, estimator=BRADLEY_TERRY)
    of_ac: dict[str, Any] = {
        "pair": ["A", "C"],
        "estimator": "bradley_terry(ridge=0)",
        "unseen": "estimated",
    }
    assert values(model, "probability", **of_ac) == pytest.approx([1, 0, 0])
    for metric in ("shift", "imputation_shift"):
        assert values(model, metric, **of_ac) == pytest.approx([0.5])
    # with every pair compared nothing is imputed, and the fit to a cycle is wrong all the same
    assert values(model, "imputation_shift", change="none") == [0]
    assert values(model, "shift", change="none")[0] > 0.1
    assert not values(model, "agreement")
    shares = values(model, "unseen_share", change="missing")
    assert shares == pytest.approx([1 / 3] * 3)


def _drawn(game: PreferenceGame, weights: Float, *key: object) -> Comparisons:
    rng = generators("data", *key)
    return Comparisons.sample(replace(game, pairs=weights), 12, rng)


def by_another_route(kind: type[DataSensitivity]) -> None:
    """Twelve comparisons of unequal pairs; every answer found again, one game at a time."""
    game = random_games(5, 1, 4).at(0)
    w = 1.0 + np.arange(16).reshape(4, 4)
    game = replace(game, pairs=w + w.T - np.diag(2 * np.diag(w)))
    solver = SOLVERS["nlhf_exact"](tau=0.2)
    rows = estimated(kind, game, solver, n_comparisons=12)
    full = solver.solve(game).policy
    weights = np.array(game.pair_weights)
    weights[0, 2] = weights[2, 0] = 0
    pair = {"change": "missing", "pair": ["0", "2"]}
    for labels, sampled in (({"change": "none"}, game.pair_weights), (pair, weights)):
        data = _drawn(game, sampled, labels, 12)
        P = data.game().P
        policy = solver.solve(replace(game, P=P, pairs=None)).policy
        mended = np.where(data.pairs == 0, game.P, P)
        other = solver.solve(replace(game, P=mended, pairs=None)).policy
        assert (data.pairs[np.triu_indices(4, 1)] == 0).any()
        distance = abs(policy - other).sum() / 2
        assert distance > 0.01
        assert values(rows, "imputation_shift", **labels) == pytest.approx([distance])
        assert values(rows, "shift", **labels) == pytest.approx([abs(policy - full).sum() / 2])
        assert distance != pytest.approx(abs(policy - full).sum() / 2, abs=1e-3)
    first, second = (
        solver.solve(replace(game, P=_drawn(game, weights, *key).game().P, pairs=None)).policy
        for weights in [game.pair_weights]
        for key in [({"change": "none"}, 12), ({"change": "none"}, 12, "second data set")]
    )
    agreement = 1 - abs(first - second).sum() / 2
    assert agreement < 0.9
    assert values(rows, "agreement") == pytest.approx([agreement])
    assert {m.labels["change"] for m in select(rows, "agreement")} == {"none"}


def every_context_by_itself(kind: type[DataSensitivity]) -> None:
    game = random_games(3, 2, 3)
    params: dict[str, Any] = {"estimator": BRADLEY_TERRY}
    together = estimated(kind, game, SOLVERS["slhf_exact"](tau_leader=0.1), **params)
    for k in range(2):
        alone = estimated(kind, game.at(k), SOLVERS["slhf_exact"](tau_leader=0.1), **params)
        both = [m for m in together if m.context == k]
        assert [(m.metric, m.labels) for m in both] == [(m.metric, m.labels) for m in alone]
        got, expected = [m.value for m in both], [m.value for m in alone]
        assert got == pytest.approx(expected, abs=1e-10)


def on_given_preferences(kind: type[DataSensitivity]) -> None:
    """The only context whose pairs change is the one that a change names."""
    game = three_annotators()
    known = list(kind().measure(game, SOLVERS["rlhf_exact"](tau=0.0), generators))
    tops = [values(known, "probability", pair=pair).index(1) for pair in (["A", "B"], ["A", "C"])]
    assert tops == [1, 0]
    assert values(known, "shift", pair=["A", "C"]) == [1]
    assert all({"unseen", "n_comparisons"}.isdisjoint(m.labels) for m in known)


CHECKS = [by_hand, by_another_route, every_context_by_itself, on_given_preferences]


def check_all(kind: type[DataSensitivity]) -> None:
    for check in CHECKS:
        check(kind)


@pytest.mark.parametrize("check", CHECKS)
def test_the_numbers(check: Any) -> None:
    check(DataSensitivity)


MUTANTS = mutants({
    DataSensitivity: [
        ("* (size + drawn)", "* size"),
        ("first, second = every.at(k), every.at(size)", "first, second = every.at(k), every.at(k)"),
        ("agreement = 1 - numerics", "agreement = numerics"),
        ("shift = numerics.total_variation(policy, full.policy)", "shift = 0 * policy[..., 0]"),
        ("unseen_share = data.unseen[", "unseen_share = (~data.unseen)["),
        ("if drawn and k == 0", "if drawn"),
        ("if every is answer", "if every is not answer"),
        ("answers.at(k), loss, changed", "answers.at(0), loss, changed"),
    ],
})  # fmt: skip
MUTANTS += mutants({
    DataSensitivity: [
        ("np.where(comparisons.unseen, truth.P, fitted.game.P)", "truth.P"),
        ("np.where(comparisons.unseen, truth.P, fitted.game.P)", "fitted.game.P"),
        ("np.where(comparisons.unseen, truth.P, fitted.game.P)",
         "np.where(comparisons.unseen, fitted.game.P, truth.P)"),
        ("replace(truth, P=P, pairs=None)", "replace(truth, P=np.swapaxes(P, -1, -2), pairs=None)"),
    ],
}, module="tabular.estimates")  # fmt: skip
MUTANTS += mutants({
    DataSensitivity: [
        ("without[..., i[k], j[k]] = without[..., j[k], i[k]] = 0", "without[..., i[k], j[k]] = 0"),
        ('"second data set"', "*()"),
        ("sampled = [replace(game, pairs=weights)", "sampled = [replace(game, pairs=None)"),
    ],
}, module="tabular.sampling_changes")  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_are_caught(mutant: Mutant) -> None:
    assert_noticed(mutant, check_all, (AssertionError, ValueError))


def test_a_bradley_terry_estimate_gives_rlhf_what_its_fit_of_compared_pairs_gives() -> None:
    game, solver = random_games(4, 1, 4).at(0), SOLVERS["rlhf_exact"](tau=0.5)
    for size in (None, 400):
        table = estimated(DataSensitivity, game, solver, n_comparisons=size)
        model = estimated(
            DataSensitivity, game, solver, n_comparisons=size, estimator=BRADLEY_TERRY
        )
        dropped = values(table, "probability", unseen="dropped")
        same = values(model, "probability", unseen="estimated")
        assert len(same) == 4 * (1 + 6 + 5)
        assert same == pytest.approx(dropped, abs=1e-9)
        assert {m.labels.get("unseen") for m in model} == {None, "estimated"}


def test_what_is_never_in_doubt_agrees_and_more_data_agree_better() -> None:
    (sure,) = select(
        measured("data_sensitivity", SURE, SLHF, setting="estimated", n_comparisons=50), "agreement"
    )
    assert sure.value == 1
    game, solver = random_games(3, 8, 4), SOLVERS["nlhf_exact"](tau=0.1)
    few, many = (
        np.mean(values(rows, "agreement"))
        for size in (20, 20_000)
        for rows in [estimated(DataSensitivity, game, solver, n_comparisons=size)]
    )
    assert few < 0.9 < many


def test_an_estimate_that_does_not_exist_is_undefined_and_its_data_are_not() -> None:
    rows = estimated(DataSensitivity, SURE, NLHF, estimator=BRADLEY_TERRY)
    for metric in ("shift", "duality_gap", "regret", "imputation_shift", "probability"):
        found = select(rows, metric)
        assert found
        assert {m.status for m in found} == {"undefined"}
        assert all("nothing in a later component ever wins" in m.message for m in found)
    assert {m.status for m in select(rows, "unseen_share")} == {"ok"}
    penalised = estimated(DataSensitivity, SURE, NLHF, estimator="bradley_terry")
    assert {m.status for m in penalised} == {"ok"}
    unknown = estimated(DataSensitivity, SURE, NLHF, estimator="mixture", n_comparisons=9)
    assert "it is not known who compared" in select(unknown, "shift")[0].message


def test_an_imputed_answer_out_of_reach_is_undefined() -> None:
    """Where the answer exists on the estimate but not with the true P, or the other way round."""
    solver = MatchedKl(SOLVERS["slhf_exact"], 0.4)
    for seed in range(20):
        game = random_games(seed, 6, 3)
        rows = estimated(DataSensitivity, game, solver, n_comparisons=6)
        shifts = select(rows, "imputation_shift")
        assert len(shifts) == 6 * len({str(m.labels) for m in shifts})
        gaps = select(rows, "duality_gap")
        exist = {(m.context, str(m.labels)) for m in gaps if m.status == "ok"}
        lost = [m for m in shifts if m.status == "undefined"]
        if any((m.context, str(m.labels)) in exist for m in lost):
            break
    assert all("SlhfExact stays within" in m.message for m in lost)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": "bradly_terry"}, "did you mean bradley_terry"),
        ({"estimator": {"ridge": 1}}, "expected a name or a table with the key name"),
        ({"estimator": {"name": "table", "prior": -1}}, r"prior is -1, expected a number in \[0"),
        ({"estimator": {"name": "table", "ridge": 1}}, "estimator table: .*'ridge'"),
        ({"estimator": 3}, "expected a name or a table"),
        ({"estimator": "table", "setting": "known"}, "has neither n_comparisons nor estimator"),
    ],
)
def test_estimators_are_checked(params: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        EXPERIMENTS["data_sensitivity"](**{"setting": "estimated", **params})


def test_an_estimator_may_draw() -> None:
    make = EXPERIMENTS["data_sensitivity"]
    assert make(setting="estimated", estimator="general").draws
    assert not make(setting="estimated", estimator="bradley_terry").draws


def calls_for(name: str) -> Iterator[str]:
    solver = SOLVERS[name](tau=0.1)
    game = three_annotators()
    params: dict[str, Any] = {"estimator": {"name": "general", "starts": 2}, "n_comparisons": 40}
    asked: list[str] = []

    def rng_for(role: str, *key: object) -> np.random.Generator:
        asked.append(f"{role} {key}" if role != "solver" else role)
        return generators(role, *key)

    rows = list(
        EXPERIMENTS["data_sensitivity"]("estimated", **params).measure(game, solver, rng_for)
    )
    assert {m.status for m in rows} == {"ok"}
    yield from (text for text in asked if text != "solver")


def test_methods_are_compared_on_the_same_data_and_estimates() -> None:
    asked = list(calls_for("rlhf_exact"))
    assert asked == list(calls_for("nlhf_exact"))
    assert len(set(asked)) == len(asked) == 1 + 3 + 4 + 1 + 1  # changes, second data set, estimator
