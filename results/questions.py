"""The rows of each question, with what the metrics are indexed by as columns.

Rows of cells that were skipped or failed are left out: nothing was measured there. Rows that are
undefined stay, without a value.
"""

from collections.abc import Callable

import pandas as pd

from results.frames import Labels, describe, expand
from results.rows import RunError

QUESTIONS = ("consistency", "data_sensitivity", "robustness", "refinement")


def every(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of all these questions, as ``frames.describe`` gives them.

    Raises
    ------
    RunError
        As for every function here: a column is missing, or the question was not asked.
    """
    rows = describe(frame)
    rows = rows[rows["experiment"].isin(QUESTIONS) & rows["step"].isna()]
    if rows.empty:
        raise RunError(f"none of {', '.join(QUESTIONS)} was asked in this run")
    return rows


def answers(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of consistency, with the column action."""
    return _asked(frame, "consistency", action=_label("action"))


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of data_sensitivity, with setting, comparisons, kind and change.

    comparisons is infinite where P is known exactly. kind: "none", "missing", "sampled_from";
    change: "none", "no A-B", "sampled from A". unseen_share is the same for every method and
    stands under the method "all".
    """
    rows = _asked(
        frame,
        "data_sensitivity",
        setting=_label("setting"),
        comparisons=lambda labels: float(labels.get("n_comparisons") or "inf"),
        kind=_label("change"),
        change=_change,
    )
    order = sorted(rows["change"].cat.categories, key=lambda text: text != "none")
    order = sorted(order, key=lambda text: text.startswith("sampled from "))
    rows = rows.assign(change=rows["change"].cat.reorder_categories(order))
    return _once(rows, "unseen_share")


def paths(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of robustness, with kind ("annotators"), path ("annotators, type 0") and t.

    largest_shift belongs to a whole path and stands at its end, t = 1. cyclic_share is the same
    for every method and stands under the method "all".
    """
    rows = _asked(
        frame,
        "robustness",
        kind=_label("path"),
        path=_path,
        t=lambda labels: float(labels.get("t", 1)),
    )
    return _once(rows, "cyclic_share")


def users(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of refinement about user types, with type, n_answers, how and route."""
    rows = _asked(
        frame,
        "refinement",
        type=lambda labels: str(labels.get("type", "")),
        n_answers=lambda labels: float(labels.get("n_answers", 0)),
        how=_label("how"),
        route=_label("route"),
    )
    rows = rows[rows["n_answers"] > 0]
    if rows.empty:
        raise RunError("refinement: no game of this run has a population of users")
    return rows.assign(n_answers=rows["n_answers"].astype(int))


def revisions(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of refinement about revisions, with leader ("reference", "RLHF", ...)."""
    rows = _asked(frame, "refinement", leader=_leader)
    return rows[rows["metric"] == "refinement_win_rate"]


def _asked(
    frame: pd.DataFrame, question: str, **read: Callable[[Labels], str | float]
) -> pd.DataFrame:
    rows = describe(frame, question)
    there = (rows["status"] != "skipped") & (rows["metric"] != "")
    rows = rows[there & rows["step"].isna()]  # steps are those of training curves
    if rows.empty:
        raise RunError(f"{question}: no cell of this run measured it; see tables.statuses")
    return expand(rows, **read)


def _label(name: str) -> Callable[[Labels], str]:
    return lambda labels: str(labels.get(name, ""))


def _change(labels: Labels) -> str:
    if "pair" in labels:
        return f"no {'-'.join(labels['pair'])}"
    return f"sampled from {labels['policy']}" if "policy" in labels else str(labels["change"])


def _path(labels: Labels) -> str:
    own = str(labels["path"])
    return f"{own}, type {labels['type']}" if "type" in labels else own


def _leader(labels: Labels) -> str:
    name = str(labels.get("leader", ""))
    return "reference" if name == "ref" else name.upper()


def _once(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """``metric`` under the method "all"."""
    method = rows["method"].cat.add_categories("all")
    return rows.assign(method=method.mask(rows["metric"] == metric, "all"))
