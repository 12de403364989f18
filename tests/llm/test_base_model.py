"""What a model knows before the training: taught exactly, kept once, any checkpoint."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from games import SolverError, numerics
from llm import base_model
from llm.base_model import Lessons, cache_folder, load, save, taught, teach, tiny
from llm.judges.game import GameJudge
from llm.learners import LEARNERS
from llm.policy import Policy
from llm.tasks.verbalized import Verbalized, spoken
from llm.training import TrainingConfig, train
from tests.small_models import equal, gpt2, parameters, plain_log_prob, told

QUICK = Lessons(steps=8)


def distances(task: Verbalized, policy: Policy) -> list[float]:
    """KL from the references to what is said, off the list included: leader, mean of rows."""
    said = spoken(task, policy)
    game = task.game
    leader = (game.ref * (game.log_ref - said.leader)).sum()
    rows = (task.follower * (np.log(task.follower) - said.follower)).sum(-1).mean()
    return [float(leader), float(rows)]


def test_a_model_learns_its_references() -> None:
    task = told()
    policy = Policy(*tiny([*task.prompts, *task.answers]))
    assert min(distances(task, policy)) > 1
    left = teach(policy, task, Lessons(steps=200))
    assert max(distances(task, policy)) < 1e-3
    assert left == pytest.approx(sum(distances(task, policy)), abs=1e-5)
    said = spoken(task, policy)
    assert said.off_list < 1e-3
    assert said.follower_off_list < 1e-3
    # the same numbers, one text at a time
    context = policy.context(task.prompts[0], "b c")
    plain = [plain_log_prob(policy, context, policy.completion(text)) for text in task.answers]
    np.testing.assert_allclose(said.follower[1], plain, rtol=0, atol=1e-4)


def test_contexts_have_their_own_references() -> None:
    task = told()
    two = replace(
        task.game,
        P=np.stack([task.game.P] * 2),
        ref=np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]),
        ref_follower=np.stack([task.follower, task.follower[::-1]]),
        pairs=None,
    )
    both = Verbalized(two, ("Question 1 ?", "Question 2 ?"), task.answers)
    policy = Policy(*tiny([*both.prompts, *both.answers]))
    teach(policy, both, Lessons(steps=200))
    said = spoken(both, policy)
    assert said.leader.shape == (2, 3)
    assert numerics.kl(two.log_ref, said.leader).max() < 0.01
    assert numerics.kl(np.log(both.follower), said.follower).max() < 0.05


def test_reversed_references() -> None:
    turned = told().reversed()
    np.testing.assert_array_equal(turned.game.ref, told().game.ref[::-1])
    for i in range(3):
        for j in range(3):
            assert turned.follower[i, j] == told().follower[2 - i, 2 - j]
    np.testing.assert_array_equal(turned.game.P, told().game.P)


def test_answers_that_the_tokenizer_changes_are_refused() -> None:
    task = replace(told(), answers=("a", "b  c", "d"))
    with pytest.raises(SolverError, match="writes the answer 'b  c' as 'b c'"):
        teach(Policy(*tiny(task.answers)), task, QUICK)


# --- the cache ---


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Lessons]:
    """Every teaching from now on."""
    lessons: list[Lessons] = []

    def counting(policy: Policy, task: Verbalized, how: Lessons) -> float:
        lessons.append(how)
        return teach(policy, task, how)

    monkeypatch.setattr(base_model, "teach", counting)
    return lessons


Change = Callable[[Verbalized], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "leader": lambda task: {
        "task": replace(task, game=replace(task.game, ref=np.array([0.3, 0.2, 0.5])))
    },
    "follower": lambda task: {"task": replace(task, game=replace(task.game, ref_follower=None))},
    "answers": lambda task: {"task": replace(task, answers=("a", "b c", "b d"))},
    "prompts": lambda task: {"task": replace(task, prompts=("which one ?",))},
    "lessons": lambda task: {"lessons": replace(QUICK, lr=1e-3)},
    "seed": lambda task: {"lessons": replace(QUICK, seed=1)},
}


def test_what_was_taught_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lessons, task = counted(monkeypatch), told()
    one, again = (taught("tiny", task, QUICK, tmp_path) for _ in range(2))
    assert len(lessons) == 1
    assert equal(parameters(one), parameters(again))
    assert one.model is not again.model
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["tiny"]
    # preferences are not told to a model
    other = replace(task, game=replace(task.game, P=np.full((3, 3), 0.5)))
    taught("tiny", other, QUICK, tmp_path)
    assert len(lessons) == 1
    for k, change in enumerate(CHANGES.values()):
        taught("tiny", **{"task": task, "lessons": QUICK, "cache": tmp_path, **change(task)})
        assert len(lessons) == 2 + k


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "prefgames" / "models"
    taught("tiny", told(), QUICK)
    assert len([*cache_folder().iterdir()]) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "prefgames" / "models"


def test_a_teaching_that_dies_leaves_nothing_to_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def dies(policy: Policy, folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(base_model, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        taught("tiny", told(), QUICK, tmp_path)
    monkeypatch.setattr(base_model, "save", save)
    assert spoken(told(), taught("tiny", told(), QUICK, tmp_path)).leader.shape == (3,)


def test_saved_and_loaded(speaker: Policy, tmp_path: Path) -> None:
    save(speaker, tmp_path)
    back = load(str(tmp_path))
    assert equal(parameters(back), parameters(speaker))
    for args in (("which ?",), ("Question 1 : which answer ?", "b d a")):
        assert back.context(*args) == speaker.context(*args)
    assert back.completion("b d a") == speaker.completion("b d a")
    assert back.text(back.completion("b d a")) == "b d a"
    assert back.end == speaker.end
    assert load(str(tmp_path), dtype="bfloat16").model.dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["no such model", "no-one/such-model"])
def test_a_name_that_says_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **settings: Any) -> Any:
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SolverError, match=f"model '{name}' cannot be loaded: "):
        load(name)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match="cannot be loaded"):
        taught(str(tmp_path), told(), QUICK, tmp_path / "cache")
    (tmp_path / "config.json").write_text('{"model_type": "no such architecture"}')
    with pytest.raises(SolverError, match="cannot be loaded"):
        load(str(tmp_path))


# --- other checkpoints ---


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
    _, tokenizer = tiny([*told().prompts, *told().answers])
    save(Policy(gpt2(tokenizer), tokenizer), folder)
    return str(folder)


@pytest.mark.parametrize("make", [bytes_qwen, word_gpt2])
def test_any_checkpoint_is_taught_and_trained(make: Callable[[Path], str], tmp_path: Path) -> None:
    task, cache = told(), tmp_path / "cache"
    name = make(tmp_path / "mine")
    before, policy = load(name), taught(name, task, Lessons(steps=12), cache)
    assert max(distances(task, policy)) < min(distances(task, before))
    assert type(policy.model) is type(before.model)
    contexts = [policy.context(task.prompts[0]), policy.context(task.prompts[0], "b c")]
    ends = [policy.completion(text) for text in ("b d a", "a")]
    plain = [plain_log_prob(policy, *pair) for pair in zip(contexts, ends, strict=True)]
    with torch.no_grad():
        found = policy.log_probs(contexts, ends)
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-4)
    start, reference = parameters(policy), policy.frozen()
    judge = GameJudge(task.game, task.prompts, task.answers)
    config = TrainingConfig(steps=1, batch_size=8, max_new_tokens=6)
    learner = LEARNERS["stackelberg_gda"]()
    done = train(learner, policy, reference, judge, task.prompts, config, 0)
    assert done.status == "ok"
    assert not equal(parameters(done.policy), start)
    assert equal(parameters(reference), start)


def test_another_checkpoint_in_the_same_folder_is_taught_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lessons = counted(monkeypatch)
    name, cache = word_gpt2(tmp_path / "mine"), tmp_path / "cache"
    for _ in range(2):
        taught(name, told(), QUICK, cache)
    assert len(lessons) == 1
    weights = tmp_path / "mine" / "model.safetensors"
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 10**9))
    taught(name, told(), QUICK, cache)
    assert len(lessons) == 2
