"""What a run's numbers rest on: certificates, seeds and statuses."""

import pandas as pd

from results.frames import describe


def statuses(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a question, method and status: rows, their share, number of games, one reason.

    Raises
    ------
    RunError
        If the frame lacks a column or has no rows.
    """
    group = describe(frame).groupby(["experiment", "method", "status"], sort=False, observed=True)
    out = group.agg(
        rows=("value", "size"), games=("game", "nunique"), reason=("message", "first")
    ).reset_index()
    whole = out.groupby(["experiment", "method"], observed=True)["rows"].transform("sum")
    out.insert(4, "share", out["rows"] / whole)
    return out.sort_values(["experiment", "method"], kind="stable").astype({"method": str})


def certified(frame: pd.DataFrame) -> list[str]:
    """Sentences on the worst certificate of each solver, and on seeds behind the averages."""
    defined = frame[frame["value"].notna()]
    out = []
    for metric, line in (
        ("residual", "each checked against its condition of optimality; the largest residual is"),
        ("step_residual", "found by iteration; the residual change in the last step is at most"),
    ):
        of_metric = defined[defined["metric"] == metric]
        for solver, part in of_metric.groupby("solver", observed=True):
            worst = part.iloc[part["value"].argmax()]
            out.append(
                f"{solver}: {len(part)} answers, {line} {worst['value']:.1e} ({worst['game']}, "
                f"{worst['params']})."
            )
    missed = frame.loc[frame["status"] == "max_steps", ["solver", "game"]].astype(str)
    if len(missed):
        where = ", ".join(sorted((missed["solver"] + " on " + missed["game"]).unique()))
        out.append(f"{len(missed)} rows rest on answers that miss their tolerance: {where}.")
    seeds = frame["seed"].nunique()
    drawn = sorted(frame.loc[frame["seed"].notna(), "game"].unique())
    exact = frame["seed"].isna().mean()
    out.append(f"{exact:.0%} of the rows are exact: nothing in them is drawn.")
    if seeds:
        out.append(
            f"The others are repeated with {seeds} seeds ({', '.join(drawn)}): means with a 95% "
            "Student t interval over the seeds, or over the draws of a family."
        )
    return out


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
