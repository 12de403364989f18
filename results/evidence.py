"""What a run's numbers rest on: certificates, seeds and statuses."""

import re

import pandas as pd

from results.frames import describe
from results.intervals import FEWEST

_PARTICULARS = re.compile(r"\{[^}]*\}(?: > \{[^}]*\})*|-?\d[\d.,]*(?:e[+-]?\d+)?")
"""Sets of answers and numbers in a message: two that differ in nothing else give one reason."""


def statuses(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a question, method, status and reason: cells, their share, rows, number of games.

    A cell is ok if all its rows are that were not skipped; under another status it counts if it has
    such a row, so that the shares of a method can add up to more than 1. Reasons that differ in
    numbers and sets of answers only are one; the first is shown.

    Raises
    ------
    RunError
        If the frame lacks a column or has no rows.
    """
    rows = describe(frame)
    kinds = {text: _PARTICULARS.sub("", text) for text in map(str, rows["message"].unique())}
    rows = rows.assign(kind=rows["message"].astype(str).map(kinds))
    keys = ["experiment", "method", "status", "kind"]
    group = rows.groupby(keys, sort=False, observed=True)
    out = group.agg(
        cells=("cell", "nunique"),
        rows=("value", "size"),
        games=("game", "nunique"),
        reason=("message", "first"),
    ).reset_index()
    out = out.drop(columns="kind")
    lines, of_method = pd.MultiIndex.from_frame(out[keys[:2]]), keys[:2]
    asked = rows[rows["status"] != "skipped"]
    whole = asked.assign(ok=asked["status"] == "ok").groupby([*of_method, "cell"], observed=True)
    ok = whole["ok"].all().groupby(level=of_method, observed=True).sum().reindex(lines).to_numpy()
    cells = rows.groupby(of_method, observed=True)["cell"].nunique().reindex(lines).to_numpy()
    out["cells"] = out["cells"].where(out["status"] != "ok", ok).astype(int)
    out.insert(4, "share", out["cells"] / cells)
    return out.sort_values(["experiment", "method"], kind="stable").astype({"method": str})


def certified(frame: pd.DataFrame) -> list[str]:
    """Sentences on the worst certificate of each solver, and on seeds behind the averages."""
    defined = frame[frame["value"].notna()]
    out = []
    for metric, line in (
        ("residual", "checked against the condition of optimality; the largest residual is"),
        ("step_residual", "found by iteration; the residual change in the last step is at most"),
    ):
        of_metric = defined[defined["metric"] == metric]
        for solver, part in of_metric.groupby("solver", observed=True):
            worst = part.iloc[part["value"].argmax()]
            out.append(
                f"{solver}: {_count(len(part), 'answer')}, {line} {worst['value']:.1e} "
                f"({worst['game']}, {worst['params']})."
            )
    missed = frame.loc[frame["status"] == "max_steps", ["solver", "game"]].astype(str)
    if len(missed):
        where = ", ".join(sorted((missed["solver"] + " on " + missed["game"]).unique()))
        one = "rests on an answer that misses its", "rest on answers that miss their"
        rest = one[len(missed) > 1]
        out.append(f"{_count(len(missed), 'row')} {rest} tolerance: {where}.")
    return [*out, *_drawn(frame)]


def _drawn(frame: pd.DataFrame) -> list[str]:
    """Sentences on how many rows are drawn, and how often."""
    drawn = frame[frame["seed"].notna()]
    if drawn.empty:
        return ["All rows are exact: nothing in them is drawn."]
    games = ", ".join(sorted(map(str, drawn["game"].unique())))
    exact = len(frame) - len(drawn)
    out = [f"{exact:,} of {len(frame):,} rows are exact: nothing in them is drawn."] * (exact > 0)
    which = "The others are" if exact else "All rows are"
    seeds = drawn["seed"].nunique()
    if seeds < FEWEST:
        number = "one seed" if seeds == 1 else f"{seeds} seeds"
        out.append(
            f"{which} drawn with {number} ({games}): only means over the draws of a family have an "
            "interval."
        )
    else:
        out.append(
            f"{which} drawn with {seeds} seeds ({games}): means with a 95% interval over the "
            "seeds, or over the draws of a family."
        )
    return out


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def not_measured(frame: pd.DataFrame, questions: tuple[str, ...]) -> list[str]:
    """Sentences on the questions without rows, and on the cells that were skipped and why."""
    present = set(frame["experiment"])
    out = [f"Not measured: {question}." for question in questions if question not in present]
    skipped = frame[frame["status"] == "skipped"]
    for (question, message), part in skipped.groupby(["experiment", "message"], observed=True):
        games, solvers, metrics = (
            ", ".join(sorted(map(str, set(part[name]) - {""})))
            for name in ("game", "solver", "metric")
        )
        what = f"{question} ({metrics})" if metrics else question
        out.append(f"Not measured: {what} on {games} with {solvers}: {message}.")
    return out
