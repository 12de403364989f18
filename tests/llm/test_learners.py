"""Every learner keeps the law: its gradient, with draws enumerated, is its tabular solver's."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from benchmarks.conformance.learner import generic_logits, gradients, rollout_of, run, situation
from games import SolverError
from llm.learners import LEARNERS, Learner, kl_penalty
from llm.rollout import Scored
from tests.small_models import cycle

ONE_TOKEN = ("a", "b", "c")
ANY_LENGTH = ("a", "b c", "b d a", "b d")

VARIANTS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("rloo", {"samples": 2}, ANY_LENGTH),
    ("rloo", {"samples": 3, "tau": 0.7}, ONE_TOKEN),
    ("reinforce_reward", {"tau": 0.7}, ANY_LENGTH),
    ("dpo", {"tau": 0.7}, ANY_LENGTH),
    ("ipo", {"tau": 0.7}, ANY_LENGTH),
    ("nash_md_pg", {"mixture": 0.5}, ONE_TOKEN),
    ("nash_md_pg", {"mixture": 1.0, "tau": 0.7}, ONE_TOKEN),
    ("nash_md_pg", {"mixture": 1.0}, ANY_LENGTH),
    ("self_play_pg", {"tau": 0.7}, ANY_LENGTH),
    ("online_ipo", {"tau": 0.7}, ANY_LENGTH),
    ("egpo", {"tau": 0.7}, ANY_LENGTH),
    ("inpo", {"eta": 0.7, "tau": 0.5}, ANY_LENGTH),
    ("sppo", {"eta": 7.0}, ANY_LENGTH),
    ("stackelberg_gda", {"kappa": 1.5, "tau_leader": 0.7, "tau_follower": 0.3}, ANY_LENGTH),
    ("stackelberg_gda", {"separate": True, "kappa": 3.0}, ANY_LENGTH),
    ("stackelberg_gda", {"as_published": True, "tau_follower": 0.6}, ANY_LENGTH),
    ("stackelberg_gda", {"tau_leader": 0.0, "tau_follower": 0.0}, ONE_TOKEN),
]


def misfit(learner: Learner, texts: tuple[str, ...], seed: int = 0) -> float:
    """Largest difference of the two gradients; the tabular one must not be small."""
    game, task = situation(seed, texts)
    got, want = gradients(learner, game, task, generic_logits(seed, game.n))
    assert max(abs(part).max() for part in want) > 1e-3
    return max(float(abs(a - b).max()) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_every_learner_keeps_the_contract(name: str) -> None:
    outcomes = run(LEARNERS[name], name)
    assert [outcome for outcome in outcomes if outcome.passed is False] == []
    not_applicable = {outcome.name for outcome in outcomes if outcome.passed is None}
    assert not_applicable == ({"rest"} if name == "sppo" else set())
    assert len(outcomes) == 6


@pytest.mark.parametrize(("name", "params", "texts"), VARIANTS)
def test_the_law_with_other_parameters(
    name: str, params: dict[str, Any], texts: tuple[str, ...]
) -> None:
    assert max(misfit(LEARNERS[name](**params), texts, seed) for seed in range(3)) < 1e-5


def test_mixing_tokens_is_not_mixing_answers() -> None:
    assert max(misfit(LEARNERS["nash_md_pg"](mixture=0.5), ANY_LENGTH, k) for k in range(3)) > 1e-3


@pytest.mark.parametrize("name", ["reinforce_reward", "nash_md_pg", "self_play_pg"])
@pytest.mark.parametrize("estimator", ["k2", "k3"])
@pytest.mark.parametrize("texts", [ONE_TOKEN, ANY_LENGTH])
def test_other_kl_estimators_break_the_law(
    name: str, estimator: str, texts: tuple[str, ...]
) -> None:
    assert misfit(LEARNERS[name](kl_estimator=estimator), texts) > 1e-3


@pytest.mark.parametrize("estimator", ["k2", "k3"])
def test_other_kl_estimators_break_the_law_of_both_players(estimator: str) -> None:
    assert misfit(LEARNERS["stackelberg_gda"](kl_estimator=estimator), ONE_TOKEN) > 1e-3


def test_what_other_kl_estimators_differentiate() -> None:
    """For one token a text k3 gives the gradient of KL(pi | ref) - KL(ref | pi)."""
    game = cycle()
    theta = torch.tensor(generic_logits(0, 3)[0], requires_grad=True)
    log_pi, log_ref = theta.log_softmax(-1), torch.tensor(game.log_ref)
    pi, ref = log_pi.exp(), log_ref.exp()
    forward, backward = (pi * (log_pi - log_ref)).sum(), (ref * (log_ref - log_pi)).sum()
    kinds: dict[Any, Any] = {"k1": forward, "k3": forward - backward}
    for estimator, divergence in kinds.items():
        expected = torch.autograd.grad(divergence, theta, retain_graph=True)[0]
        scored = [Scored(log_pi[y : y + 1], log_ref[y : y + 1]) for y in range(3)]
        each = torch.stack([kl_penalty(one, estimator) for one in scored])
        gradient = torch.autograd.grad((pi.detach() * each).sum(), theta, retain_graph=True)[0]
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)
    with pytest.raises(SolverError, match="kl_estimator is 'k4', expected k1, k2 or k3"):
        kl_penalty(scored[0], "k4")  # type: ignore[arg-type]


def test_as_published_has_another_fixed_point() -> None:
    """The leader of the published loss converges to ref exp(E_omega P / tau_leader)."""
    game = cycle()
    paid, unpaid = (
        LEARNERS["stackelberg_gda"](as_published=published).target(game, [])
        for published in (False, True)
    )
    assert paid is not None
    assert unpaid is not None
    assert unpaid.follower is not None
    np.testing.assert_array_equal(paid.follower, unpaid.follower)
    leader = game.ref * np.exp((unpaid.follower * game.P).sum(-1) / 0.1)
    np.testing.assert_allclose(unpaid.policy, leader / leader.sum(), rtol=0, atol=1e-12)
    assert abs(paid.policy - unpaid.policy).sum() / 2 > 0.05
    theta = (unpaid.log_policy, np.log(unpaid.follower))
    for published, still in ((True, True), (False, False)):
        learner = LEARNERS["stackelberg_gda"](as_published=published)
        led, followed = learner.tabular_gradient(game, theta, unpaid.log_policy)
        assert followed is not None
        assert abs(followed).max() < 1e-12
        assert (abs(led).max() < 1e-12) == still


# --- sampled gradients ---


@pytest.mark.parametrize(
    ("name", "params"),
    [(name, {}) for name in sorted(LEARNERS) if name not in ("rloo", "dpo", "ipo")]
    + [("stackelberg_gda", {"separate": True}), ("nash_md_pg", {"mixture": 1.0})]
    + [("rloo", {"samples": 2})],
)
def test_sampled_gradients_are_right_on_average(name: str, params: dict[str, Any]) -> None:
    """The mean of sampled gradients is within its standard error of the enumerated gradient."""
    learner = LEARNERS[name](**params)
    game, task = situation(2, ONE_TOKEN)
    logits = generic_logits(2, game.n)
    rows = 1000
    rollout = rollout_of(learner, game, task, logits, seed=1)
    rollout = replace(rollout, prompts=[*task.prompts] * rows)
    losses = learner.loss(rollout)
    policies: list[Any] = [rollout.policy] + ([rollout.follower] if rollout.follower else [])
    tables = [policy.parameter for policy in policies]
    each = torch.autograd.grad(losses, tables, torch.eye(rows).double(), is_grads_batched=True)
    _, want = gradients(learner, game, task, logits)
    for samples, expected in zip(each, want, strict=True):
        sampled = torch.nan_to_num(samples).numpy()
        error = sampled.std(0) / np.sqrt(rows)
        varies = error > 0
        z = (sampled.mean(0) - expected)[varies] / error[varies]
        assert np.abs(z).max() < 4.5
        assert np.abs(expected[~varies]).max() < 1e-12
        assert error.max() < 0.25 * np.abs(expected).max()  # enough rows to tell


def test_data_are_drawn_alike() -> None:
    game, task = situation(2, ONE_TOKEN)
    rollout = rollout_of(LEARNERS["dpo"](), game, task, generic_logits(2, 3))
    data = [(task.prompts[0], *pair) for pair in (("a", "b"), ("b", "c"), ("a", "b"))]
    rollout = replace(rollout, data=data, prompts=[*task.prompts] * 3000)
    winners, losers = rollout.sample_pairs()
    assert set(zip(winners.texts, losers.texts, strict=True)) == {("a", "b"), ("b", "c")}
    assert abs(winners.texts.count("a") - 2000) < 4.5 * np.sqrt(3000 * 2 / 9)
