"""Convergence: rows by hand, and the published comparison of EGPO on random games."""

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from benchmarks.spec import read
from games import PreferenceGame, PrefgamesError, measures, numerics
from results.questions import convergence as question
from results.questions import followers, newton, traces
from results.rows import Row, RunError
from solvers import Solution
from solvers.egpo import Egpo
from solvers.iterative import IterativeSolver
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nlhf_exact import NlhfExact
from solvers.online_ipo_1 import OnlineIpo1
from solvers.online_ipo_2 import OnlineIpo2
from solvers.sampling import NO_DRAWS
from solvers.self_play_mwu import SelfPlayMwu
from solvers.slhf_exact import SlhfExact
from solvers.solver import Concept
from solvers.stackelberg_gda import StackelbergGda
from tabular import EXPERIMENTS
from tabular.matching import MatchedKl
from tests.measured import measured, values
from tests.paper_games import random_games, three_annotators
from tests.readable import assert_texts_on_page, assert_titles_and_ticks_do_not_overlap
from tests.recorded import framed, row

LEARNING = {0.1: (0.1, 1_000), 0.01: (0.02, 5_000)}
"""tau -> learning rate and steps of Zhou et al. 2025, arXiv:2503.08942."""


def step_size(learning_rate: float, n: int, tau: float, factor: int = 4) -> float:
    """Eta of mirror descent that a learning rate on the online IPO 1 loss stands for.

    The loss is E (log-ratio difference of y, y' - [P(y > y'') - P(y' > y'')] / tau)^2 with y and
    y' uniform over n answers; one gradient step moves the logits by eta = 4 lr / (n tau) times the
    payoff. The published simulations write 2 lr / (n tau) and use it for the mixture of Nash-MD
    alone. Losses whose pairs are drawn from the policy (online IPO 2) have no 1 / n: 4 lr / tau.
    """
    return factor * learning_rate / (n * tau)


def published(tau: float) -> dict[str, IterativeSolver]:
    rate, steps = LEARNING[tau]
    uniform, drawn = step_size(rate, 10, tau), 4 * rate / tau
    mixed = tau * step_size(rate, 10, tau, factor=2)
    return {
        "egpo": Egpo(tau=tau, eta=uniform, max_steps=steps),
        "online_ipo_1": OnlineIpo1(tau=tau, eta=uniform, max_steps=steps),
        "nash_md": NashMd(tau=tau, eta=uniform, mixing=mixed, max_steps=steps),
        "online_ipo_2": OnlineIpo2(tau=tau, eta=drawn, max_steps=steps),
        "nash_md_pg": NashMdPg(tau=tau, eta=rate, mixture=mixed, max_steps=steps),
    }


@cache
def comparison() -> pd.DataFrame:
    """The published comparison on ten random games, as the contexts of one."""
    game = random_games(5, 10, 10)
    rows = []
    for tau in LEARNING:
        for name, solver in published(tau).items():
            params = {"tau": tau, "eta": solver.eta, "max_steps": solver.max_steps}  # type: ignore[attr-defined]
            for m in measured("convergence", game, solver):
                columns = {k: v for k, v in asdict(m).items() if k not in ("metric", "value")}
                rows.append(
                    row(
                        m.metric,
                        m.value,
                        solver=name,
                        params=params,
                        experiment="convergence",
                        concept="nlhf",
                        cell=f"{name} {tau}",
                        **columns,
                    )
                )
    return framed(rows)


@cache
def table_of_games() -> pd.DataFrame:
    return traces.outcomes(question.SECTION.rows(comparison()))


def games(method: str, tau: float) -> pd.DataFrame:
    table = table_of_games()
    chosen = table["method"].astype(str).str.startswith(method + "(") | (table["method"] == method)
    return table[chosen & (table["comparison"] == f"tau = {tau:g}")].sort_values("context")


def test_a_learning_rate_is_a_step_size_in_two_conventions() -> None:
    assert step_size(0.1, 10, 0.1) == pytest.approx(0.4)
    assert step_size(0.1, 10, 0.1, factor=2) == pytest.approx(0.2)
    # the gradient of the loss itself: n = 3, generic pi, by central differences
    game = random_games(8, 1, 3).at(0)
    theta, tau, rate = np.array([0.3, -0.8, 0.1]), 0.3, 0.05
    rates = game.P @ np.exp(numerics.log_softmax(theta))

    def loss(logits: np.ndarray) -> float:
        h = logits - game.log_ref - rates / tau
        return float(((h[:, None] - h) ** 2).mean())

    slope = [(loss(theta + d) - loss(theta - d)) / 2e-6 for d in 1e-6 * np.eye(3)]
    step = step_size(rate, 3, tau)
    expected = (1 - step * tau) * theta + step * tau * game.log_ref + step * rates
    moved = theta - rate * np.array(slope) - expected
    assert np.ptp(moved) < 1e-8


def test_few_answers_have_their_probabilities_at_every_recorded_step() -> None:
    game, solver = three_annotators(), NashMd(tau=0.1, max_steps=20)
    rows = measured("convergence", game, solver)
    steps = sorted({m.step for m in rows if m.step is not None})
    for step in steps:
        assert sum(values(rows, "probability", step, iterate="last")) == pytest.approx(1)
    first = [values(rows, "probability", 0, iterate="last", action=a) for a in game.names]
    assert np.ravel(first) == pytest.approx(game.ref)
    target = solver.target(game)
    assert target is not None
    assert values(rows, "probability", iterate="target") == pytest.approx(list(target.policy))
    many = measured("convergence", random_games(1, 1, 5).at(0), solver)
    assert not values(many, "probability")


def test_the_first_points_of_a_trace_by_hand() -> None:
    game = PreferenceGame(three_annotators().P, [0.2, 0.5, 0.3])
    measurements = measured("convergence", game, OnlineIpo1(tau=0.2, eta=0.5, max_steps=3))
    target = NlhfExact(0.2).solve(game).policy
    tilted = game.ref * np.exp(0.5 * game.P @ game.ref)  # the pull to ref cancels at ref
    for step, pi in enumerate([game.ref, tilted / tilted.sum()]):
        reply = game.ref * np.exp(game.P @ pi / 0.2)
        expected = {
            "duality_gap": 2 * (game.P @ pi).max() - 1,
            "regularised_gap": 0.4 * (pi * np.log(pi / (reply / reply.sum()))).sum(),
            "kl_to_target": (target * np.log(target / pi)).sum(),
            "tv_to_target": abs(target - pi).sum() / 2,
        }
        for metric, value in expected.items():
            assert values(measurements, metric, step, iterate="last") == pytest.approx([value]), (
                metric
            )
        assert values(measurements, "oracle_calls", step) == [step]
    assert values(measurements, "seconds", 0) == [0]
    status = {m.step: m.status for m in measurements if m.metric == "tv_to_target"}
    assert status == {0: "ok", 1: "ok", 2: "ok", 3: "max_steps"}
    limit = 2 * 0.2 / (0.2**2 + max(abs(np.linalg.eigvals(_turning(game, target)))) ** 2)
    assert values(measurements, "step_limit", eta=0.5) == pytest.approx([limit])


def _turning(game: PreferenceGame, pi: np.ndarray) -> np.ndarray:
    return np.asarray((game.P - 0.5) @ (np.diag(pi) - np.outer(pi, pi)))


def test_oracle_calls_are_counted_and_not_only_steps() -> None:
    measurements = measured("convergence", three_annotators(), Egpo(tau=0.1, max_steps=5))
    assert values(measurements, "oracle_calls") == [0, 2, 4, 6, 8, 10]


def test_other_exact_solvers_are_skipped_with_a_reason() -> None:
    for solver in (SlhfExact(), NlhfExact(0.0), MatchedKl(NlhfExact, 0.1)):
        (skipped,) = measured("convergence", three_annotators(), solver)
        assert (skipped.metric, skipped.status) == ("newton_steps", "skipped")
        assert "NLHF at tau > 0 alone counts its steps" in skipped.message


def test_the_average_is_measured_where_it_is_the_answer_or_requested() -> None:
    game = random_games(2, 2, 4)
    measurements = measured("convergence", game, SelfPlayMwu(eta=0.1, max_steps=200))
    gaps = {
        name: values(measurements, "duality_gap", 200, iterate=name) for name in ("last", "average")
    }
    assert len(gaps["last"]) == len(gaps["average"]) == 2
    assert gaps["last"] != gaps["average"]

    solver = OnlineIpo1(tau=0.1, eta=1.0, max_steps=3, tol=0.0)
    assert values(measured("convergence", game, solver), "duality_gap", iterate="average") == []
    both = measured("convergence", game, solver, average=True)
    steps, state = [], solver.init(game, NO_DRAWS)
    for _ in range(3):
        state = solver.step(game, state, NO_DRAWS)
        steps.append(solver.policy(state))
    last, mean = (measures.duality_gap(game, pi) for pi in (steps[-1], np.mean(steps, axis=0)))
    assert values(both, "duality_gap", 3, iterate="last") == pytest.approx(last.tolist())
    assert values(both, "duality_gap", 3, iterate="average") == pytest.approx(mean.tolist())


def test_sampled_solvers_are_measured_with_the_generator_of_the_cell() -> None:
    solver = OnlineIpo1(tau=0.1, eta=0.1, samples=4, max_steps=20)
    first, second = (
        values(measured("convergence", three_annotators(), solver), "tv_to_target", 20)
        for _ in range(2)
    )
    assert first == second
    assert first != values(
        measured("convergence", three_annotators(), replace(solver, samples=0)), "tv_to_target", 20
    )


def test_many_contexts_give_the_median_and_the_largest() -> None:
    game, solver = random_games(3, 5, 4), OnlineIpo1(tau=0.1, eta=1.0, max_steps=7)
    each = values(measured("convergence", game, solver), "tv_to_target", 7)
    few = measured("convergence", game, solver, most_contexts=4)
    assert values(few, "tv_to_target", 7, contexts="median") == pytest.approx([np.median(each)])
    assert values(few, "tv_to_target", 7, contexts="largest") == pytest.approx([max(each)])
    assert len(values(few, "tv_to_target", 7)) == 2
    with pytest.raises(PrefgamesError, match="most_contexts is 0"):
        EXPERIMENTS["convergence"](most_contexts=0)


@dataclass(frozen=True)
class SlowFollower(IterativeSolver):
    """Natural gradient for the leader; each row of the follower learns at a rate kappa pi(y)."""

    kappa: float = 1.0
    concept: ClassVar[Concept] = "slhf"

    def target(self, game: PreferenceGame) -> Solution:
        return SlhfExact(0.1, 0.1).solve(game)

    def init(self, game: PreferenceGame, rng: object) -> tuple[np.ndarray, np.ndarray]:
        return game.log_ref, np.repeat(game.log_ref[..., None, :], game.n, axis=-2)

    def step(
        self, game: PreferenceGame, state: tuple[np.ndarray, np.ndarray], rng: object
    ) -> tuple[np.ndarray, np.ndarray]:
        theta, rows = state
        values = measures.follower_values(game, 0.1)
        pi, replies = self.policy(state), np.exp(numerics.log_softmax(rows))
        gain = np.swapaxes(game.P, -1, -2) - 0.1 * (
            numerics.log_softmax(rows) - game.log_ref[..., None, :]
        )
        gain = replies * (gain - (replies * gain).sum(-1, keepdims=True))
        moved = rows + self.kappa * pi[..., None] * gain
        return 0.9 * theta + 0.1 * game.log_ref + values, moved

    def policy(self, state: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.asarray(np.exp(numerics.log_softmax(state[0])))

    def follower(self, state: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.asarray(np.exp(numerics.log_softmax(state[1])))


def test_rows_of_the_follower_that_freeze_are_counted() -> None:
    game = PreferenceGame([[0.5, 0.9, 0.8], [0.1, 0.5, 0.9], [0.2, 0.1, 0.5]], names=list("abc"))
    rows = []
    for kappa in (1.0, 20.0):
        solver = SlowFollower(kappa=kappa, max_steps=200 if kappa == 1 else 3_000)
        measurements = measured("convergence", game, solver, average=True)
        assert values(measurements, "tv_to_target", iterate="last")[-1] < 1e-8
        assert 1e-4 < values(measurements, "tv_to_target", iterate="average")[-1] < 0.1
        distances = {name: values(measurements, "row_tv", action=name)[0] for name in "abc"}
        if kappa == 1:  # c is hardly ever given, so its row has hardly moved
            assert distances["a"] < 0.05 < 0.3 < distances["c"]
        else:
            assert max(distances.values()) < 0.05
        rows += [
            row(m.metric, m.value, solver="slow", params={"kappa": kappa}, concept="slhf",
                experiment="convergence", labels=dict(m.labels), step=m.step, cell=str(kappa))
            for m in measurements
        ]  # fmt: skip
    of_question = question.SECTION.rows(framed(rows))
    assert set(question.ends(of_question)["iterate"]) == {"last", "average"}
    table = followers.table(of_question).set_index("kappa")
    assert list(table.index) == [1, 20]
    assert list(table["rows"]) == [3, 3]
    assert list(table["games"]) == [1, 1]
    assert table["far"].to_dict()[20] == 0 < table["far"].to_dict()[1]
    assert (table["last_tv_largest"] < 1e-8).all()
    assert (table["average_tv_median"] > 1e-4).all()
    assert table.loc[1, "row_tv_largest"] == pytest.approx(
        max(r.value for r in rows if r.metric == "row_tv" and r.cell == "1.0")
    )
    (said,) = question.findings(of_question)[-1:]
    assert f"{table['far'].to_dict()[1]} of 3 at kappa = 1, 0 of 3 at kappa = 20" in said


def test_at_tau_a_tenth_two_methods_reach_machine_precision_and_nash_md_does_not() -> None:
    for method in ("egpo", "online_ipo_1"):
        online = games(method, 0.1)
        assert len(online) == 10
        assert (online["regularised_gap"] < 1e-14).all()
        assert (online["eta"] < online["limit"]).all()
    biased = games("nash_md", 0.1)
    assert (biased["regularised_gap"] > 1e-7).all()
    assert (biased["tv_to_target"] < 1e-9).all()  # of its own fixed point


def test_at_small_tau_online_ipo_1_cycles_in_exactly_the_games_beyond_its_limit() -> None:
    egpo, online = games("egpo", 0.01), games("online_ipo_1", 0.01)
    assert (egpo["regularised_gap"] < 1e-13).all()
    beyond = (online["eta"] > online["limit"]).to_numpy()
    assert 0 < beyond.sum() < 10
    assert ((online["regularised_gap"] > 1e-4).to_numpy() == beyond).all()
    assert (online.loc[beyond, "regularised_gap"] > 1e-2).all()


def test_egpo_is_linear_at_the_proved_rate_in_every_game() -> None:
    rows = traces.table(question.SECTION.rows(comparison()))
    for tau in LEARNING:
        rate = 1 - published(tau)["egpo"].eta * tau  # type: ignore[attr-defined]
        part = rows[(rows["comparison"] == f"tau = {tau:g}") & (rows["iterate"] == "last")]
        part = part[part["method"].astype(str).str.startswith("egpo")]
        start = part[part["step"] == 0].set_index("context")["kl_to_target"]
        bound = start.loc[part["context"]].to_numpy() * rate ** part["step"].to_numpy(float)
        assert (part["kl_to_target"].to_numpy() <= bound + 1e-14).all()


@pytest.mark.parametrize("tau", LEARNING)
def test_policy_gradients_are_slow(tau: float) -> None:
    fast = games("egpo", tau)["regularised_gap"].to_numpy()
    slow = games("online_ipo_2", tau)["regularised_gap"].to_numpy()
    biased = games("nash_md_pg", tau)["regularised_gap"].to_numpy()
    assert (slow > 1e3 * np.maximum(fast, 1e-17)).all()
    assert (biased > 1e-6).all()
    assert np.median(slow) > (1e-10 if tau == 0.1 else 1e-6)


def test_the_table_has_steps_and_oracle_calls() -> None:
    first = games("egpo", 0.1).iloc[0]
    rows = traces.table(question.SECTION.rows(comparison()))
    part = rows[(rows["comparison"] == "tau = 0.1") & (rows["context"] == 0)]
    part = part[part["method"].astype(str).str.startswith("egpo")].sort_values("step")
    inside = part["regularised_gap"] <= 1e-10
    k = int(np.flatnonzero(~inside)[-1]) + 1
    assert first["steps"] == part["step"].iloc[k]
    assert first["oracle_calls"] == 2 * first["steps"]
    assert 0 < first["seconds"] < 60
    counts = question.summary(question.SECTION.rows(comparison()))
    part = counts[counts["comparison"] == "tau = 0.01"].set_index("method")
    assert part.loc["egpo", "reached"] == 10
    missed = games("online_ipo_1", 0.01)["steps"].isna().sum()
    assert part.loc["online_ipo_1", "reached"] == 10 - missed
    assert (counts["of"] == 10).all()
    final = question.ends(question.SECTION.rows(comparison()))
    assert set(final["iterate"]) == {"last"}
    assert len(final) == 10


def test_steps_of_newton_are_linear_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    game, solved = random_games(9, 3, 5), []
    solve = np.linalg.solve

    def counted(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
        solved.append(len(matrix))
        return np.asarray(solve(matrix, right))

    monkeypatch.setattr("solvers.exact.regularized_nash.np.linalg.solve", counted)
    solution = NlhfExact(0.02).solve(game)
    monkeypatch.undo()
    assert solution.newton_steps is not None
    assert solution.newton_steps.shape == (3,)
    assert solution.newton_steps.sum() == sum(solved)
    assert solution.newton_steps.max() == len(solved)
    alone = [NlhfExact(0.02).solve(game.at(k)).newton_steps for k in range(3)]
    np.testing.assert_array_equal(solution.newton_steps, alone)  # each game on its own path
    measurements = measured("convergence", game, NlhfExact(0.02))
    assert values(measurements, "newton_steps") == solution.newton_steps.tolist()
    assert max(values(measurements, "regularised_gap")) < 1e-12
    (seconds,) = values(measurements, "seconds")
    assert seconds > 0


def by_hand(tau: float, gaps: dict[str, list[list[float]]], seed: int | None = None) -> list[Row]:
    """Two contexts; a step a second, two oracle calls a step."""
    rows = []
    for method, contexts in gaps.items():
        given: dict[str, Any] = {"solver": method, "params": {"tau": tau}, "concept": "nlhf"}
        given |= {"experiment": "convergence", "cell": f"{method} {tau} {seed}", "seed": seed}
        for step in range(len(contexts[0])):
            pay = 3 if method == "slow" else 1
            rows.append(row("seconds", float(step * pay), step=step, **given))
            rows.append(row("oracle_calls", 2.0 * step, step=step, **given))
            for context, curve in enumerate(contexts):
                for metric in ("regularised_gap", "kl_to_target", "tv_to_target"):
                    rows.append(
                        row(metric, curve[step], step=step, context=context,
                            labels={"iterate": "last"}, **given)
                    )  # fmt: skip
    given = {"params": {"tau": tau}, "experiment": "convergence", "seed": seed}
    given["cell"] = f"newton {tau} {seed}"
    rows.append(row("seconds", 0.5, **given))
    for context, steps in enumerate((4.0, 7.0)):
        rows.append(row("newton_steps", steps, context=context, **given))
        rows.append(row("regularised_gap", 1e-16, context=context, **given))
    return rows


def test_newton_is_compared_with_the_best_that_reaches_every_game() -> None:
    reached, late, never = [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.5]
    rows = by_hand(
        0.1, {"fast": [reached, late], "slow": [reached, reached], "half": [reached, never]}
    )
    rows += by_hand(0.2, {"half": [reached, never]})
    of_question = question.SECTION.rows(framed(rows))
    table = newton.table(of_question).set_index("comparison")
    best = table.loc["tau = 0.1"]
    assert (best["newton_steps"], best["newton_seconds"], best["newton_gap"]) == (7, 0.5, 1e-16)
    assert (best["best"], best["steps"], best["oracle_calls"]) == ("fast", 2, 4)
    assert (best["seconds"], best["times"]) == (2, 4)
    assert table.loc["tau = 0.2", "best"] == "none"
    said = question.findings(of_question)[-2:]
    assert "fast, the fastest first-order method, 2 steps and 2 s (4.0 times as long)" in said[0]
    assert "no first-order method reaches 1e-10 in every game" in said[1]
    seeds = by_hand(0.1, {"half": [reached, reached], "slow": [late, reached]}, 0)
    seeds += by_hand(0.1, {"half": [reached, never], "slow": [reached, reached]}, 1)
    (line,) = newton.table(question.SECTION.rows(framed(seeds))).to_dict("records")
    assert (line["best"], line["steps"], line["seconds"]) == ("slow", 2, 4.5)  # of 6 and 3
    assert newton.table(question.SECTION.rows(comparison())).empty  # no exact solver


def test_the_sentences_come_from_the_rows() -> None:
    said = question.findings(question.SECTION.rows(comparison()))
    (egpo,) = [line for line in said if line.startswith("tau = 0.01, egpo")]
    assert "10 of 10 games at a regularised gap of 1e-10" in egpo
    (ipo,) = [line for line in said if line.startswith("tau = 0.01, online_ipo_1")]
    beyond = (games("online_ipo_1", 0.01)["eta"] > games("online_ipo_1", 0.01)["limit"]).sum()
    assert f"above the limit in {beyond} games" in ipo
    assert f"no longer nears its target in {beyond}: the same games" in ipo
    assert not question.SECTION.has_rows(framed([row("entropy", 0.0)]))
    with pytest.raises(RunError, match="no row of the question 'convergence'"):
        question.SECTION.rows(framed([row("entropy", 0.0)]))


def test_the_figure_has_a_row_a_comparison_and_a_panel_a_cost() -> None:
    figure = question.figure(question.SECTION.rows(comparison()))
    assert figure is not None
    assert len(figure.axes) == 6
    assert [axes.get_xlabel() for axes in figure.axes[3:]] == ["steps", "oracle calls", "seconds"]
    assert all(len(axes.lines) == 5 for axes in figure.axes)
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {
        *published(0.1),
        "thick: median; thin: each game",
    }
    assert_texts_on_page(figure)
    assert_titles_and_ticks_do_not_overlap(figure)
    titles = [band.get_suptitle() for band in figure.subfigs if band.get_suptitle()]
    assert titles == [f"at equal temperature (tau = {tau})" for tau in ("0.01", "0.1")]
    ticks = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert {"1", "1e-4"} <= set(ticks)
    thin = figure.axes[0].collections[0].get_paths()
    assert len(thin) == 10  # a line a game


def settings(spec: str) -> set[tuple[Any, ...]]:
    """Name, tau, eta, mixing or mixture, and steps of the solvers of one player."""
    keys = ("tau", "eta", "mixing", "mixture", "max_steps")
    return {
        (solver.name, *(solver.params.get(key) for key in keys))
        for solver in read(spec).methods
        if "eta" in solver.params
    }


def test_the_spec_has_the_published_settings_and_ours_beside_them() -> None:
    published_ones, ours = set(), set()
    for tau, rate, steps in ((0.1, 0.1, 1_000), (0.01, 0.02, 5_000), (0.001, 2e-4, 100_000)):
        uniform = round(step_size(rate, 10, tau), 9)
        drawn, mixed = round(4 * rate / tau, 9), round(2 * rate / 10, 9)
        published_ones |= {
            ("egpo", tau, uniform, None, None, steps),
            ("online_ipo_1", tau, uniform, None, None, steps),
            ("online_ipo_2", tau, drawn, None, None, steps),
            ("nash_md", tau, uniform, mixed, None, steps),
            ("nash_md_pg", tau, rate, None, mixed, steps),
        }
        ours |= {
            ("nash_md", tau, uniform, None, None, steps),
            ("nash_md_pg", tau, drawn, None, None, steps),
        }
    assert settings("convergence") == published_ones | ours
    assert settings("paper") <= published_ones | ours


def test_an_infinite_kl_is_undefined_and_no_divergence() -> None:
    """The projection drops answers that the closed form still gives."""
    game = PreferenceGame([[0.5, 0.9, 0.9], [0.1, 0.5, 0.5], [0.1, 0.5, 0.5]])
    solver = StackelbergGda(tau_leader=0.1, tau_follower=0.1, eta=3.0, max_steps=1)
    dropped = solver.solve(game).trace
    assert dropped is not None
    assert dropped.policies[-1].min() == 0
    infinite = [
        m
        for m in measured("convergence", game, solver)
        if m.metric == "kl_to_target" and m.step == 1
    ]
    outcomes = {(m.status, m.message) for m in infinite if np.isnan(m.value)}
    assert outcomes == {("undefined", "infinite: an answer has probability 0")}
