"""Classifiers of transformers as judges, against the same models asked one text at a time."""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from games import SpecError
from games.game import Float
from llm.classifier import ClassifierJudge
from llm.judges import audit
from llm.judges.ensemble import EnsembleJudge
from llm.judges.pairwise_model import PairwiseModelJudge
from llm.judges.reward_model import RewardModelJudge
from tests.judged import BARE, classifier

torch = pytest.importorskip("torch", reason="model judges need torch: the extra llm")
transformers = pytest.importorskip("transformers", reason="model judges need transformers")

Make = Callable[..., str]

PROMPTS = ["q", "q", "Was? ä", "q"]
A = ["short", "a much longer answer, with é", "x", ""]
B = ["b", "b", "y" * 50, "z"]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A folder with a classifier of that many labels, that seed and family; made once."""

    @cache
    def of(labels: int = 1, seed: int = 0, family: str = "Llama") -> str:
        return classifier(tmp_path_factory.mktemp("model"), labels, seed, family)

    return of


def logits(folder: str, text: str) -> Float:
    """Logits of one text with its turn markers, without padding."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    ids = tokenizer(text, return_tensors="pt").input_ids
    with torch.inference_mode():
        if model.config.model_type == "bert":
            return np.asarray(model(ids).logits[0].double().numpy())
        last = model.model(ids).last_hidden_state[0, -1]  # reads from left to right
        return np.asarray(model.score(last).double().numpy())


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def rewards(folder: str, answers: Sequence[str]) -> Float:
    texts = [f"<user>{q}<end><assistant>{a}<end>" for q, a in zip(PROMPTS, answers, strict=True)]
    return np.array([logits(folder, text)[0] for text in texts])


# Rewards


@pytest.mark.parametrize("family", ["Llama", "Bert"])
def test_rewards_are_those_of_each_text_alone(make: Make, family: str) -> None:
    folder = make(family=family)
    ours, theirs = rewards(folder, A), rewards(folder, B)
    assert abs(ours - theirs).min() > 0.02, "otherwise a swap would go unnoticed"
    for batch_size in (1, 3, 16):
        judge = RewardModelJudge(folder, batch_size=batch_size)
        np.testing.assert_allclose(judge.score(PROMPTS, A), ours, atol=2e-5)
        np.testing.assert_allclose(judge.prefer(PROMPTS, A, B), sigmoid(ours - theirs), atol=1e-5)


def test_without_a_pad_token_texts_are_read_one_by_one(make: Make, tmp_path: Path) -> None:
    folder = changed(make(), tmp_path, "tokenizer_config.json", pad_token=None)
    judge = RewardModelJudge(folder, batch_size=4)
    np.testing.assert_allclose(judge.score(PROMPTS, A), rewards(make(), A), atol=2e-5)


def test_equal_texts_tie_to_the_last_bit_in_any_company(make: Make) -> None:
    judge = RewardModelJudge(make(), batch_size=3)
    np.testing.assert_array_equal(judge.prefer([*PROMPTS, "q"], [*A, "c"], [*A, "c"]), 0.5)


def test_half_precision_is_near(make: Make) -> None:
    single, half = (RewardModelJudge(make(), dtype=d) for d in ("float32", "bfloat16"))
    ours, theirs = single.score(PROMPTS, A), half.score(PROMPTS, A)
    assert not np.array_equal(ours, theirs)
    np.testing.assert_allclose(ours, theirs, atol=0.2)


def test_too_long_is_not_judged(make: Make) -> None:
    """The model holds 512 tokens, four of which are marks of turns."""
    judge = RewardModelJudge(make())
    fits, long_ = "y" * 507, "y" * 508
    np.testing.assert_array_equal(np.isnan(judge.score(["q"] * 2, [fits, long_])), [False, True])
    texts = ["q"] * 3, [long_, "b", "b"], ["b", long_, "c"]
    np.testing.assert_array_equal(np.isnan(judge.prefer(*texts)), [True, True, False])
    report = audit(judge, *texts)
    assert (report.pairs, report.abstained, report.position_bias) == (3, 2, 0)


def test_an_ensemble_of_reward_models_votes(make: Make) -> None:
    folders = [make(seed=seed) for seed in range(3)]
    margins = [rewards(folder, A) - rewards(folder, B) for folder in folders]
    votes = np.mean([margin > 0 for margin in margins], axis=0)
    assert len(set(votes)) > 1, "they do not all agree"
    judge = EnsembleJudge([RewardModelJudge(folder) for folder in folders])
    np.testing.assert_allclose(judge.prefer(PROMPTS, A, B), votes)
    np.testing.assert_allclose(judge.prefer(PROMPTS, B, A), 1 - votes)
    np.testing.assert_allclose(judge.prefer(PROMPTS, A, A), 0.5)


# Pairs


@pytest.mark.parametrize("labels", [1, 2])
def test_pairs_by_hand_in_both_orders(make: Make, labels: int) -> None:
    folder = make(labels)

    def first_wins(q: str, first: str, second: str) -> float:
        values = logits(folder, f"<user>{q}|{first}|{second}<end>")
        return float(sigmoid(values[0] - (values[1] if labels == 2 else 0)))

    forward = np.array([first_wins(*texts) for texts in zip(PROMPTS, A, B, strict=True)])
    backward = np.array([first_wins(*texts) for texts in zip(PROMPTS, B, A, strict=True)])
    assert abs(forward + backward - 1).min() > 0.01, "the place matters, so one order would not do"
    judge = PairwiseModelJudge(folder, template=BARE)
    np.testing.assert_allclose(judge.first_wins(PROMPTS, A, B), forward, atol=1e-5)
    p = judge.prefer(PROMPTS, A, B)
    np.testing.assert_allclose(p, (forward + 1 - backward) / 2, atol=1e-5)
    assert abs(p - forward).max() > 0.01
    report = audit(judge, PROMPTS, A, B)
    assert report.position_bias == pytest.approx((forward + backward - 1).mean(), abs=1e-5)
    assert report.same_verdict == np.mean((forward > 0.5) != (backward > 0.5))


def test_pairs_can_form_cycles_and_rewards_cannot(make: Make) -> None:
    answers = [letter * k for k, letter in enumerate("abcdefghijkl", 1)]
    i, j = np.array(list(combinations(range(12), 2))).T

    def cycles(judge: PairwiseModelJudge | RewardModelJudge) -> int:
        p = judge.prefer(["q"] * i.size, [answers[k] for k in i], [answers[k] for k in j])
        wins = np.zeros((12, 12), dtype=int)
        wins[i, j], wins[j, i] = p > 0.5, p < 0.5
        return int(np.trace(wins @ wins @ wins)) // 3

    assert cycles(PairwiseModelJudge(make(), template=BARE)) > 0
    assert cycles(RewardModelJudge(make())) == 0


def test_pairs_too_long_are_not_judged(make: Make) -> None:
    p = PairwiseModelJudge(make(), template=BARE).prefer(["q"] * 2, ["x" * 600, "x"], ["y", "y"])
    np.testing.assert_array_equal(np.isnan(p), [True, False])


# What is no judge


def changed(folder: str, to: Path, name: str, **settings: Any) -> str:
    """A copy with other settings in one of its files of JSON."""
    copied = shutil.copytree(folder, to / "copy")
    path = copied / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    return str(copied)


@pytest.mark.parametrize("kind", [RewardModelJudge, PairwiseModelJudge])
def test_a_checkpoint_that_is_none(
    make: Make, tmp_path: Path, kind: Callable[..., ClassifierJudge]
) -> None:
    with pytest.raises(SpecError, match=f"{kind.__name__}: .*has 3 labels, expected 1"):
        kind(make(3))
    with pytest.raises(SpecError, match="nowhere cannot be loaded"):
        kind(str(tmp_path / "nowhere"))
    with pytest.raises(SpecError, match="cannot be loaded"):
        kind(make(), dtype="float33")
    with pytest.raises(SpecError, match="batch_size is 0, expected at least 1"):
        kind(make(), batch_size=0)


def test_a_reward_model_has_one_label(make: Make) -> None:
    with pytest.raises(SpecError, match=r"has 2 labels, expected 1$"):
        RewardModelJudge(make(2))


def test_a_model_that_writes_is_no_judge(make: Make, tmp_path: Path) -> None:
    folder = changed(make(), tmp_path, "config.json", architectures=["LlamaForCausalLM"])
    config = transformers.AutoConfig.from_pretrained(folder)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    with pytest.raises(SpecError, match=r"is no trained classifier: score\.weight would be random"):
        RewardModelJudge(folder)


def test_a_tokenizer_without_chats_is_refused(make: Make, tmp_path: Path) -> None:
    folder = shutil.copytree(make(), tmp_path / "copy")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(SpecError, match="has no chat template; set the one that the model"):
        RewardModelJudge(str(folder))


def test_without_torch_the_extra_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make()
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "llm.models")
    with pytest.raises(SpecError, match=r"needs torch and transformers .* 'prefgames\[llm\]'"):
        RewardModelJudge(folder)


def test_templates_are_checked_before_a_model_is_loaded() -> None:
    with pytest.raises(SpecError, match="PairwiseModelJudge: template has the fields"):
        PairwiseModelJudge("nowhere", template="{a}")
