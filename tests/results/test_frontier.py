"""Curves along strength: one fixed set a line, and nothing in place of what does not exist."""

import math
from typing import Any

import pandas as pd
import pytest

from results.frontier import (
    CATALOGUE,
    QUANTITIES,
    curves,
    figure,
    findings,
    has_rows,
    reached,
    table,
)
from results.rows import Row, canonical
from tests.readable import assert_texts_on_page
from tests.recorded import annotators, framed, row

SOLVERS = ("rlhf_exact", "nlhf_exact", "slhf_exact")
PUBLISHED = {0.01: 20, 0.03: 19, 0.1: 16, 0.3: 14, 1.0: 8}
UNDEFINED: dict[str, Any] = {"status": "undefined", "message": "out of reach"}


def value_of(solver: str, kl: float, game: int) -> float:
    return 0.1 * SOLVERS.index(solver) + kl / 10 + game / 100


def at_level(solver: str, kl: float, values: list[float], **fields: Any) -> list[Row]:
    """Two metrics of consistency, one value a game; NaN is out of reach. kl = inf is tau = 0."""
    params = {"tau": 0} if math.isinf(kl) else {"kl": kl}
    out = []
    for k, v in enumerate(values):
        status = UNDEFINED if math.isnan(v) else {}
        common: dict[str, Any] = {"solver": solver, "params": params, "game": f"g{k:02d}", **status}
        out += [row(m, v, **(common | fields)) for m in ("duality_gap", "kl_to_ref")]
    return out


def catalogue(reach: dict[float, int], games: int) -> list[Row]:
    """NLHF reaches each KL on the first so many games, the others on all."""
    rows = []
    for solver in SOLVERS:
        for kl, reaching in {**reach, math.inf: games}.items():
            n = reaching if solver == "nlhf_exact" else games
            each = [value_of(solver, min(kl, 9), k) if k < n else math.nan for k in range(games)]
            rows += at_level(solver, kl, each)
    return rows


def means(rows: list[Row], quantity: str = "duality gap") -> pd.DataFrame:
    frame = curves(framed(rows))
    return frame[frame["quantity"] == quantity]


def test_the_number_of_games_that_reach_each_level_is_shown() -> None:
    counts = reached(framed(catalogue(PUBLISHED, 23)))
    assert list(counts["level"]) == [*(f"KL = {kl:g} nats" for kl in PUBLISHED), "tau = 0"]
    assert list(counts["all three"]) == list(counts["NLHF"]) == [20, 19, 16, 14, 8, 23]
    assert set(counts["RLHF"]) == set(counts["games"]) == {23}


def test_a_line_averages_one_fixed_set_of_games() -> None:
    lines = means(catalogue(PUBLISHED, 23))
    sizes = {"KL 0.01 to 1 and tau = 0": 8, "KL 0.01 to 0.1 and tau = 0": 16}
    assert list(lines["levels"].unique()) == list(sizes)
    for levels, size in sizes.items():
        part = lines[lines["levels"] == levels].set_index(["method", "comparison"])
        assert set(part["size"]) == {size}
        assert set(part["n"]) == {"exact"}
        assert part["low"].isna().all()  # no interval over games
        for solver, method in zip(SOLVERS, ("RLHF", "NLHF", "SLHF"), strict=True):
            expected = sum(value_of(solver, 0.1, k) for k in range(size)) / size
            at_kl: Any = part.loc[(method, "KL = 0.1 nats"), "mean"]
            assert at_kl == pytest.approx(expected)


def test_the_games_of_every_set_are_listed() -> None:
    long, short = findings(means(catalogue({0.1: 3, 1.0: 1}, 3)))
    assert long == "KL 0.1 to 1 and tau = 0: 1 game (g00), for duality gap."
    assert short == "KL 0.1 and tau = 0: 3 games (g00, g01, g02), for duality gap."


def test_a_level_that_one_seed_misses_is_missed_by_the_game() -> None:
    rows = []
    for solver in SOLVERS:
        for seed in (0, 1):
            rows += at_level(solver, 0.1, [0.2, 0.4 if seed else math.nan], seed=seed)
            rows += at_level(solver, math.inf, [0.3, 0.3], seed=seed)
    assert set(means(rows)["size"]) == {1}
    assert set(means(rows)["games"]) == {"g00"}


def test_slhf_with_a_fixed_follower_ends_where_slhf_does() -> None:
    rows = catalogue({0.1: 2}, 2)
    fixed = {"kl": 0.1, "tau_follower": 0.0}
    rows += at_level("slhf_exact", 0.1, [0.7, 0.8], params=fixed)
    part = means(rows).set_index(["method", "comparison"])["mean"]
    name = "SLHF (tau_follower = 0)"
    assert part[name, "KL = 0.1 nats"] == pytest.approx(0.75)
    assert part[name, "tau = 0"] == part["SLHF", "tau = 0"]
    assert list(reached(framed(rows)).columns[-2:]) == [name, "all three"]


def test_rlhf_with_filled_pairs_is_a_line_of_its_own() -> None:
    labels = {"setting": "estimated", "change": "missing", "pair": ["a", "b"]}
    rows = []
    for solver, value, how in (
        ("rlhf_exact", 0.9, {}), ("rlhf_exact", 0.2, {"unseen": "filled"}), ("nlhf_exact", 0.3, {}),
    ):  # fmt: skip
        for params in ({"kl": 0.1}, {"tau": 0}):
            fields: dict[str, Any] = {"params": params, "labels": labels | how}
            rows.append(row("shift", value, solver=solver, experiment="data_sensitivity", **fields))
    part = means(rows, "largest shift by a missing pair, P estimated")
    assert dict(zip(part["method"], part["mean"], strict=True)) == {
        "RLHF": 0.9, "RLHF (filled)": 0.2, "NLHF": 0.3,
    }  # fmt: skip


def test_no_quantity_is_a_function_of_another() -> None:
    """The worst win rate is (1 - duality gap) / 2."""
    assert means(catalogue({0.1: 2}, 2))["quantity"].unique().tolist() == ["duality gap"]
    assert "worst_win_rate" not in {quantity.metric for quantity in QUANTITIES}


def test_draws_are_sets_with_an_interval() -> None:
    rows = []
    params = {"contexts": 4, "families": [{"name": "random"}]}
    family: dict[str, Any] = {"game": "contextual", "game_params": canonical(params)}
    for solver in SOLVERS:
        for kl, values in ((0.1, [0.1, 0.2, math.nan, 0.4]), (math.inf, [0.1, 0.2, 0.3, 0.5])):
            for k, v in enumerate(values):
                each = at_level(solver, kl, [v], seed=0, context=k)
                rows += [Row(**(vars(r) | family)) for r in each]
    lines = means(rows)
    assert set(lines["group"]) == {"random"}
    assert set(lines["size"]) == {3}
    assert set(lines["n"]) == {"3"}
    first = lines[lines["comparison"] == "KL = 0.1 nats"].iloc[0]
    assert first["mean"] == pytest.approx((0.1 + 0.2 + 0.4) / 3)
    assert first["low"] < first["mean"] < first["high"]
    assert set(lines["rank"]) == {"1"}  # the same values for every method
    assert ("tau = 0", "rank") in table(lines)
    assert figure(curves(framed(rows))) is None


def test_games_that_were_chosen_rank_nothing() -> None:
    assert means(catalogue(PUBLISHED, 23))["rank"].isna().all()


def test_the_table_has_a_column_a_level() -> None:
    wide = table(means(catalogue(PUBLISHED, 23)))
    levels = wide.columns.get_level_values("comparison")
    assert list(levels.unique()) == [*(f"KL = {kl:g} nats" for kl in PUBLISHED), "tau = 0"]
    assert len(wide) == 6


def test_without_a_matched_kl_there_is_no_frontier() -> None:
    assert not has_rows(framed([row("duality_gap", 0.1, params={"tau": t}) for t in (0.0, 0.1)]))
    assert not has_rows(framed([row("duality_gap", 0.1, solver="nash_md", params={"kl": 0.1})]))
    assert has_rows(annotators())


def test_the_figure_is_legible() -> None:
    drawn = figure(curves(framed(catalogue(PUBLISHED, 23))))
    assert drawn is not None
    drawn.canvas.draw()
    assert_texts_on_page(drawn)
    assert CATALOGUE in set(curves(annotators())["group"])
