"""How a diverging training ends, and what is refused before a training begins."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from safetensors.torch import load_file
from torch import Tensor

from games import SolverError
from llm import checkpoints
from llm.judges.game import GameJudge
from llm.learners import LEARNERS
from llm.learners.nash_md_pg import NashMdPg
from llm.policy import Policy
from llm.rollout import Rollout
from llm.training import TrainingConfig
from tests.small_models import cycle_task, equal, parameters
from tests.small_trainings import SHORT, evaluated, run


@dataclass(frozen=True)
class Breaks(NashMdPg):
    """Its loss is not finite from the sixth call on."""

    at: int = 6

    def loss(self, rollout: Rollout) -> Tensor:
        called = self.__dict__.get("called", 0) + 1
        object.__setattr__(self, "called", called)
        factor = torch.inf if called >= self.at else 1.0
        return super().loss(rollout) * factor

    def tabular_gradient(self, *args: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("extragradient", [False, True])
def test_a_loss_that_is_not_finite_ends_the_training(
    extragradient: bool, tuned_policy: Policy, tmp_path: Path
) -> None:
    kind = type("Broken", (Breaks,), {"extragradient": extragradient})
    config = replace(SHORT, steps=9, checkpoint_every=2)
    done = run(kind(), tuned_policy, config, tmp_path, evaluate=evaluated)
    stopped = 2 if extragradient else 5
    assert done.status == "diverged"
    assert done.cost.steps == stopped
    record = checkpoints.ended(tmp_path)
    assert record == ("diverged", done.curve)
    # the policy is that of the last good checkpoint, which the folder still holds
    saved = load_file(tmp_path / "checkpoint" / "parameters.safetensors")
    for name, p in parameters(done.policy).items():
        assert torch.equal(saved[f"policy.{name}"], p)
        assert bool(torch.isfinite(p).all())
    last = [point for point in done.curve if point["step"] == stopped // 2 * 2][-1]
    now = evaluated(0, done.policy, None)
    np.testing.assert_allclose(now["leader"], last["leader"], rtol=0, atol=1e-6)
    again = run(kind(), tuned_policy, config, tmp_path)
    assert (again.status, again.curve) == ("diverged", done.curve)
    assert equal(parameters(again.policy), parameters(done.policy))


def test_without_a_folder_the_last_finite_policy_is_returned(tuned_policy: Policy) -> None:
    done = run(Breaks(at=3), tuned_policy)
    assert done.status == "diverged"
    assert done.cost.steps == 2
    assert all(bool(torch.isfinite(p).all()) for p in done.policy.model.parameters())
    assert not equal(parameters(done.policy), parameters(tuned_policy))


def test_half_precision_takes_a_step(tuned_policy: Policy) -> None:
    """Half precision also works after a training in single precision in the same process."""
    run(LEARNERS["rloo"](), tuned_policy, replace(SHORT, steps=1))
    done = run(LEARNERS["rloo"](), tuned_policy, replace(SHORT, steps=2, precision="bf16"))
    assert done.status == "ok"
    assert done.policy.model.dtype == torch.float32
    assert not equal(parameters(done.policy), parameters(tuned_policy))
    plain = run(LEARNERS["rloo"](), tuned_policy, replace(SHORT, steps=2))
    assert not equal(parameters(done.policy), parameters(plain.policy))


@pytest.mark.parametrize(
    "change",
    [
        {"learner": LEARNERS["nash_md_pg"](tau=0.2)},
        {"learner": LEARNERS["online_ipo"]()},
        {"config": replace(SHORT, lr=1e-3)},
        {"seed": 9},
    ],
)
def test_the_folder_of_another_training_is_refused(
    change: dict[str, Any], tuned_policy: Policy, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"learner": LEARNERS["nash_md_pg"](), "config": SHORT, "seed": 3}
    given["config"] = replace(SHORT, steps=1)
    run(tuned_policy=tuned_policy, folder=tmp_path, **given)
    before = (tmp_path / "checkpoint" / "state.json").read_bytes()
    with pytest.raises(SolverError, match="holds another training"):
        run(tuned_policy=tuned_policy, folder=tmp_path, **{**given, **change})
    assert (tmp_path / "checkpoint" / "state.json").read_bytes() == before


def test_what_a_learner_lacks(tuned_policy: Policy) -> None:
    with pytest.raises(SolverError, match="Dpo learns from comparisons; pass data"):
        run(LEARNERS["dpo"](), tuned_policy)
    task = cycle_task()
    judge = GameJudge(task.game, task.prompts, task.answers)
    with pytest.raises(SolverError, match="Rloo needs scalar rewards, a judge with `score`"):
        run(LEARNERS["rloo"](), tuned_policy, judge=judge)


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 0), ("batch_size", 0), ("lr", 0.0), ("final_lr", 1.5), ("precision", "fp8")],
)
def test_settings_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(SolverError, match=name):
        TrainingConfig(**{name: value})


def test_state_is_plain_json(tuned_policy: Policy, tmp_path: Path) -> None:
    assert checkpoints.ended(tmp_path) is None
    run(LEARNERS["nash_md_pg"](), tuned_policy, folder=tmp_path, evaluate=evaluated)
    state = json.loads((tmp_path / "checkpoint" / "state.json").read_text())
    assert state["step"] == 4
    assert state["ended"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
