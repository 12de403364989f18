"""Step-size limits against golden numbers and trials; where practical defaults end."""

import numpy as np
import pytest

from games import PrefgamesError
from results.questions import fixed_points
from results.questions import stability as limits
from solvers import Solver
from solvers.egpo import Egpo
from solvers.iterated_best_of_n import IteratedBestOfN
from solvers.mirror_descent import MirrorDescent
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nlhf_exact import NlhfExact
from solvers.omwu import Omwu
from solvers.online_ipo_1 import OnlineIpo1
from solvers.sppo import Sppo
from tabular import EXPERIMENTS, linearisation, stability
from tests.golden_games import SETTINGS, golden, golden_game
from tests.measured import measured, values
from tests.paper_games import random_games, three_annotators
from tests.readable import assert_texts_on_page, assert_titles_and_ticks_do_not_overlap
from tests.recorded import framed, row


@pytest.mark.parametrize(("name", "tau"), SETTINGS)
def test_mirror_descent_converges_below_its_limit_and_cycles_above(name: str, tau: float) -> None:
    (solver, game) = (OnlineIpo1(tau=tau), golden_game(name))
    measurements = measured("stability", game, solver, steps=32, run_steps=12_000)
    (below,), (above,) = (values(measurements, "kl_to_target", of_limit=f) for f in (0.95, 1.05))
    assert below < 1e-6
    assert above > 1e-4


def test_nash_md_is_unstable_in_a_band_and_stable_beyond_it() -> None:
    """With eta tau near 1 its opponent is the reference, which does not move."""
    game = golden_game("rps")
    assert stability.deviation_shrinks(NashMd(tau=0.02, eta=0.7), game)
    assert not stability.deviation_shrinks(NashMd(tau=0.02, eta=1.0), game)
    assert stability.deviation_shrinks(NashMd(tau=0.02, eta=45.0), game)


def test_an_unstable_average_has_no_limit_but_a_band() -> None:
    """tau (tau + kappa)^2 < kappa omega^2 with kappa = rate / eta: unstable, as known for rps."""
    unstable, stable = NashEma(tau=0.1, eta=0.3, rate=0.05), NashEma(tau=0.1, eta=0.3, rate=1.0)
    assert not stability.deviation_shrinks(unstable, golden_game("rps"), 4000)
    assert stability.deviation_shrinks(stable, golden_game("rps"))
    linearised = linearisation.multipliers(unstable, golden_game("rps"))
    assert linearised is not None
    factors = linearised(0.3)
    assert abs(factors).max() > 1


@pytest.mark.parametrize(
    ("solver", "why"),
    [
        (NlhfExact(0.1), "takes no steps"),
        (Sppo(), "not claimed to converge"),
        (Omwu(tau=0.0), "not regularised"),
        (OnlineIpo1(samples=3), "never settles"),
        (IteratedBestOfN(), "no step size"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_what_has_no_limit_says_why(solver: Solver, why: str) -> None:
    (skipped,) = measured("stability", three_annotators(), solver)
    assert skipped.status == "skipped"
    assert why in skipped.message


def test_a_solver_without_a_formula_is_only_tried() -> None:
    class Unknown(MirrorDescent):
        """Mirror descent in self-play, in a class that no formula is registered for."""

    measurements = measured("stability", golden_game("rand10"), Unknown(tau=0.1), precision=0.05)
    (predicted,) = [m for m in measurements if m.labels.get("route") == "predicted"]
    assert (predicted.status, predicted.message) == ("skipped", "no formula")
    assert values(measurements, "step_limit", route="observed") == pytest.approx([6.916], rel=0.05)
    assert values(measurements, "kl_to_target") == []


def test_contexts_are_tried_one_by_one_up_to_a_number() -> None:
    game = random_games(3, 3, 4)
    measurements = measured(
        "stability", game, OnlineIpo1(tau=0.1), most_contexts=2, run_steps=0, steps=400
    )
    assert [m.context for m in measurements if m.metric == "omega"] == [0, 1]
    one = stability.predicted_limit(OnlineIpo1(tau=0.1), game.at(1))
    assert values(measurements, "step_limit", route="predicted")[1] == pytest.approx(one)
    with pytest.raises(PrefgamesError, match="steps is 2"):
        EXPERIMENTS["stability"](steps=2)
    with pytest.raises(PrefgamesError, match="must be positive"):
        EXPERIMENTS["stability"](factors=[0.5, -1])


@pytest.mark.parametrize(("name", "tau"), SETTINGS)
@pytest.mark.parametrize("mixture", [0.125, 0.5])
def test_the_policy_gradient_ends_far_from_nash_at_the_golden_place(
    name: str, tau: float, mixture: float
) -> None:
    game, expected = golden_game(name), golden(name, tau)
    measurements = measured("fixed_points", game, NashMdPg(tau=tau, mixture=mixture, max_steps=1))
    end = np.array(expected[f"nash_md_pg_beta{mixture:g}"])
    distance = abs(end - np.array(expected["qre"])).sum() / 2
    assert values(measurements, "tv_to_nash", route="target") == pytest.approx([distance], abs=1e-9)
    assert 0.01 < distance < 0.06 if mixture < 0.5 else 0.08 < distance < 0.38


@pytest.mark.parametrize("mixture", [0.125, 0.5, 0.75])
def test_the_policy_gradient_really_reaches_its_target(mixture: float) -> None:
    solver = NashMdPg(tau=0.1, mixture=mixture, eta=5.0, max_steps=4000)
    measurements = measured("fixed_points", golden_game("rps"), solver)
    ends = {route: values(measurements, "tv_to_nash", route=route) for route in ("target", "last")}
    assert ends["last"] == pytest.approx(ends["target"], abs=1e-8)
    assert ends["last"][0] > 0.02


def test_more_mixture_ends_farther() -> None:
    game = golden_game("rand10")
    away = [
        values(measured("fixed_points", game, NashMdPg(0.1, mixture, max_steps=1)), "tv_to_nash",
               route="target")[0]
        for mixture in (0.0, 0.125, 0.5, 0.75)
    ]  # fmt: skip
    assert away[0] < 1e-10
    assert away == sorted(away)


def test_iterated_best_of_n_ends_elsewhere() -> None:
    solver, game = IteratedBestOfN(n_draws=2, mixing=0.1, max_steps=5000), golden_game("rand10")
    measurements = measured("fixed_points", game, solver, tau=0.1)
    (target,), (last,) = (values(measurements, "tv_to_nash", route=r) for r in ("target", "last"))
    assert last == pytest.approx(target, abs=1e-9)
    nash = NlhfExact(0.1).solve(game).policy
    assert target == pytest.approx(abs(solver.solve(game).policy - nash).sum() / 2, abs=1e-9)
    assert target > 0.05


def test_the_last_iterate_of_sppo_is_not_its_average() -> None:
    measurements = measured("fixed_points", golden_game("rps"), Sppo(eta=0.5, max_steps=3000))
    (last,), (average,) = (values(measurements, "tv_to_nash", route=r) for r in ("last", "average"))
    assert average < 0.05 < 0.2 < last
    (gap,) = values(measurements, "duality_gap", route="last")
    assert gap > 0.05


def test_tables_sentences_and_the_figure() -> None:
    rows = []
    for k, solver in enumerate((OnlineIpo1(tau=0.1), Egpo(tau=0.1))):
        name = type(solver).__module__.rpartition(".")[2]
        for question, params in (
            ("stability", {"precision": 0.05, "run_steps": 500}),
            ("fixed_points", {}),
        ):
            for m in measured(question, golden_game("rps"), solver, **params):
                rows.append(
                    row(
                        m.metric, m.value, solver=name, params={"tau": 0.1}, concept="nlhf",
                        experiment=question, labels=dict(m.labels), step=m.step, status=m.status,
                        cell=str(k),
                    )
                )  # fmt: skip
    frame = framed(rows)
    of_question = limits.SECTION.rows(frame)
    table = limits.stability(of_question).set_index("method")
    assert table.loc["online_ipo_1", "predicted"] == pytest.approx(
        golden("rps", 0.1)["omd_eta_max"]
    )
    assert table["ratio"].to_numpy() == pytest.approx([1, 1], rel=0.05)
    assert (table["kl_0.95"] < 1e-6).all()
    assert (table["kl_1.05"] > 1e-6).all()
    (ipo,) = [s for s in limits.findings(of_question) if s.startswith("online_ipo_1")]
    assert "at 0.95 of it 1 of 1 runs end within 1e-6 nats" in ipo
    assert "at 1.05 of it 0 of 1" in ipo
    short = limits.summary(of_question).set_index("method")
    settled = [short.loc["egpo", name] for name in ("settled_0.95", "settled_1.05")]
    assert settled == ["1 of 1", "0 of 1"]
    figure = limits.figure(of_question)
    assert figure is not None
    (axes,) = figure.axes
    assert {text.get_text() for text in axes.texts} >= {"1 of 1", "0 of 1"}
    assert_texts_on_page(figure)
    assert_titles_and_ticks_do_not_overlap(figure)
    ends = fixed_points.table(fixed_points.SECTION.rows(frame))
    assert set(ends["route"]) == {"target", "last"}
    assert ends["max"].max() < 1e-6
    assert len(fixed_points.findings(fixed_points.SECTION.rows(frame))) == 4


def test_the_audit_is_drawn_where_the_rows_say() -> None:
    rows = []
    for name, solver in (
        ("nash_md_pg", NashMdPg(tau=0.1, mixture=0.5, eta=5.0, max_steps=300)),
        ("sppo", Sppo(eta=0.5, max_steps=300)),
    ):
        given = {"tau": 0.1} if name == "nash_md_pg" else {}
        for m in measured("fixed_points", golden_game("rps"), solver):
            rows.append(
                row(m.metric, m.value, solver=name, params=given, concept="nlhf", cell=name,
                    experiment="fixed_points", labels=dict(m.labels), status=m.status)
            )  # fmt: skip
    of_question = fixed_points.SECTION.rows(framed(rows))
    figure = fixed_points.figure(of_question)
    assert_texts_on_page(figure)
    assert_titles_and_ticks_do_not_overlap(figure)
    assert [axes.get_title() for axes in figure.axes] == ["g", "g"]
    labels = [band.get_supxlabel() for band in figure.subfigs if band.get_supxlabel()]
    assert labels == [
        f"total variation to Nash at tau = {tau} (lower is better)" for tau in ("0", "0.1")
    ]
    table = fixed_points.table(of_question)
    for axes, tau, method in zip(figure.axes, (0.0, 0.1), ("sppo", "nash_md_pg"), strict=True):
        assert [t.get_text() for t in axes.get_yticklabels()] == [method]
        shown = sorted(float(np.asarray(line.get_xdata())[0]) for line in axes.lines)
        part = table.loc[(table["nash_tau"] == tau) & (table["method"] == method), "mean"]
        assert shown == pytest.approx(sorted(part))
        assert len(shown) >= 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "NLHF", "closed form", "last iterate", "average"
    ]  # fmt: skip
