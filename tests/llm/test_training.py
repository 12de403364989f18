"""The training loop: its curve, its cost, extragradient steps and refreshes."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from torch import Tensor

from games import SolverError
from games.game import Float
from llm.judges.game import GameJudge
from llm.learners import LEARNERS, Learner
from llm.policy import Policy
from llm.rollout import Completions, Rollout
from llm.sft import SftConfig, fine_tune
from llm.training import TrainingConfig, train
from tests.small_models import cycle_task, equal, parameters, precise, untrained
from tests.small_trainings import SHORT, evaluated, run

SLOW = replace(SHORT, lr=3e-4)


class Listening(GameJudge):
    """Records the texts that it is asked about."""

    def prefer(self, prompts: Sequence[str], *texts: Sequence[str], **columns: Any) -> Float:
        object.__setattr__(self, "heard", [*getattr(self, "heard", []), texts])
        p: Float = super().prefer(prompts, *texts, **columns)
        return p


# --- what happens ---

GOLDEN = {
    "egpo": [[0.294987, -0.029313, -0.239239], [0.356213, -0.065268, -0.25604]],
    "inpo": [[0.137635, -0.00236, -0.125048], [0.058519, -0.011314, -0.044481]],
    "nash_md_pg": [[0.333547, -0.023402, -0.277889], [0.441315, -0.070152, -0.324558]],
    "rloo": [[0.184665, 0.115609, -0.279394], [0.165709, 0.179677, -0.322433]],
    "sppo": [[0.121521, 0.010273, -0.122501], [0.041193, -0.000489, -0.038075]],
    "stackelberg_gda": [[0.081169, 0.076728, -0.148887], [0.136676, 0.079631, -0.198645]],
}


@pytest.fixture(scope="module")
def beginner() -> Policy:
    """A policy in double precision, so that machines agree on its answers after a few steps."""
    policy = precise(untrained())
    fine_tune(policy, cycle_task(), SftConfig(steps=25))
    return policy


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_trajectories(name: str, beginner: Policy) -> None:
    """Changes of the leader's probabilities after 2 and 4 steps."""
    done = run(LEARNERS[name](), beginner, replace(SHORT, lr=1e-3), evaluate=evaluated)
    leaders = np.array([point["leader"] for point in done.curve])
    assert [point["step"] for point in done.curve] == [0, 2, 4]
    np.testing.assert_allclose(leaders[1:] - leaders[0], GOLDEN[name], rtol=0, atol=1e-4)


def test_the_same_seed_is_the_same_training(tuned_policy: Policy) -> None:
    one, again = (run(LEARNERS["nash_md_pg"](), tuned_policy) for _ in range(2))
    other = run(LEARNERS["nash_md_pg"](), tuned_policy, seed=4)
    assert equal(parameters(one.policy), parameters(again.policy))
    assert not equal(parameters(one.policy), parameters(other.policy))


def test_the_learning_rate_falls_linearly(tuned_policy: Policy) -> None:
    """With a constant gradient, a step of Adam moves a parameter by the learning rate."""

    class Down(Learner):
        def loss(self, rollout: Rollout) -> Tensor:
            return rollout.policy.model.lm_head.weight.sum().expand(2)

    weights: list[float] = []

    def watch(step: int, policy: Policy, follower: Policy | None) -> dict[str, Any]:
        weights.append(policy.model.lm_head.weight[0, 0].item())
        return {}

    config = TrainingConfig(steps=4, lr=1e-2, final_lr=0.2, clip=1e9, evaluate_every=1)
    run(Down(), tuned_policy, config, evaluate=watch)
    np.testing.assert_allclose(-np.diff(weights), [0.01, 0.008, 0.006, 0.004], atol=1e-6)


def test_prompts_take_turns(tuned_policy: Policy) -> None:
    batches: list[list[str]] = []

    class Asking(Learner):
        def loss(self, rollout: Rollout) -> Tensor:
            batches.append(list(rollout.prompts))
            return rollout.log_ratio(rollout.encoded(rollout.prompts, ["a"] * len(rollout.prompts)))

    config = replace(SHORT, steps=2, batch_size=4)
    start = tuned_policy.copied()
    train(Asking(), start, tuned_policy.frozen(), None, ["which ?", "?", "Question ?"], config, 0)
    assert batches == [
        ["which ?", "?", "Question ?", "which ?"],
        ["?", "Question ?", "which ?", "?"],
    ]


# --- the cost ---


def test_what_is_spent(tuned_policy: Policy) -> None:
    task = cycle_task()
    judge = Listening(task.game, task.prompts, task.answers)
    done = run(LEARNERS["nash_md_pg"](), tuned_policy, judge=judge)
    heard: Any = judge.__dict__["heard"]
    first, second = ([text for texts in heard for text in texts[k]] for k in range(2))
    assert set(first) <= {*task.answers, *first}
    lengths = [[min(len(text.split()) + 1, 6) for text in texts] for texts in (first, second)]
    chat = len(tuned_policy.context(task.prompts[0]))
    rows = 4 * 32
    cost = done.cost
    assert cost.steps == 4
    assert cost.judge_calls == rows == len(first)
    assert cost.abstained == 0
    assert cost.generated_tokens == sum(map(sum, lengths))
    assert cost.backward_tokens == rows * chat + sum(lengths[0])
    assert cost.forward_tokens == 2 * cost.backward_tokens
    assert cost.seconds > 0
    points = [point["cost"] for point in done.curve]
    assert [point["judge_calls"] for point in points] == [0, rows // 2, rows]
    assert points[-1]["generated_tokens"] == cost.generated_tokens


def test_what_both_players_spend(tuned_policy: Policy) -> None:
    done = run(LEARNERS["stackelberg_gda"](), tuned_policy)
    task, rows = cycle_task(), 4 * 32
    chat = len(tuned_policy.context(task.prompts[0]))
    longer = min(len(tuned_policy.context(task.prompts[0], text)) for text in ("", *task.answers))
    cost = done.cost
    assert cost.judge_calls == rows
    assert cost.backward_tokens >= rows * (chat + longer) + cost.generated_tokens
    assert cost.forward_tokens == 2 * cost.backward_tokens


def test_abstentions_count_as_ties(tuned_policy: Policy) -> None:
    class Silent(GameJudge):
        def prefer(self, prompts: Sequence[str], *texts: Any, **columns: Any) -> Float:
            return np.full(len(prompts), np.nan)

    task = cycle_task()
    judge = Silent(task.game, task.prompts, task.answers)
    done = run(LEARNERS["nash_md_pg"](), tuned_policy, judge=judge)
    assert done.cost.abstained == done.cost.judge_calls == 4 * 32
    assert done.status == "ok"


# --- extragradient steps and refreshes ---


def log_prob_of_a(rollout: Rollout, policy: Policy) -> float:
    with torch.no_grad():
        return float(policy.log_probs([policy.context("which ?")], [policy.completion("a")]))


class Upwards(Learner):
    """Raises the probability of the answer a, whatever the opponent."""

    extragradient: ClassVar[bool] = False

    def loss(self, rollout: Rollout) -> Tensor:
        draw = Completions(
            ["which ?"], [rollout.policy.context("which ?")], [rollout.policy.completion("a")], []
        )
        return -rollout.score(draw).policy.sum(-1)


def test_the_first_of_two_extragradient_steps_is_taken_back(tuned_policy: Policy) -> None:
    pairs: list[list[float]] = []

    class Ahead(Upwards):
        extragradient: ClassVar[bool] = True

        def loss(self, rollout: Rollout) -> Tensor:
            if rollout.opponent is not None:
                pair = rollout.policy, rollout.opponent
                pairs.append([log_prob_of_a(rollout, policy) for policy in pair])
            return super().loss(rollout)

    plain, ahead = run(Upwards(), tuned_policy, SLOW), run(Ahead(), tuned_policy, SLOW)
    assert equal(parameters(plain.policy), parameters(ahead.policy))
    assert len(pairs) == 4
    assert all(opponent > policy + 1e-3 for policy, opponent in pairs)
    # without dependence on the opponent, the step goes where the trial went
    for (_, opponent), (policy, _) in itertools.pairwise(pairs):
        assert policy == pytest.approx(opponent, abs=1e-5)


def test_the_last_policy_is_refreshed(tuned_policy: Policy) -> None:
    pairs: list[list[float]] = []

    class Back(Upwards):
        @property
        def refresh_every(self) -> int:
            return 3

        def loss(self, rollout: Rollout) -> Tensor:
            assert not any(p.requires_grad for p in rollout.last.model.parameters())
            pairs.append([log_prob_of_a(rollout, p) for p in (rollout.policy, rollout.last)])
            return super().loss(rollout)

    run(Back(), tuned_policy, replace(SLOW, steps=7))
    policies, lasts = zip(*pairs, strict=True)
    assert np.diff(policies).min() > 1e-3
    np.testing.assert_allclose(lasts, np.take(policies, [0, 0, 0, 3, 3, 3, 6]), atol=1e-6)


def test_a_learner_without_refreshes_has_no_last_policy(tuned_policy: Policy) -> None:
    class Without(Upwards):
        def loss(self, rollout: Rollout) -> Tensor:
            return rollout.frozen_log_prob(rollout.answers(), rollout.last)

    with pytest.raises(SolverError, match="asks for its last policy but has no refresh_every"):
        run(Without(), tuned_policy)


def test_a_separate_follower_learns_by_itself(tuned_policy: Policy) -> None:
    done = run(LEARNERS["stackelberg_gda"](separate=True, kappa=2.0), tuned_policy)
    assert done.follower is not None
    start = parameters(tuned_policy)
    moved = [
        max(float((p - start[name]).abs().max()) for name, p in parameters(policy).items())
        for policy in (done.policy, done.follower)
    ]
    assert moved[0] > 1e-3
    assert moved[1] > 1.5 * moved[0]  # kappa is its learning rate over the leader's
    assert equal(start, parameters(tuned_policy))
