"""How often is an audit wrong?"""

from typing import Any

import pandas as pd

from results.questions.layout import pivot
from results.questions.section import Column, Section, Table
from results.statistics import estimate

COLUMNS = (
    Column("rejection_rate"),
    Column("p_value", "mean p-value of the test; 1/2 where the Bradley-Terry model is true"),
    Column("cycle_rate"),
    Column("interval_coverage"),
    Column("set_coverage"),
    Column("set_size"),
)
_DATA = ["game", "answers", "per_pair", "nu", "copies"]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, kind of data and method."""
    return pivot(rows, [*_DATA, "method"], ["metric"], COLUMNS)


def findings(rows: pd.DataFrame) -> list[str]:
    """The extremes of each rate over games, kinds of data and methods."""
    means = estimate(rows.astype({"metric": str}), [*_DATA, "method", "metric"])
    out = []
    for column in COLUMNS[:-1]:
        part = means[means["metric"] == column.name].sort_values("mean", kind="stable")
        if part.empty:
            continue
        ends = [f"{line['mean']:.3f} ({_words(line)})" for _, line in part.iloc[[0, -1]].iterrows()]
        out.append(f"{column.name}: from {ends[0]} to {ends[1]}.")
    return out


def _words(line: Any) -> str:
    copies = f", each by {line['copies']:g} copies" if line["copies"] != 1 else ""
    ties = f", ties {line['nu']:g}" if line["nu"] != 0 else ""
    return f"{line['game']}, {line['per_pair']:g} a pair{ties}{copies}, {line['method']}"


SECTION = Section(
    name="calibration",
    title="How often is an audit wrong?",
    reading="Comparisons are drawn from a known game and audited. per_pair is how often each pair "
    "is compared, nu the weight of ties, copies how often each rater repeats its vote; with more "
    "than one the tests and the samples go by rater. The first two rates do not depend on the "
    "method. A method without a penalty has a set of answers that are not excluded, one with a "
    "penalty has intervals. Seeds are batches of data sets.",
    expected="Where rewards describe the game they are rejected in 0.05 of the data sets, and no "
    "cycle is established. Intervals hold the true probabilities in 0.95, sets the true answer in "
    "at least 0.95. With ties the truth is no longer quite Bradley-Terry in the rates of points.",
    findings=findings,
    tables=(Table("calibration", table, COLUMNS),),
    labels={
        name: (lambda labels, name=name: float(labels.get(name, 0)))  # type: ignore[misc]
        for name in ("answers", "per_pair", "nu", "copies")
    },
    arrange=lambda rows: rows.astype({"answers": int, "per_pair": int, "copies": int}),
)
