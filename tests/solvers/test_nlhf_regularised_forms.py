"""Regularised NLHF methods that coincide, their ranges, and their sampled forms."""

from typing import Any

import numpy as np
import pytest

from games import PreferenceGame
from games.errors import SolverError
from solvers.comal import Comal
from solvers.egpo import Egpo
from solvers.inpo import Inpo
from solvers.iterative import IterativeSolver
from solvers.mnpo import Mnpo
from solvers.mpo import Mpo
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nash_rs import NashRs
from solvers.online_ipo_1 import OnlineIpo1
from solvers.online_ipo_2 import OnlineIpo2
from solvers.rspo import Rspo
from solvers.sampling import NO_DRAWS
from tests.solvers.regularised_game import (
    ETA,
    GAME,
    PI,
    REF,
    TAU,
    THETA,
    P,
    against,
    close,
)

REGULARISED: tuple[type[Any], ...] = (
    OnlineIpo1, OnlineIpo2, Inpo, NashMdPg, NashEma, Egpo, Mpo, Comal, Mnpo, NashRs, NashMd,
)  # fmt: skip


def run(solver: IterativeSolver, state: Any, steps: int = 5) -> Any:
    for _ in range(steps):
        state = solver.step(GAME, state, NO_DRAWS)
    return state


def proximal(policy: Any, opponent: Any, eta: float, centre: Any = REF) -> Any:
    """argmax_p p'P opponent - tau KL(p | centre) - KL(p | policy) / eta; the slope is checked."""
    weight = 1 / eta + TAU
    p = np.asarray(policy) ** (1 / eta / weight) * np.asarray(centre) ** (TAU / weight)
    p = p * np.exp(np.asarray(against(opponent)) / weight)
    p /= p.sum()
    slope = against(opponent) - TAU * np.log(p / centre) - np.log(p / policy) / eta
    assert np.ptp(slope) < 1e-12
    return p


def test_inpo_is_online_ipo_1() -> None:
    e = 1 / ETA  # the paper's eta; its regression target has the weights tau / e and 1 - tau / e
    p = np.array(PI)
    for _ in range(5):
        p = np.exp(np.asarray(against(p)) / e) * np.array(REF) ** (TAU / e) * p ** (1 - TAU / e)
        p /= p.sum()
    close(OnlineIpo1(TAU, ETA), run(OnlineIpo1(TAU, ETA), THETA), p)


def test_mmd_and_wind_are_online_ipo_1_with_a_shorter_step() -> None:
    p, q = np.array(PI), np.array(PI)
    for _ in range(5):
        p = proximal(p, p, ETA)  # magnetic mirror descent
        q = (q * np.array(REF) ** (ETA * TAU) * np.exp(ETA * np.asarray(against(q)))) ** (
            1 / (1 + ETA * TAU)
        )  # WIND
        q /= q.sum()
    solver = OnlineIpo1(TAU, ETA / (1 + ETA * TAU))
    close(solver, run(solver, THETA), p)
    close(solver, run(solver, THETA), q)


def test_nash_mirror_prox_is_egpo_with_a_shorter_step() -> None:
    for eta, solver in ((ETA, Egpo(TAU, ETA / (1 + ETA * TAU))), (2.0, Egpo(TAU))):
        p = np.array(PI)
        for _ in range(5):
            p = proximal(p, proximal(p, p, eta), eta)
        close(solver, run(solver, THETA), p)


def test_comals_inner_loop_is_mpo_with_a_longer_step() -> None:
    inner = ETA / (1 + ETA * TAU)
    p = magnet = np.array(PI)
    for k in range(7):
        p = p ** (1 - inner * TAU) * magnet ** (inner * TAU) * np.exp(inner * np.array(against(p)))
        p /= p.sum()
        magnet = p if (k + 1) % 3 == 0 else magnet
    assert inner / (1 - inner * TAU) == pytest.approx(ETA)
    close(Mpo(TAU, ETA, 3), run(Mpo(TAU, ETA, 3), (THETA, THETA, 0), 7), p)


def test_the_largest_safe_step_of_mpo_is_the_default_of_online_ipo_1() -> None:
    for tau in (0.01, 0.1, 1.0):
        assert 4 * tau / (1 + 4 * tau * tau) == pytest.approx(OnlineIpo1(tau).step_size)


def test_special_cases_coincide() -> None:
    plain = OnlineIpo1(TAU, ETA)
    expected = plain.policy(run(plain, THETA))
    close(NashEma(TAU, ETA, 1.0), run(NashEma(TAU, ETA, 1.0), (THETA, THETA)), expected)
    close(Mnpo(TAU, ETA, 3, 0.0), run(Mnpo(TAU, ETA, 3, 0.0), (THETA,) * 3), expected)
    newest = Mnpo(TAU, ETA, 3, 0.0, "newest")
    close(newest, run(newest, (THETA,) * 3), expected)
    gradient = NashMdPg(TAU, 0.0, ETA)
    close(
        gradient,
        run(gradient, THETA),
        OnlineIpo2(TAU, ETA).policy(run(OnlineIpo2(TAU, ETA), THETA)),
    )


@pytest.mark.parametrize("decay", [3, 10, 10.0, 1e6])
@pytest.mark.parametrize("history", [2, 20, 400])
def test_weights_of_mnpo_are_a_distribution_that_grows_with_age(decay: float, history: int) -> None:
    weights = Mnpo(TAU, ETA, history, decay).weights
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights >= 0).all()
    assert weights[-1] == pytest.approx((1 - 1 / decay) / (1 - decay**-history), rel=1e-12)
    assert weights[-2] * decay == pytest.approx(weights[-1], rel=1e-12)


BAD: list[tuple[type[Any], dict[str, Any]]] = [
    *[(cls, {"tau": 0.0}) for cls in REGULARISED],
    *[(cls, {"eta": eta}) for cls in REGULARISED if cls is not Comal for eta in (-1.0, 0.0)],
    *[(cls, {"samples": -1}) for cls in REGULARISED if cls is not Comal],
    *[(cls, {"eta": 21.0}) for cls in (OnlineIpo1, NashEma, Egpo, Mnpo, NashRs, NashMd)],
    (NashMdPg, {"mixture": 1.1}),
    (NashEma, {"rate": 0.0}),
    (NashEma, {"rate": 1.1}),
    (Mpo, {"reset_every": 0}),
    (NashEma, {"eta": None}),
    (Mnpo, {"history": 0}),
    (Mnpo, {"history": 2.0}),
    (Mnpo, {"history": 2.5}),
    (Mnpo, {"decay": -0.1}),
    (Mnpo, {"opponents": "all"}),
    (NashMd, {"mixing": 1.1}),
    (NashMd, {"eta": 10.0}),
    (NashMd, {"schedule": "slow"}),
    (Egpo, {"pairs": "both"}),
]


@pytest.mark.parametrize(("cls", "bad"), BAD)
def test_ranges(cls: type[Any], bad: dict[str, Any]) -> None:
    with pytest.raises(SolverError, match=f"{cls.__name__}: {next(iter(bad))} is"):
        cls(**bad)


def test_a_step_size_of_nothing_is_no_default_and_says_how_to_ask_for_it() -> None:
    for cls in (OnlineIpo1, Inpo, NashRs, Mnpo, Egpo, OnlineIpo2, NashMdPg, Rspo):
        with pytest.raises(SolverError, match=r"expected a number in \(0, .*; leave eta out"):
            cls(eta=0)
        assert cls(eta=None) == cls()
    with pytest.raises(SolverError, match=r"tau is 0, expected a number in \(0, inf\)$"):
        OnlineIpo1(tau=0)


SAMPLED = [cls for cls in REGULARISED if cls is not Comal]


@pytest.mark.parametrize("cls", SAMPLED)
def test_sampling_needs_a_generator(cls: type[Any]) -> None:
    solver = cls(samples=4)
    assert solver.draws
    assert not cls().draws
    with pytest.raises(SolverError, match="rng"):
        solver.solve(GAME)
    with pytest.raises(SolverError, match="rng"):
        solver.step(GAME, solver.init(GAME, None), NO_DRAWS)


@pytest.mark.parametrize("cls", [cls for cls in SAMPLED if cls not in (Egpo, Inpo)])
def test_a_sampled_step_is_right_on_average(cls: type[Any]) -> None:
    copies = 20_000
    many = PreferenceGame(np.tile(P, (copies, 1, 1)), REF)
    theta = np.tile(THETA, (copies, 1))
    start: dict[type[Any], Any] = {
        NashEma: (theta, theta),
        Mpo: (theta, theta, 0),
        Mnpo: (theta, theta),
        NashMd: (theta, 0),
    }
    state = start.get(cls, theta)
    rng = np.random.default_rng(0)
    noisy, exact = cls(samples=2).step(many, state, rng), cls().step(many, state, NO_DRAWS)
    if isinstance(noisy, tuple):
        noisy, exact = noisy[0], exact[0]
    # centred: only differences of logits matter
    error = (noisy - noisy.mean(-1, keepdims=True)) - (exact - exact.mean(-1, keepdims=True))
    spread = error.std(0)
    assert (spread > 1e-4).all()
    assert (abs(error.mean(0)) < 4 * spread / np.sqrt(copies)).all()
