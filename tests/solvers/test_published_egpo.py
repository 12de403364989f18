"""Final policies of the simulation published with EGPO, on three games, at its own settings.

Zhou, Fazel and Du 2025, arXiv:2503.08942. With learning rate lr, n answers and a gradient of
``loss * lr`` on logits: eta = 4 lr / (n tau) where the pairs of the loss are uniform, 4 lr / tau
where they come from the policy, and lr for the policy gradient. Both forms of Nash-MD mix with
2 lr / n, which is half of the step times tau.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from games import PreferenceGame, measures, numerics
from games.game import Float
from solvers.egpo import Egpo
from solvers.iterative import IterativeSolver
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nlhf_exact import NlhfExact
from solvers.online_ipo_1 import OnlineIpo1
from solvers.online_ipo_2 import OnlineIpo2

PUBLISHED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "egpo_golden.json").read_text()
)
GAME = PreferenceGame(PUBLISHED["P"], special.softmax(PUBLISHED["ref_logits"], axis=-1))


def at_published_settings(method: str, tau: float, lr: float, steps: int) -> IterativeSolver:
    n = GAME.n
    common: dict[str, Any] = {"tau": tau, "max_steps": steps, "tol": 0.0}
    match method:
        case "EGPO":
            return Egpo(eta=4 * lr / (n * tau), **common)
        case "Online IPO 1 (OMD)":
            return OnlineIpo1(eta=4 * lr / (n * tau), **common)
        case "Online IPO 2":
            return OnlineIpo2(eta=4 * lr / tau, **common)
        case "Nash-MD":
            return NashMd(eta=4 * lr / (n * tau), mixing=2 * lr / n, **common)
        case "Nash-MD-PG":
            return NashMdPg(eta=lr, mixture=2 * lr / n, **common)
    raise AssertionError(method)


def published(run: dict[str, Any]) -> IterativeSolver:
    return at_published_settings(run["method"], run["tau"], run["lr"], run["steps"])


def named(run: dict[str, Any]) -> str:
    return f"{run['method']} at {run['tau']}"


@pytest.mark.parametrize("run", PUBLISHED["runs"], ids=named)
def test_the_final_policies_are_the_published_ones(run: dict[str, Any]) -> None:
    policy = np.array(run["policy"])
    assert numerics.total_variation(policy, GAME.ref).min() > 0.04  # the start is far
    solution = published(run).solve(GAME)
    tolerance = 1e-14 if run["method"] == "Nash-MD-PG" else 1e-12
    np.testing.assert_allclose(solution.policy, policy, rtol=0, atol=tolerance)


def off(policy: Float, run: dict[str, Any]) -> float:
    return float(numerics.total_variation(policy, np.array(run["policy"])).max())


def test_other_settings_are_not_the_published_ones() -> None:
    """The settings of the paper's Nash-MD, and of a policy gradient as fast as the others."""
    runs = {named(run): run for run in PUBLISHED["runs"]}
    for tau, distance in ((0.1, 0.004), (0.01, 0.07)):
        run = runs[f"Nash-MD at {tau}"]
        paper = NashMd(tau, 4 * run["lr"] / (10 * tau), max_steps=run["steps"], tol=0.0)
        assert off(paper.solve(GAME).policy, run) == pytest.approx(distance, rel=0.15)
    run = runs["Nash-MD-PG at 0.1"]
    faster = NashMdPg(0.1, 0.0, 4.0, max_steps=run["steps"])
    gaps = [measures.duality_gap(GAME, s.solve(GAME).policy, 0.1) for s in (published(run), faster)]
    np.testing.assert_allclose(gaps[0], [0.046, 0.0055, 0.021], rtol=0.05)
    assert (gaps[1] < gaps[0] / 5).all()


def test_nash_md_settles_at_the_best_response_to_its_mixture() -> None:
    """Whatever its mixing: 0 is self-play, 1 the best response to the reference."""
    for mixing in (0.0, 0.02, 0.3, 0.9, 1.0):
        solver = NashMd(0.3, 0.4, mixing=mixing)
        end = solver.solve(GAME)
        assert (end.status == "ok").all()
        logits = (1 - mixing) * end.log_policy + mixing * GAME.log_ref
        opponent = np.exp(numerics.log_softmax(logits))
        reply = measures.best_response(GAME, opponent, 0.3)
        np.testing.assert_allclose(end.policy, reply, rtol=0, atol=1e-10)
        np.testing.assert_allclose(end.policy, solver.target(GAME).policy, rtol=0, atol=1e-10)
    nash = NlhfExact(0.3).solve(GAME).policy
    assert numerics.total_variation(end.policy, nash).min() > 0.01
    with_default = NashMd(0.3, 0.4).solve(GAME).policy
    same = NashMd(0.3, 0.4, mixing=0.12).solve(GAME).policy
    np.testing.assert_allclose(same, with_default, rtol=0, atol=1e-13)
    self_play = NashMd(0.3, 0.4, mixing=0.0, max_steps=7, tol=0.0).solve(GAME).policy
    ipo = OnlineIpo1(0.3, 0.4, max_steps=7, tol=0.0).solve(GAME).policy
    np.testing.assert_allclose(self_play, ipo, rtol=0, atol=1e-14)
