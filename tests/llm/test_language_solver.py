"""A learner as a solver: trainings approach their targets, and equal ones are done once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from safetensors.torch import load_file
from scipy import special

from games import PreferenceGame, SolverError, SpecError, numerics
from games.game import Float
from llm import Method, make_learner, training
from llm.evaluation import Evaluation
from llm.judges.game import GameJudge
from llm.language_solver import LanguageSolver, TrainedSolution
from llm.sft import SftConfig
from solvers import SOLVERS
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.sampling import NO_DRAWS
from solvers.slhf_exact import SlhfExact
from tabular import MatchedKl
from tests.small_models import FOLLOWER, cycle
from tests.small_trainings import BRIEF, LONGER, SETTINGS, SFT, folders


def hill() -> PreferenceGame:
    """A game without a cycle, on which self-play converges quickly."""
    P = np.array([[0.5, 0.7, 0.8], [0.3, 0.5, 0.8], [0.2, 0.2, 0.5]])
    return replace(cycle(), P=P)


pytestmark = pytest.mark.usefixtures("model_cache")


def solved(
    name: str, folder: Path, game: PreferenceGame | None = None, **params: Any
) -> Evaluation:
    method = make_learner(name, {**SETTINGS, **params})
    game = game or cycle()
    return evaluation(LanguageSolver(method, game, folder, seed=3, sft=SFT).solve(game))


def evaluation(solution: TrainedSolution) -> Evaluation:
    assert solution.evaluation is not None
    return solution.evaluation


def leaders(result: Evaluation) -> list[Float]:
    return [np.exp(numerics.log_softmax(point.probabilities.leader)) for point in result.curve]


@pytest.mark.parametrize(
    ("name", "game", "params"),
    [
        ("rloo", cycle(), {}),
        ("nash_md_pg", hill(), {}),
        ("self_play_pg", hill(), {}),
        ("online_ipo", hill(), {}),
        ("egpo", hill(), {}),
        ("inpo", cycle(), {"refresh": 4, "eta": 1.0, **LONGER}),
        ("stackelberg_gda", cycle(), LONGER),
        ("dpo", cycle(), {}),
        ("ipo", cycle(), {}),
    ],
)
def test_the_end_is_nearer_to_the_target(
    name: str, game: PreferenceGame, params: dict[str, Any], tmp_path: Path
) -> None:
    result = solved(name, tmp_path, game, **params)
    assert result.status == "ok"
    assert result.target is not None
    start, *_, end = (numerics.total_variation(p, result.target.policy) for p in leaders(result))
    assert start > 0.2
    assert end < start / 2
    rows = {m.metric: m.value for m in result.measurements() if m.step == result.curve[-1].step}
    assert rows["tv_to_target"] == pytest.approx(end)
    assert rows["off_list_mass"] < 0.15  # nothing keeps dpo on the list
    assert rows["optimizer_steps"] == result.curve[-1].step >= 50
    if name == "stackelberg_gda":
        first = {m.metric: m.value for m in result.measurements() if m.step == 0}
        assert 2 * rows["follower_tv"] < first["follower_tv"] > 0.2
    else:
        assert result.solution.follower is None


def test_a_mixture_converges_to_its_fixed_point_and_not_to_nash(tmp_path: Path) -> None:
    result = solved("nash_md_pg", tmp_path, mixture=0.5, **LONGER)
    assert result.target is not None
    nash = NlhfExact(0.1).solve(result.game).policy
    end = leaders(result)[-1]
    assert numerics.total_variation(nash, result.target.policy) > 0.08
    to_target, to_nash = (
        numerics.total_variation(end, goal) for goal in (result.target.policy, nash)
    )
    assert to_target < to_nash
    last = result.curve[-1].step
    rows = {m.metric: m.value for m in result.measurements() if m.step == last}
    assert (rows["tv_to_target"], rows["tv_to_nash"]) == pytest.approx((to_target, to_nash))
    assert to_target < numerics.total_variation(leaders(result)[0], result.target.policy) / 2


def test_sppo_goes_where_as_many_tabular_steps_go(tmp_path: Path) -> None:
    result = solved("sppo", tmp_path, refresh=20, eta=1.0, steps=80, batch_size=256)
    assert result.target is None
    tabular = SOLVERS["sppo"](eta=1.0)
    state: Any = tabular.init(result.game, NO_DRAWS)  # type: ignore[attr-defined]
    for _ in range(4):
        state = tabular.step(result.game, state, NO_DRAWS)  # type: ignore[attr-defined]
    start, *_, end = leaders(result)
    goal = np.exp(state[0])
    assert numerics.total_variation(end, goal) < 0.05
    assert numerics.total_variation(start, goal) > 0.15


def test_what_is_measured_on_the_way(tmp_path: Path) -> None:
    """Measurements equal formulas written in this test, with the references of the model."""
    result = solved("stackelberg_gda", tmp_path, **BRIEF)
    assert abs(result.game.ref - cycle().ref).max() < 0.01
    assert result.game.ref_follower is not None
    assert abs(result.game.ref_follower - np.array(FOLLOWER)).max() < 0.05
    assert result.target is not None
    assert result.target.follower is not None
    probabilities = result.curve[-1].probabilities
    pi = np.exp(probabilities.leader) / np.exp(probabilities.leader).sum()
    rows = np.exp(probabilities.follower) / np.exp(probabilities.follower).sum(-1, keepdims=True)
    distances = abs(rows - result.target.follower).sum(-1) / 2
    expected = {
        "off_list_mass": 1 - np.exp(probabilities.leader).sum(),
        "follower_off_list_mass": 1 - np.exp(probabilities.follower).sum() / 3,
        "duality_gap": 2 * (result.game.P @ pi).max() - 1,
        "kl_to_ref": (pi * np.log(pi / result.game.ref)).sum(),
        "tv_to_target": abs(pi - result.target.policy).sum() / 2,
        "kl_to_target": (result.target.policy * np.log(result.target.policy / pi)).sum(),
        "follower_tv": (result.target.policy * distances).sum(),
        "judge_calls": 4 * 16,
    }
    measured = list(result.measurements(question="any"))
    last = {m.metric: m.value for m in measured if m.step == 4}
    for metric, value in expected.items():
        assert last[metric] == pytest.approx(value, abs=1e-9), metric
    assert {m.step for m in measured if m.metric == "duality_gap"} == {0, 2, 4}
    by_row = {m.labels["action"]: m.value for m in measured if m.metric == "row_tv"}
    assert [by_row[name] for name in result.game.names] == pytest.approx(list(distances))
    assert all(m.labels["question"] == "any" for m in measured)
    solution = result.solution
    np.testing.assert_allclose(solution.policy, pi, rtol=0, atol=1e-12)
    assert solution.follower is not None
    np.testing.assert_allclose(solution.follower, rows, rtol=0, atol=1e-12)
    assert not solution.certificate.holds


# --- at a given distance from the reference ---


@pytest.mark.parametrize("name", ["rloo", "nash_md_pg", "stackelberg_gda", "ipo"])
def test_kl_is_that_of_the_exact_answer_on_the_references_of_the_model(
    name: str, tmp_path: Path
) -> None:
    game, kl = hill(), 0.15
    method = make_learner(name, {**BRIEF, "kl": kl})
    solution = LanguageSolver(method, game, tmp_path, seed=3, sft=SFT).solve(game)
    result = evaluation(solution)
    assert solution.tau is not None
    tau = float(solution.tau)
    concept = {"rloo": RlhfExact, "ipo": RlhfExact, "nash_md_pg": NlhfExact}.get(name, SlhfExact)
    exact = concept().at_tau(tau).solve(result.game).policy
    assert float(special.rel_entr(exact, result.game.ref).sum()) == pytest.approx(kl, rel=1e-9)
    assert float(special.rel_entr(exact, game.ref).sum()) != pytest.approx(kl, rel=1e-4)
    weights = {"tau_leader": tau, "tau_follower": tau} if concept is SlhfExact else {"tau": tau}
    same = make_learner(name, {**BRIEF, **weights})
    again = LanguageSolver(same, game, tmp_path, seed=3, sft=SFT).solve(game)
    np.testing.assert_array_equal(solution.policy, again.policy)
    assert (folders(tmp_path), again.tau) == (1, None)  # the same training
    end = result.curve[-1].step
    reached = next(
        m for m in result.measurements() if (m.metric, m.step) == ("kl_to_ref", end)
    ).value
    pi = solution.policy
    assert reached == pytest.approx(float(special.rel_entr(pi, result.game.ref).sum()))


def test_one_tau_is_for_all_contexts(tmp_path: Path) -> None:
    game = PreferenceGame.stack([hill(), cycle()])
    method = make_learner("stackelberg_gda", {**BRIEF, "kl": 0.1})
    solution = LanguageSolver(method, cycle(), tmp_path, seed=3, sft=SFT).solve(game)
    assert solution.tau is not None
    assert solution.tau[0] == solution.tau[1]
    known = evaluation(solution).game
    exact = SlhfExact(*[float(solution.tau[0])] * 2).solve(known).policy
    distances = special.rel_entr(exact, known.ref).sum(-1)
    assert distances.mean() == pytest.approx(0.1, rel=1e-9)
    assert np.ptp(distances) > 0.01


def test_a_kl_out_of_reach_trains_nothing(tmp_path: Path) -> None:
    method = make_learner("nash_md_pg", {**BRIEF, "kl": 5.0})
    solver = LanguageSolver(method, cycle(), tmp_path, seed=3, sft=SFT)
    solution = solver.solve(cycle())
    assert solution.status == "undefined"
    assert solution.evaluation is None
    assert solution.tau is not None
    assert "NlhfExact stays within 5 nats of the reference: its largest KL" in str(solution.message)
    assert np.isnan(solution.policy).all()
    assert np.isnan(solution.tau)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert solver.counterpart(SlhfExact) == MatchedKl(SlhfExact, 5.0)


def test_kl_of_a_learner_is_checked() -> None:
    with pytest.raises(SolverError, match="kl is -1"):
        make_learner("rloo", {"kl": -1})
    with pytest.raises(SpecError, match="rloo: kl finds the tau by itself; drop tau, or kl"):
        make_learner("rloo", {"kl": 0.1, "tau": 0.1})
    with pytest.raises(SpecError, match="kl finds the tau by itself; drop tau_follower, or kl"):
        make_learner("stackelberg_gda", {"kl": 0.1, "tau_follower": 0.0})
    with pytest.raises(SpecError, match="sppo has no parameter 'kl'"):
        make_learner("sppo", {"kl": 0.1})


# --- trainings are shared ---


def test_equal_trainings_are_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    train = training.train

    def counted(*args: Any) -> Any:
        calls.append(args)
        return train(*args)

    monkeypatch.setattr(training, "train", counted)

    def answer(game: PreferenceGame, seed: int = 0, **params: Any) -> Float:
        method = make_learner("nash_md_pg", {**BRIEF, **params})
        return LanguageSolver(method, game, tmp_path, seed, sft=SFT).solve(game).policy

    first = answer(cycle())
    pairs = np.ones((3, 3)) - np.eye(3)
    np.testing.assert_array_equal(answer(cycle()), first)
    np.testing.assert_array_equal(
        answer(replace(cycle(), pairs=pairs)), first
    )  # the learner depends on P alone
    assert (len(calls), folders(tmp_path)) == (1, 1)
    others = [
        answer(cycle(), seed=1),
        answer(cycle(), tau=0.2),
        answer(cycle(), lr=2e-3),
        answer(replace(cycle(), P=cycle().P.T.copy())),
    ]
    assert (len(calls), folders(tmp_path)) == (5, 5)
    assert all(abs(other - first).max() > 1e-6 for other in others)


def test_learners_of_rewards_and_data_depend_on_the_pair_weights(tmp_path: Path) -> None:
    pairs = np.ones((3, 3)) - np.eye(3)
    for k, name in enumerate(("rloo", "dpo"), 1):
        for game in (cycle(), replace(cycle(), pairs=pairs)):
            solved(name, tmp_path, game, **BRIEF)
        assert folders(tmp_path) == 2 * k


def test_a_training_that_was_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**BRIEF, "checkpoint_every": 1}
    whole = solved("nash_md_pg", tmp_path / "whole", **settings)
    prefer, lives = GameJudge.prefer, iter([True] * 2)

    def interrupted(self: GameJudge, *args: Any, **columns: Any) -> Float:
        if not next(lives, False):
            raise KeyboardInterrupt
        return prefer(self, *args, **columns)

    with monkeypatch.context() as patch:
        patch.setattr(GameJudge, "prefer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            solved("nash_md_pg", tmp_path / "parts", **settings)
    calls: list[int] = []

    def counted(self: GameJudge, *args: Any, **columns: Any) -> Float:
        calls.append(1)
        return prefer(self, *args, **columns)

    monkeypatch.setattr(GameJudge, "prefer", counted)
    resumed = solved("nash_md_pg", tmp_path / "parts", **settings)
    assert len(calls) == 2
    np.testing.assert_array_equal(leaders(resumed), leaders(whole))


def test_a_training_that_diverged_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefer, calls = GameJudge.prefer, []

    def infinite(self: GameJudge, *args: Any, **columns: Any) -> Float:
        calls.append(1)
        return prefer(self, *args, **columns) * (np.inf if len(calls) == 3 else 1)

    monkeypatch.setattr(GameJudge, "prefer", infinite)
    result = solved("nash_md_pg", tmp_path, **BRIEF)
    assert result.status == "diverged"
    assert result.solution.status.tolist() == "diverged"
    assert np.isfinite(result.solution.policy).all()
    assert solved("nash_md_pg", tmp_path, **BRIEF).status == "diverged"
    assert len(calls) == 3


def infinite_rewards() -> PreferenceGame:
    P = [[0.5, 1.0, 0.6], [0.0, 0.5, 0.0], [0.4, 1.0, 0.5]]
    return replace(cycle(), P=np.array(P))


def test_rewards_that_do_not_exist(tmp_path: Path) -> None:
    method, game = make_learner("rloo", BRIEF), infinite_rewards()
    solution = LanguageSolver(method, game, tmp_path, seed=3, sft=SFT).solve(game)
    assert solution.status.tolist() == "undefined"
    assert "the Bradley-Terry maximum is infinite" in solution.message.item()
    assert np.isnan(solution.policy).all()
    assert solution.evaluation is None
    assert solved("nash_md_pg", tmp_path, game, **BRIEF).status == "ok"
    data = solved("dpo", tmp_path, game, **BRIEF)
    assert data.status == "ok"
    compared = [m for m in data.measurements() if m.metric in ("tv_to_target", "kl_to_target")]
    assert [(m.metric, m.step) for m in compared if m.step == 4] == [
        ("tv_to_target", 4),
        ("kl_to_target", 4),
    ]
    assert {m.status for m in compared} == {"undefined"}
    assert all("the Bradley-Terry maximum is infinite" in m.message for m in compared)


def test_a_reversed_start(tmp_path: Path) -> None:
    method: Method = make_learner("nash_md_pg", {**BRIEF, "steps": 1})
    solver = LanguageSolver(method, cycle(), tmp_path, 0, sft=SFT, start="reversed")
    result = evaluation(solver.solve(cycle()))
    np.testing.assert_allclose(leaders(result)[0], cycle().ref[::-1], atol=0.02)
    np.testing.assert_allclose(result.game.ref, cycle().ref, atol=0.02)


def test_the_weights_of_the_learner_are_the_solvers(tmp_path: Path) -> None:
    method = make_learner("stackelberg_gda", {"tau_leader": 0.3, "tau_follower": 0.2})
    solver: Any = LanguageSolver(method, cycle(), tmp_path, 0)
    assert (solver.tau_leader, solver.tau_follower) == (0.3, 0.2)
    assert solver.concept == "slhf"
    with pytest.raises(AttributeError):
        _ = solver.kappa
    with pytest.raises(AttributeError):
        _ = solver.tau


def test_another_weight_is_that_of_the_learner(tmp_path: Path) -> None:
    for name, weights in (("rloo", ["tau"]), ("stackelberg_gda", ["tau_leader", "tau_follower"])):
        solver = LanguageSolver(make_learner(name, BRIEF), cycle(), tmp_path, seed=3)
        other = solver.at_tau(0.7)
        for weight in weights:
            assert getattr(solver.method.learner, weight) != 0.7
            assert getattr(other.method.learner, weight) == getattr(other, weight) == 0.7
        assert other.concept == solver.concept


@pytest.mark.parametrize("start", ["reference", "reversed"])
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of transformers, when peft looks at a model
def test_adapters_alone_are_trained(start: Any, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="adapters need peft")
    method = make_learner("rloo", {**SETTINGS, "lr": 5e-3})
    solver = LanguageSolver(method, cycle(), tmp_path, seed=3, sft=SFT, start=start, lora=4)
    result = evaluation(solver.solve(cycle()))
    (checkpoint,) = tmp_path.glob("*/checkpoint/parameters.safetensors")
    names = [name for name in load_file(checkpoint) if name.startswith("policy.")]
    assert names
    assert all(".lora_" in name for name in names)
    assert result.target is not None
    before, *_, after = (numerics.total_variation(p, result.target.policy) for p in leaders(result))
    assert before > 0.2
    assert after < before / 2


def test_an_answer_that_cannot_be_said_to_its_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match="4 tokens with its end, more than max_new_tokens = 3"):
        solved("rloo", tmp_path, **{**BRIEF, "max_new_tokens": 3})


def test_curves_keep_the_contexts_that_they_are_of(tmp_path: Path) -> None:
    contexts = PreferenceGame.stack([infinite_rewards(), cycle(), hill()])
    solver = LanguageSolver(
        make_learner("rloo", BRIEF), contexts, tmp_path, seed=3, sft=SftConfig(steps=20)
    )
    solution = solver.solve(contexts)
    assert solution.status.tolist() == ["undefined", "ok", "ok"]
    result = evaluation(solution)
    assert result.contexts == [1, 2]
    policy = np.exp(numerics.log_softmax(result.curve[-1].probabilities.leader))
    np.testing.assert_allclose(solution.policy[1:], policy)
    rows = {m.context for m in result.measurements() if m.metric == "tv_to_target"}
    assert rows == {1, 2}


def test_prompts_list_the_answers_for_other_models_than_tiny(tmp_path: Path) -> None:
    method = make_learner("rloo", BRIEF)
    for model, question in (
        ("tiny", "which answer ?"),
        (str(tmp_path), "which of a, b c, b d a ?"),
    ):
        solver = LanguageSolver(method, cycle(), tmp_path, seed=3, model=model)
        (prompt,) = solver.task(cycle()).prompts
        assert question in prompt
