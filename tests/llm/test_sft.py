"""Supervised fine-tuning: references are learnt exactly, once, by any checkpoint."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from games import SolverError, numerics
from llm import sft
from llm.cache import user_cache
from llm.evaluation import answer_probabilities
from llm.judges.game import GameJudge
from llm.learners import LEARNERS
from llm.models import load, save, tiny
from llm.policy import Policy
from llm.sft import SftConfig, fine_tune, fine_tuned
from llm.tasks import Task
from llm.training import TrainingConfig, train
from tests.small_models import cycle_task, equal, gpt2, parameters, plain_log_prob

QUICK = SftConfig(steps=8)


def distances(task: Task, policy: Policy) -> list[float]:
    """KL from the references to the policy, invalid mass included: leader, mean of rows."""
    probabilities = answer_probabilities(task, policy)
    game = task.game
    leader = (game.ref * (game.log_ref - probabilities.leader)).sum()
    rows = (task.follower * (np.log(task.follower) - probabilities.follower)).sum(-1).mean()
    return [float(leader), float(rows)]


def test_a_model_learns_its_references() -> None:
    task = cycle_task()
    policy = Policy(*tiny([*task.prompts, *task.answers]))
    assert min(distances(task, policy)) > 1
    left = fine_tune(policy, task, SftConfig(steps=200))
    assert max(distances(task, policy)) < 1e-3
    assert left == pytest.approx(sum(distances(task, policy)), abs=1e-5)
    probabilities = answer_probabilities(task, policy)
    assert probabilities.invalid_mass < 1e-3
    assert probabilities.follower_invalid_mass < 1e-3
    # the same numbers, one text at a time
    context = policy.context(task.prompts[0], "b c")
    plain = [plain_log_prob(policy, context, policy.completion(text)) for text in task.answers]
    np.testing.assert_allclose(probabilities.follower[1], plain, rtol=0, atol=1e-4)


def test_every_context_has_its_references() -> None:
    task = cycle_task()
    two = replace(
        task.game,
        P=np.stack([task.game.P] * 2),
        ref=np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]),
        ref_follower=np.stack([task.follower, task.follower[::-1]]),
        pairs=None,
    )
    both = Task(two, ("Question 1 ?", "Question 2 ?"), task.answers)
    policy = Policy(*tiny([*both.prompts, *both.answers]))
    fine_tune(policy, both, SftConfig(steps=200))
    probabilities = answer_probabilities(both, policy)
    assert probabilities.leader.shape == (2, 3)
    assert numerics.kl(two.log_ref, probabilities.leader).max() < 0.01
    assert numerics.kl(np.log(both.follower), probabilities.follower).max() < 0.05


def test_reversed_references() -> None:
    turned = cycle_task().reversed()
    np.testing.assert_array_equal(turned.game.ref, cycle_task().game.ref[::-1])
    for i in range(3):
        for j in range(3):
            assert turned.follower[i, j] == cycle_task().follower[2 - i, 2 - j]
    np.testing.assert_array_equal(turned.game.P, cycle_task().game.P)


def test_answers_that_the_tokenizer_changes_are_refused() -> None:
    task = replace(cycle_task(), answers=("a", "b  c", "d"))
    with pytest.raises(SolverError, match="writes the answer 'b  c' as 'b c'"):
        fine_tune(Policy(*tiny(task.answers)), task, QUICK)


# --- the cache ---


def counted(monkeypatch: pytest.MonkeyPatch) -> list[SftConfig]:
    """A list of all fine-tunings from now on."""
    calls: list[SftConfig] = []

    def counting(policy: Policy, task: Task, config: SftConfig) -> float:
        calls.append(config)
        return fine_tune(policy, task, config)

    monkeypatch.setattr(sft, "fine_tune", counting)
    return calls


Change = Callable[[Task], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "leader": lambda task: {
        "task": replace(task, game=replace(task.game, ref=np.array([0.3, 0.2, 0.5])))
    },
    "follower": lambda task: {"task": replace(task, game=replace(task.game, ref_follower=None))},
    "answers": lambda task: {"task": replace(task, answers=("a", "b c", "b d"))},
    "prompts": lambda task: {"task": replace(task, prompts=("which one ?",))},
    "rate": lambda task: {"config": replace(QUICK, lr=1e-3)},
    "seed": lambda task: {"config": replace(QUICK, seed=1)},
}


def test_a_fine_tuned_model_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls, task = counted(monkeypatch), cycle_task()
    one, again = (fine_tuned("tiny", task, QUICK, tmp_path) for _ in range(2))
    assert len(calls) == 1
    assert equal(parameters(one), parameters(again))
    assert one.model is not again.model
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["tiny"]
    # a model does not learn preferences
    other = replace(task, game=replace(task.game, P=np.full((3, 3), 0.5)))
    fine_tuned("tiny", other, QUICK, tmp_path)
    assert len(calls) == 1
    for k, change in enumerate(CHANGES.values()):
        fine_tuned("tiny", **{"task": task, "config": QUICK, "cache": tmp_path, **change(task)})
        assert len(calls) == 2 + k


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache() == tmp_path / "prefgames"
    fine_tuned("tiny", cycle_task(), QUICK)
    assert len([*(tmp_path / "prefgames" / "models").iterdir()]) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_cache() == Path.home() / ".cache" / "prefgames"


def test_a_fine_tuning_that_dies_leaves_nothing_to_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def dies(policy: Policy, folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(sft, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        fine_tuned("tiny", cycle_task(), QUICK, tmp_path)
    monkeypatch.setattr(sft, "save", save)
    assert answer_probabilities(
        cycle_task(), fine_tuned("tiny", cycle_task(), QUICK, tmp_path)
    ).leader.shape == (3,)


# --- other checkpoints ---


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match="cannot be loaded"):
        fine_tuned(str(tmp_path), cycle_task(), QUICK, tmp_path / "cache")


def bytes_qwen(folder: Path) -> str:
    """A Qwen2 that reads bytes, with a chat template in the style of that family."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words += sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({word: k for k, word in enumerate(words)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = Qwen2Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.1,
        eos_token_id=2,
        pad_token_id=0,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen2ForCausalLM(config)
    save(Policy(model, tokenizer), folder)
    return str(folder)


def word_gpt2(folder: Path) -> str:
    """A GPT-2 with a tokenizer of words, and absolute positions."""
    _, tokenizer = tiny([*cycle_task().prompts, *cycle_task().answers])
    save(Policy(gpt2(tokenizer), tokenizer), folder)
    return str(folder)


@pytest.mark.parametrize("make", [bytes_qwen, word_gpt2])
def test_any_checkpoint_is_fine_tuned_and_trained(
    make: Callable[[Path], str], tmp_path: Path
) -> None:
    task, cache = cycle_task(), tmp_path / "cache"
    name = make(tmp_path / "mine")
    before, policy = load(name), fine_tuned(name, task, SftConfig(steps=12), cache)
    assert max(distances(task, policy)) < min(distances(task, before))
    assert type(policy.model) is type(before.model)
    contexts = [policy.context(task.prompts[0]), policy.context(task.prompts[0], "b c")]
    ends = [policy.completion(text) for text in ("b d a", "a")]
    plain = [plain_log_prob(policy, *pair) for pair in zip(contexts, ends, strict=True)]
    with torch.no_grad():
        log_probs = policy.log_probs(contexts, ends)
    np.testing.assert_allclose(log_probs, plain, rtol=0, atol=1e-4)
    start, reference = parameters(policy), policy.frozen()
    judge = GameJudge(task.game, task.prompts, task.answers)
    config = TrainingConfig(steps=1, batch_size=8, max_new_tokens=6)
    learner = LEARNERS["stackelberg_gda"]()
    done = train(learner, policy, reference, judge, task.prompts, config, 0)
    assert done.status == "ok"
    assert not equal(parameters(done.policy), start)
    assert equal(parameters(reference), start)


def test_another_checkpoint_in_the_same_folder_is_fine_tuned_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = counted(monkeypatch)
    name, cache = word_gpt2(tmp_path / "mine"), tmp_path / "cache"
    for _ in range(2):
        fine_tuned(name, cycle_task(), QUICK, cache)
    assert len(calls) == 1
    weights = tmp_path / "mine" / "model.safetensors"
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 10**9))
    fine_tuned(name, cycle_task(), QUICK, cache)
    assert len(calls) == 2
