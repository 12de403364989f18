"""Preference models fitted to comparisons: what they recover, and what they cannot represent."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")
transformers = pytest.importorskip("transformers", reason="language models need the extra llm")

from games import Comparisons, PreferenceGame, SolverError, numerics
from games.game import Float
from llm.feedback import FittedFeedback, text_comparisons
from llm.judges.pairwise_model import PairwiseModelJudge
from llm.judges.reward_model import RewardModelJudge
from llm.learners import LEARNERS
from llm.policy import Policy
from llm.reward_model import TEMPLATE, FitConfig, FitReport, Kind, _quality, fit
from llm.tasks import verbalize
from solvers.rlhf_exact import RlhfExact
from tests.small_models import (
    CYCLE,
    NAMES,
    REWARDS,
    cycle,
    cycle_task,
    equal,
    ladder,
    parameters,
)

QUICK = FitConfig(steps=120, batch_size=512)
PAIRS = [(a, b) for a in NAMES for b in NAMES if a != b]


def compared(game: PreferenceGame, size: int = 6000) -> Comparisons:
    return Comparisons.sample(game, size, np.random.default_rng(0))


def fitted(
    kind: Kind, start: Policy, game: PreferenceGame, folder: Path, **settings: Any
) -> FitReport:
    config = dataclasses.replace(QUICK, **settings)
    return fit(kind, start, text_comparisons(compared(game), verbalize(game)), config, 0, folder)


def preferences(judge: Any) -> Float:
    prompt = cycle_task().prompts[0]
    return np.array(
        [[judge.prefer([prompt], [a], [b])[0] for b in NAMES] for a in NAMES], dtype=float
    )


def observed_fit(game: PreferenceGame) -> Float:
    """The exact Bradley-Terry fit to the same comparisons."""
    rewards = RlhfExact().rewards(compared(game).game())
    return np.asarray(numerics.sigmoid(rewards[:, None] - rewards))


def test_a_reward_model_recovers_rewards(tuned_policy: Policy, tmp_path: Path) -> None:
    before = parameters(tuned_policy)
    report = fitted("reward", tuned_policy, ladder(), tmp_path / "rm")
    judge = RewardModelJudge(str(tmp_path / "rm"))
    r = judge.score(cycle_task().prompts * 3, NAMES)
    np.testing.assert_allclose(r - r.mean(), REWARDS - REWARDS.mean(), atol=0.15)
    np.testing.assert_allclose(preferences(judge), observed_fit(ladder()), atol=0.03)
    assert (report.train, report.held_out) == (4800, 1200)
    best, weights = np.maximum(ladder().P, 1 - ladder().P), cycle_task().game.pair_weights
    assert report.accuracy == pytest.approx((weights * best).sum() / weights.sum(), abs=0.05)
    assert report.log_loss < np.log(2) - 0.05
    assert report.calibration_error < 0.05
    assert equal(before, parameters(tuned_policy))


def test_pairs_hold_a_cycle_and_rewards_cannot(tuned_policy: Policy, tmp_path: Path) -> None:
    by_pair = fitted("pairwise", tuned_policy, cycle(), tmp_path / "pairs")
    by_reward = fitted("reward", tuned_policy, cycle(), tmp_path / "rewards")
    pairs = preferences(PairwiseModelJudge(str(tmp_path / "pairs"), template=TEMPLATE))
    rewards = preferences(RewardModelJudge(str(tmp_path / "rewards")))
    np.testing.assert_allclose(pairs, CYCLE, atol=0.06)
    assert pairs[0, 1] > 0.5 < pairs[1, 2]
    assert pairs[2, 0] > 0.5
    np.testing.assert_allclose(rewards, observed_fit(cycle()), atol=0.03)
    assert abs(rewards - CYCLE).max() > 0.15
    assert by_pair.log_loss < by_reward.log_loss - 0.01


def test_judges_say_what_the_saved_model_says(tuned_policy: Policy, tmp_path: Path) -> None:
    """Verdicts equal those computed from the saved model, one conversation at a time."""
    prompt = cycle_task().prompts[0]

    def logit(folder: Path, *chat: str) -> float:
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        turns = [
            {"role": ("user", "assistant")[k % 2], "content": text} for k, text in enumerate(chat)
        ]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            return float(model(ids["input_ids"]).logits[0, 0])

    kinds: tuple[Kind, Kind] = ("reward", "pairwise")
    for kind in kinds:
        fitted(kind, tuned_policy, cycle(), tmp_path / kind, steps=10)
    r = {name: logit(tmp_path / "reward", prompt, name) for name in NAMES}
    reward = RewardModelJudge(str(tmp_path / "reward"))
    pairwise = PairwiseModelJudge(str(tmp_path / "pairwise"), template=TEMPLATE)
    for a, b in PAIRS:
        probability = reward.prefer([prompt], [a], [b])[0]
        assert probability == pytest.approx(1 / (1 + np.exp(r[b] - r[a])), abs=1e-5)
        logits = [
            logit(tmp_path / "pairwise", TEMPLATE.format(prompt=prompt, a=x, b=y))
            for x, y in ((a, b), (b, a))
        ]
        first, second = (1 / (1 + np.exp(-x)) for x in logits)
        expected = (first + 1 - second) / 2
        assert pairwise.prefer([prompt], [a], [b])[0] == pytest.approx(expected, abs=1e-5)
    assert len({round(x, 4) for x in r.values()}) == 3


def test_the_report_is_on_held_out_comparisons(tuned_policy: Policy, tmp_path: Path) -> None:
    report = fitted("reward", tuned_policy, ladder(), tmp_path / "rm", steps=20, held_out=0.1)
    comparisons = text_comparisons(compared(ladder()), verbalize(ladder()))
    order = np.random.default_rng(0).permutation(len(comparisons))
    judge = RewardModelJudge(str(tmp_path / "rm"))
    table = {pair: judge.prefer([comparisons[0][0]], [pair[0]], [pair[1]])[0] for pair in PAIRS}
    chances = np.array([table[comparisons[i][1:]] for i in order[:600]])
    assert report.held_out == 600
    assert report.accuracy == pytest.approx((chances > 0.5).mean())
    assert report.log_loss == pytest.approx(-np.log(chances).mean(), abs=1e-5)


def test_quality_by_hand() -> None:
    """Accuracy with a tie, log loss, and both sides of every comparison in bins of 0.1."""
    accuracy, log_loss, off = _quality(np.array([0.9, 0.62, 0.5, 0.35, 0.68]))
    assert accuracy == pytest.approx(3.5 / 5)
    logs = np.log([0.9, 0.62, 0.5, 0.35, 0.68])
    assert log_loss == pytest.approx(-logs.mean())
    # bin 9: .9 won; bin 6: .62 and .68 won, .65 lost; bin 5: .5 won and lost; bin 3: .35 won,
    # .38 and .32 lost; bin 1 or 0: .1 lost
    gaps = [0.1, 2 - 1.95, 0.0, 1.05 - 1, 0.1]
    assert off == pytest.approx(sum(gaps) / 10)
    assert _quality(np.array([1.0, 1.0])) == (1.0, 0.0, 0.0)
    assert np.isfinite(_quality(np.array([0.0]))[1])


def test_a_stored_fit_is_not_repeated(tuned_policy: Policy, tmp_path: Path) -> None:
    first = fitted("reward", tuned_policy, ladder(), tmp_path / "rm", steps=2)
    made = (tmp_path / "rm" / "model.safetensors").stat().st_mtime_ns
    assert fitted("reward", tuned_policy, cycle(), tmp_path / "rm", steps=3) == first
    assert (tmp_path / "rm" / "model.safetensors").stat().st_mtime_ns == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rm", "rm.lock"]


def test_the_same_seed_is_the_same_fit(tuned_policy: Policy, tmp_path: Path) -> None:
    kinds: tuple[Kind, Kind] = ("reward", "pairwise")
    for kind in kinds:
        one, two = (
            fitted(kind, tuned_policy, cycle(), tmp_path / f"{kind}{k}", steps=3) for k in "ab"
        )
        assert one == two


def test_one_comparison_is_too_few(tuned_policy: Policy, tmp_path: Path) -> None:
    with pytest.raises(SolverError, match="fit: 1 comparisons, expected at least two"):
        fit("reward", tuned_policy, [("q", "a", "d")], QUICK, 0, tmp_path / "rm")
    with pytest.raises(SolverError, match="held_out"):
        FitConfig(held_out=1.0)


# --- what learners learn from ---


def test_comparisons_as_texts() -> None:
    wins = np.array([[0, 2, 0], [1, 0, 3], [0, 0, 0]])
    comparisons = text_comparisons(Comparisons(wins, names=NAMES), cycle_task())
    prompt = cycle_task().prompts[0]
    assert sorted(comparisons) == sorted(
        [(prompt, "a", "b c")] * 2 + [(prompt, "b c", "a")] + [(prompt, "b c", "b d a")] * 3
    )


def test_every_learner_gets_what_it_needs(tuned_policy: Policy, tmp_path: Path) -> None:
    data = compared(cycle(), 40)
    feedback = FittedFeedback(data, FitConfig(steps=1))
    task = cycle_task()
    rloo, nash, dpo = (LEARNERS[name]() for name in ("rloo", "nash_md_pg", "dpo"))
    assert hasattr(feedback.judge(rloo, task, tuned_policy, tmp_path), "score")
    p = feedback.judge(nash, task, tuned_policy, tmp_path).prefer(task.prompts, ["a"], ["b c"])
    assert 0 < p[0] < 1
    assert feedback.data(rloo, task, 0) == feedback.data(nash, task, 0) == []
    assert feedback.data(dpo, task, 0) == text_comparisons(data, task)
    assert len({feedback.identity(learner, task) for learner in (rloo, nash, dpo)}) == 2
    other = FittedFeedback(compared(cycle(), 41), FitConfig(steps=1))
    assert other.identity(rloo, task) != feedback.identity(rloo, task)
    again = FittedFeedback(data, FitConfig(steps=2))
    assert again.identity(rloo, task) != feedback.identity(rloo, task)
    assert again.identity(dpo, task) == feedback.identity(dpo, task)
