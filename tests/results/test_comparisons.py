"""Which comparisons are shown, in which order, and what they support."""

import math
from typing import Any

import pytest

from results.comparisons import (
    comparisons_to_show,
    equal_temperature,
    is_equal_strength,
    level,
    main_comparison,
    middle_level,
    select_comparison,
    void_metrics,
)
from results.frames import describe
from results.rows import Row, RunError
from tests.recorded import framed, row, with_exact_concepts

CONCEPTS = ("rlhf_exact", "nlhf_exact", "slhf_exact")


def frontier(reached: dict[float, int], games: int = 23) -> list[Row]:
    """Rows at each KL: the last concept is undefined on all but the first so many games."""
    undefined: dict[str, Any] = {"status": "undefined", "message": "out of reach"}
    rows = []
    for kl, n in reached.items():
        for solver in CONCEPTS:
            for k in range(games):
                missing = solver == CONCEPTS[-1] and k >= n
                common: dict[str, Any] = {"solver": solver, "params": {"kl": kl}, "game": f"g{k}"}
                value = math.nan if missing else 0.5
                rows.append(row("duality_gap", value, **common, **(undefined if missing else {})))
    return rows


@pytest.mark.parametrize(
    ("name", "strength"),
    [("tau = 0", math.inf), ("KL = 0.1 nats", 0.1), ("tau = 0.1", math.nan),
     ("defaults", math.nan), ("tau_follower = 0.01, tau_leader = 1", math.nan)],
)  # fmt: skip
def test_strength_is_kl_and_ends_at_tau_0(name: str, strength: float) -> None:
    assert level(name) == pytest.approx(strength, nan_ok=True)
    assert is_equal_strength(name) is not math.isnan(strength)


def test_entropy_compares_nothing_at_equal_kl() -> None:
    assert set(void_metrics("KL = 0.1 nats")) == {"entropy", "self_agreement"}
    assert "by arithmetic" in void_metrics("KL = 0.1 nats")["entropy"]
    assert not void_metrics("tau = 0")
    assert not void_metrics("tau = 0.1")


def test_the_middle_kl_is_the_largest_that_most_games_reach() -> None:
    published = {0.01: 20, 0.03: 19, 0.1: 16, 0.3: 14, 1.0: 8}
    assert middle_level(describe(framed(frontier(published)))) == "KL = 0.1 nats"
    assert middle_level(describe(framed(frontier({0.1: 4, 0.3: 4, 1.0: 2})))) == "KL = 0.3 nats"
    assert middle_level(describe(framed(frontier({0.1: 0, 0.3: 0})))) == "KL = 0.3 nats"
    assert middle_level(describe(framed([row("entropy", 0)]))) is None


def test_a_level_is_reached_by_answers_and_not_by_their_times() -> None:
    """Solving an unreachable level takes seconds too, and a known game may be reached."""
    rows = frontier({0.1: 23, 0.3: 8})
    reach = [Row(**(vars(r) | {"metric": "kl_to_ref"})) for r in rows]
    times: dict[str, Any] = {"metric": "seconds", "value": 0.1, "status": "ok", "message": ""}
    seconds = [Row(**(vars(r) | times)) for r in rows]
    other = [Row(**(vars(r) | {"metric": "shift", "value": 0.0, "status": "ok"})) for r in rows]
    assert middle_level(describe(framed(rows + seconds))) == "KL = 0.1 nats"
    assert middle_level(describe(framed(reach + seconds + other))) == "KL = 0.1 nats"


def test_a_game_counts_by_the_share_of_its_draws_that_are_reached() -> None:
    rows = []
    for kl, reaching in ((0.1, 8), (0.3, 4)):
        for solver in CONCEPTS:
            for seed in range(10):
                missing = solver == CONCEPTS[1] and seed >= reaching
                common: dict[str, Any] = {"solver": solver, "params": {"kl": kl}, "seed": seed}
                rows.append(row("kl_to_ref", math.nan if missing else kl, **common))
    assert middle_level(describe(framed(rows))) == "KL = 0.1 nats"


def test_equal_temperature_comes_last_and_only_for_methods_run_nowhere_else() -> None:
    rows = with_exact_concepts("nash_md", 0.1)
    assert comparisons_to_show(describe(framed(rows))) == {
        "tau = 0": ["RLHF", "NLHF", "SLHF"],
        "tau = 0.1": ["nash_md"],
    }
    with_kl = describe(framed(rows + frontier({0.1: 23, 1.0: 3})))
    assert comparisons_to_show(with_kl) == {
        "tau = 0": ["RLHF", "NLHF", "SLHF"],
        "KL = 0.1 nats": [],
        "tau = 0.1": ["nash_md"],
    }
    assert comparisons_to_show(describe(framed(with_exact_concepts("nash_md", 0.0)))) == {
        "tau = 0": ["RLHF", "NLHF", "SLHF", "nash_md"]
    }
    slhf_and_nash_md = rows[-4:]
    assert list(comparisons_to_show(describe(framed(slhf_and_nash_md)))) == ["tau = 0.1"]


def test_the_main_comparison_is_of_equal_strength_if_there_is_one() -> None:
    at_tau = [row("entropy", 0, solver=s, params={"tau": t}) for s in CONCEPTS for t in (0.1, 1)]
    assert main_comparison(describe(framed(at_tau))) == "tau = 0.1"
    assert main_comparison(describe(framed(at_tau + frontier({0.3: 9})))) == "KL = 0.3 nats"
    assert main_comparison(describe(framed([*at_tau, row("entropy", 0)]))) == "tau = 0"


def test_equal_temperature_has_all_concepts_if_one_does() -> None:
    rows = [row("entropy", 0, params={"tau": 0.01}, game=g) for g in ("g", "h", "i")]
    rows += [row("entropy", 0, params={"tau": 0.1}, solver=s) for s in CONCEPTS[:2]]
    assert equal_temperature(describe(framed(rows))) == "tau = 0.01"
    rows += [row("entropy", 0, params={"tau": 0.1}, solver=CONCEPTS[2])]
    assert equal_temperature(describe(framed(rows))) == "tau = 0.1"
    assert equal_temperature(describe(framed([row("entropy", 0)]))) is None


def test_an_absent_comparison_lists_those_that_exist() -> None:
    with pytest.raises(RunError, match=r"no row at 'tau = 7'; expected one of: tau = 0$"):
        select_comparison(describe(framed([row("entropy", 0)])), "tau = 7")
