"""Experiments with trained models: the tabular rows, then those of the trainings."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from games import PreferenceGame, SpecError
from llm import (
    EXPERIMENTS,
    LanguageExperiment,
    data_sensitivity,
    make_learner,
    sft,
    training,
)
from llm.evaluation import answer_probabilities
from llm.language_solver import LanguageSolver
from llm.policy import Policy
from llm.reward_model import FitConfig
from llm.tasks import Task, verbalize
from solvers.nlhf_exact import NlhfExact
from solvers.slhf_exact import SlhfExact
from tabular import EXPERIMENTS as TABULAR
from tabular.experiment import Measurement
from tests.paper_games import generators
from tests.small_models import FOLLOWER, NAMES, REF, cycle, ladder
from tests.small_trainings import BRIEF, SETTINGS, SFT, folders

OF_TRAININGS = {
    *("off_list_mass", "follower_off_list_mass", "kl_to_ref", "tv_to_target", "kl_to_target"),
    *(
        "tv_to_nash",
        "follower_tv",
        "row_tv",
        "optimizer_steps",
        "generated_tokens",
        "judge_calls",
        "abstained",
    ),
    *("forward_tokens", "backward_tokens", "seconds"),
}

pytestmark = pytest.mark.usefixtures("model_cache")


def measured(
    question: str,
    learner: str,
    folder: Path,
    game: PreferenceGame | None = None,
    rng_for: Callable[..., Any] = generators,
    params: dict[str, Any] | None = None,
    **settings: Any,
) -> list[Measurement]:
    experiment: LanguageExperiment = EXPERIMENTS[question](lessons=SFT.steps, **settings)
    method = make_learner(learner, {**BRIEF, **(params or {})})
    return list(experiment.measure(game or cycle(), method, rng_for, folder))


def keys(rows: list[Measurement]) -> "Counter[tuple[str, tuple[str, ...]]]":
    """Counts of metric and index, for rows of the final answer."""
    answers = [m for m in rows if m.step is None and m.status != "skipped"]
    return Counter((m.metric, tuple(sorted(m.labels))) for m in answers)


TWINS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("consistency", {}, {"most_cloned": 0}),
    ("robustness", {"path": "cyclic", "points": 2}, {}),
    ("robustness", {"path": "temperature", "points": 2}, {}),
    ("refinement", {"n_answers": 3}, {}),
]


@pytest.mark.parametrize(("question", "settings", "tabular"), TWINS)
@pytest.mark.parametrize("learner", ["nash_md_pg", "stackelberg_gda"])
def test_rows_are_the_tabular_ones_and_those_of_trainings(
    question: str,
    settings: dict[str, Any],
    tabular: dict[str, Any],
    learner: str,
    tmp_path: Path,
) -> None:
    rows = measured(question, learner, tmp_path, **settings)
    exact = SlhfExact(0.1, 0.1) if learner == "stackelberg_gda" else NlhfExact(0.1)
    twin = TABULAR[question](**settings, **tabular)
    expected = keys(list(twin.measure(cycle(), exact, generators)))
    counts = keys(rows)
    # clones and the time to solve are not measured, and nothing certifies a model
    differing = {"row_tv", "clone_shift", "seconds", "residual"}
    one, other = ({k: n for k, n in c.items() if k[0] not in differing} for c in (counts, expected))
    assert one == other
    assert one
    along = {m.metric for m in rows if m.step is not None}
    assert along <= OF_TRAININGS | {"duality_gap"}
    assert {"tv_to_target", "duality_gap", "judge_calls", "off_list_mass"} <= along
    assert {m.step for m in rows} == {None, 0, 2, 4}
    assert all(np.isfinite(m.value) for m in rows if m.status == "ok")


def test_questions_share_a_training(tmp_path: Path) -> None:
    for question in ("consistency", "refinement"):
        measured(question, "nash_md_pg", tmp_path)
    measured("data_sensitivity", "nash_md_pg", tmp_path, setting="known")
    assert folders(tmp_path) == 1


def test_a_game_is_fine_tuned_once_and_measured_with_what_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    references, starts = [], []
    fine_tuned, train = sft.fine_tuned, training.train

    def recorded(model: str, task: Task, *args: Any) -> Policy:
        references.append((task.game.ref.tolist(), task.follower.tolist()))
        return fine_tuned(model, task, *args)

    def trained(learner: Any, start: Policy, *args: Any) -> Any:
        starts.append(np.exp(answer_probabilities(verbalize(cycle()), start).leader))
        return train(learner, start, *args)

    monkeypatch.setattr("llm.language_solver.fine_tuned", recorded)
    monkeypatch.setattr(training, "train", trained)
    for question in ("consistency", "data_sensitivity"):
        rows = measured(question, "nash_md_pg", tmp_path, params={"steps": 1})
    assert len(starts) == 4
    assert {str(pair) for pair in references} == {str((REF, FOLLOWER))}
    assert len(references) == 2 + 4  # once a question, once a solve
    first = [m for m in rows if m.metric == "kl_to_ref" and m.step == 0]
    assert max(abs(m.value) for m in first) < 1e-9


def test_clones_are_not_measured(tmp_path: Path) -> None:
    rows = measured("consistency", "nash_md_pg", tmp_path)
    (clones,) = [m for m in rows if m.metric == "clone_shift"]
    assert clones.status == "skipped"
    assert "a training of its own" in clones.message
    assert not [m for m in rows if m.metric == "seconds" and m.step is None]


def test_consistency_measures_what_the_model_says(tmp_path: Path) -> None:
    rows = measured("consistency", "nash_md_pg", tmp_path)
    probabilities = {m.labels["action"]: m.value for m in rows if m.metric == "probability"}
    pi = np.array([probabilities[name] for name in NAMES])
    assert pi.sum() == pytest.approx(1)
    (agreement,) = [m.value for m in rows if m.metric == "self_agreement"]
    assert agreement == pytest.approx((pi**2).sum())
    (last,) = [m.value for m in rows if m.metric == "duality_gap" and m.step == 4]
    assert last == pytest.approx(2 * (cycle().P @ pi).max() - 1)


# --- data ---


def by_change(rows: list[Measurement], metric: str) -> dict[str, float]:
    return {str(m.labels["change"]): m.value for m in rows if m.metric == metric and m.step is None}


def test_pair_weights_move_rewards_alone(tmp_path: Path) -> None:
    nash = measured("data_sensitivity", "nash_md_pg", tmp_path, setting="known")
    assert by_change(nash, "shift") == {"none": 0, "sampled_from": 0, "missing": 0}
    assert folders(tmp_path) == 1
    params = {"steps": 40, "batch_size": 64, "evaluate_every": 40}
    rloo = measured("data_sensitivity", "rloo", tmp_path, setting="known", params=params)
    shifts = by_change(rloo, "shift")
    assert shifts["none"] == 0
    assert min(shifts["sampled_from"], shifts["missing"]) > 0.02
    assert folders(tmp_path) == 4
    regrets = by_change(rloo, "regret")
    assert regrets["none"] < regrets["missing"]


def test_on_rewards_pair_weights_do_not_matter(tmp_path: Path) -> None:
    """The fit of a Bradley-Terry game does not depend on its pairs."""
    params = {"steps": 20, "evaluate_every": 20}
    rows = measured("data_sensitivity", "rloo", tmp_path, ladder(), setting="known", params=params)
    assert max(by_change(rows, "shift").values()) < 0.01


@pytest.mark.parametrize(
    ("learner", "kind"), [("rloo", "reward"), ("nash_md_pg", "pairwise"), ("ipo", None)]
)
def test_models_are_fitted_to_the_same_comparisons(
    learner: str, kind: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []

    def rng_for(role: str, *key: object) -> np.random.Generator:
        drawn.append((role, key))
        return generators(role, *key)

    brief = FitConfig(steps=20, batch_size=32)  # what a fit finds: tests/llm/test_reward_model.py
    monkeypatch.setattr(data_sensitivity, "FitConfig", lambda: brief)
    rows = measured("data_sensitivity", learner, tmp_path, ladder(), rng_for, n_comparisons=300)
    shifts = by_change(rows, "shift")
    assert set(shifts) == {"none", "sampled_from", "missing"}
    assert shifts["none"] == 0
    assert min(shifts["sampled_from"], shifts["missing"]) > 0
    data = [key for role, key in drawn if role == "data"]
    assert [key[0]["change"] for key in data] == ["none", "sampled_from", "missing"]
    assert len([*tmp_path.glob("*-*/report.json")]) == (3 if kind else 0)
    quality = [m for m in rows if m.metric in ("held_out_accuracy", "calibration_error")]
    assert len(quality) == (6 if kind else 0)
    assert {m.labels["fitted"] for m in quality} == ({kind} if kind else set())
    assert all(m.labels["held_out"] == 60 and m.labels["n_comparisons"] == 300 for m in quality)
    assert not any(m.labels.get("setting") != "estimated" for m in rows)


def test_rewards_that_do_not_exist_are_rows(tmp_path: Path) -> None:
    P = np.array([[0.5, 1.0, 0.6], [0.0, 0.5, 0.0], [0.4, 1.0, 0.5]])
    game = replace(cycle(), P=P)
    rows = measured("consistency", "rloo", tmp_path, game)
    undefined = [m for m in rows if m.status == "undefined"]
    assert {"entropy", "self_agreement"} <= {m.metric for m in undefined}
    assert all(np.isnan(m.value) for m in undefined)
    assert not [m for m in rows if m.step is not None]
    assert folders(tmp_path) == 0


# --- paths and seeds ---


def test_a_path_is_one_training_with_a_prompt_a_point(tmp_path: Path) -> None:
    rows = measured("robustness", "nash_md_pg", tmp_path, path="temperature", points=2)
    assert folders(tmp_path) == 1
    at = {m.labels["t"] for m in rows if m.metric == "worst_win_rate"}
    assert at == {0.0, 1.0}
    contexts = {m.context for m in rows if m.metric == "tv_to_target"}
    assert contexts == {0, 1}


def test_learners_and_questions_are_paired_by_seed(tmp_path: Path) -> None:
    def seeds(rng_for: Callable[..., Any]) -> set[int]:
        seeds = set()
        for name in ("nash_md_pg", "rloo"):
            for question in EXPERIMENTS:
                experiment = EXPERIMENTS[question]()
                solver = experiment.solver(make_learner(name, BRIEF), cycle(), rng_for, tmp_path)
                assert isinstance(solver, LanguageSolver)
                seeds.add(solver.seed)
        return seeds

    def other(role: str, *key: object) -> np.random.Generator:
        return generators(role, "another seed", *key)

    (one,), (two,) = seeds(generators), seeds(other)
    assert one != two


def test_questions_about_language_models() -> None:
    assert set(EXPERIMENTS) == {"consistency", "data_sensitivity", "robustness", "refinement"}
    for kind in EXPERIMENTS.values():
        assert kind.scale == "llm"
        assert kind().draws
        wrong: dict[str, Any] = {"start": "uniform"}
        with pytest.raises(SpecError, match="start is 'uniform', expected reference or reversed"):
            kind(**wrong)
        assert kind(lessons=0).lessons == 0
        for lessons, reason in ((0, 'set start = "reference" too'), (-1, "lessons is -1")):
            with pytest.raises(SpecError, match=reason):
                kind(lessons=lessons, start="reversed")


@pytest.mark.parametrize(
    ("question", "wrong"),
    [
        ("data_sensitivity", {"setting": "guessed"}),
        ("robustness", {"points": 1}),
        ("robustness", {"path": "random_flips"}),
        ("refinement", {"n_answers": 0}),
    ],
)
def test_settings_are_those_of_the_tabular_questions(question: str, wrong: dict[str, Any]) -> None:
    kind = EXPERIMENTS[question]
    with pytest.raises(SpecError):
        kind(**wrong)


def test_methods_have_the_parameters_of_learner_and_training() -> None:
    method = make_learner("nash_md_pg", {**SETTINGS, "tau": 0.3})
    assert (method.learner.__dict__["tau"], method.config.steps) == (0.3, 50)
    assert method.concept == "nlhf"
    with pytest.raises(SpecError, match="has no parameter 'stpes'; did you mean"):
        make_learner("nash_md_pg", {"stpes": 3})
