"""Rows for the tests of tables, figures and reports: some written by hand, some measured."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

import pandas as pd

from results.rows import COLUMNS, Row, canonical
from solvers import SOLVERS
from tabular import EXPERIMENTS, Experiment, MatchedKl
from tests.paper_games import generators, three_annotators


def row(
    metric: str,
    value: float,
    *,
    solver: str = "nlhf_exact",
    params: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
    game_params: dict[str, Any] | None = None,
    **fields: Any,
) -> Row:
    """A row of consistency on the game "g", except for the fields that are given."""
    concept = solver.partition("_")[0]
    defaults: dict[str, Any] = {
        "run": "r",
        "cell": "c",
        "experiment": "consistency",
        "scale": "tabular",
        "game": "g",
        "game_params": canonical(game_params or {}),
        "solver": solver,
        "concept": concept if concept in ("rlhf", "nlhf", "slhf") else "other",
        "params": canonical({"tau": 0} if params is None else params),
        "seed": None,
        "context": None,
        "step": None,
        "metric": metric,
        "labels": canonical(labels or {}),
        "value": value,
    }
    return Row(**(defaults | fields))


def framed(rows: list[Row]) -> pd.DataFrame:
    """The rows as a frame of the type that ``results.load`` returns."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))
    whole = {name: "Int64" for name in ("seed", "context", "step")}
    return frame.astype({**whole, "value": "float64"})


def with_exact_concepts(iterative: str, tau: float) -> list[Row]:
    """Rows of the exact solvers at tau = 0 and 0.1 and of a method at one tau, in two games."""
    exact = [f"{concept}_exact" for concept in ("rlhf", "nlhf", "slhf")]
    pairs = [(name, t) for name in exact for t in (0.0, 0.1)] + [(iterative, tau)]
    return [
        row("entropy", 0.5, solver=name, params={"tau": t}, game=game, cell=f"{name} {t}")
        for name, t in pairs
        for game in ("g", "h")
    ]


@cache
def annotators() -> pd.DataFrame:
    """Every question on the game of three annotators at tau = 0 and 0.1; consistency at KL 0.05."""
    return framed(list(_measured()))


def _measured() -> Iterator[Row]:
    experiments: list[Experiment] = [
        EXPERIMENTS["consistency"](),
        EXPERIMENTS["data_sensitivity"](setting="known"),
        EXPERIMENTS["data_sensitivity"](setting="estimated"),
        EXPERIMENTS["data_sensitivity"](setting="estimated", n_comparisons=300),
        *(
            EXPERIMENTS["robustness"](path=path, points=5)
            for path in ("cyclic", "temperature", "annotators")
        ),
        EXPERIMENTS["robustness"](path="random_raters", points=3, end=0.5, n_comparisons=60),
        EXPERIMENTS["refinement"](n_answers=3),
        EXPERIMENTS["influence"](labels_a_pair=20),
    ]
    yield from _of(experiments)


@cache
def votes() -> pd.DataFrame:
    """Incentives, round robin and frequency on the game of three annotators at tau = 0 and 0.1."""
    return framed(list(_of([EXPERIMENTS[q]() for q in ("incentives", "round_robin", "frequency")])))


def _of(experiments: list[Experiment]) -> Iterator[Row]:
    """Each experiment with the exact solvers at tau = 0 and 0.1; the first also at KL 0.05."""
    for name in ("rlhf_exact", "nlhf_exact", "slhf_exact"):
        for tau in (0.0, 0.1, None):
            kind = SOLVERS[name]
            kl = MatchedKl(kind, 0.05)
            solver = kl if tau is None else kl.at_tau(tau)
            weights = {f: tau for f in vars(solver) if f.startswith("tau")}
            for experiment in experiments if tau is not None else experiments[:1]:
                for seed in range(2) if experiment.draws else (None,):

                    def rng_for(role: str, *key: object, seed: int | None = seed) -> Any:
                        return generators(role, seed, *key)

                    for m in experiment.measure(three_annotators(), solver, rng_for):
                        yield row(
                            m.metric,
                            m.value,
                            solver=name,
                            params={"kl": 0.05} if tau is None else weights,
                            labels=dict(m.labels),
                            experiment=_name(experiment),
                            game="condorcet",
                            cell=f"{name} {tau} {experiment} {seed}",
                            seed=seed,
                            status=m.status,
                            message=m.message,
                        )


def _name(experiment: Experiment) -> str:
    (name,) = (name for name, kind in EXPERIMENTS.items() if isinstance(experiment, kind))
    return str(name)


_CURVES: dict[tuple[str, int], list[tuple[int, float, float, float]]] = {
    # (learner, seed): (step, generated tokens, judge calls, total variation)
    ("rloo", 0): [(0, 0, 0, 0.8), (10, 100, 90, 0.3), (20, 200, 180, 0.1)],
    ("rloo", 1): [(0, 0, 0, 0.6), (10, 110, 90, 0.2), (20, 220, 180, 0.02)],
    ("stackelberg_gda", 0): [(0, 0, 0, 0.5), (10, 300, 40, 0.4), (20, 600, 80, 0.03)],
    ("stackelberg_gda", 1): [(0, 0, 0, 0.7), (10, 310, 40, 0.2), (20, 620, 80, 0.05)],
}


def curves(game: str = "condorcet") -> pd.DataFrame:
    """Training curves of two learners, two seeds and three points each, and one exact answer."""
    rows = [row("entropy", 0.5, solver="rlhf_exact", params={"tau": 0.1})]
    for (learner, seed), points in _CURVES.items():
        slhf = learner == "stackelberg_gda"
        common: dict[str, Any] = {
            "solver": learner,
            "params": {"tau_leader": 0.1, "tau_follower": 0.1} if slhf else {"tau": 0.1},
            "concept": "slhf" if slhf else "rlhf",
            "cell": f"{learner}{seed}",
            "scale": "llm",
            "seed": seed,
            "game": "laddered",
            "game_params": {"game": game, "ratio": 8.0},
        }
        rows.append(row("duality_gap", 0.9, **common))  # of the answer: no step
        for step, tokens, calls, tv in points:
            values = {
                "tv_to_target": tv,
                "duality_gap": tv / 2,
                "off_list_mass": tv / 100,
                "generated_tokens": tokens,
                "judge_calls": calls,
                "optimizer_steps": step,
                "seconds": step / 4,
                **({"follower_tv": 2 * tv / 3} if slhf else {"tv_to_nash": tv + 0.1}),
            }
            rows += [row(name, value, step=step, **common) for name, value in values.items()]
    return framed(rows)
