"""The table that tells the story: one line a game and method."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from results import questions
from results.frames import FILLED, at, categories, only
from results.rows import RunError
from results.statistics import estimate

_METRICS = {
    "entropy": "entropy",
    "gap": "duality_gap",
    "value": "leader_value",
    "Smith": "smith_mass",
}
_LINE = ["game", "method"]
_UNIT = [*_LINE, "seed", "context"]
_TIE = 1e-9
_LONGEST_NAME = 12
_UNDEFINED = "undef."

MEANING = {
    "answer": "the likeliest, and its probability",
    "entropy": "of the answer, in nats",
    "gap": "duality gap: what the best opponent of the policy gains",
    "value": "win rate against a follower that sees the answer and replies best",
    "Smith": "mass on the Smith set, which is the Condorcet winner where there is one",
    "shift": "how far the answer moves (total variation) when the worst pair is never compared, "
    "P being known",
    "(est.)": "the same, with P estimated from infinitely many comparisons of the other pairs",
    "fav@3": "probability that a user has seen its favourite after 3 answers, refined where the "
    "method can refine",
    "n": 'the numbers are means over so many seeds; "exact" where nothing is drawn',
    "ok": "share of the method's rows on this game that have a value, certified where there is a "
    "certificate",
}
"""What the headline's columns mean."""

Cells = dict[tuple[str, str], str]
"""(game, method) -> what is shown."""


def headline(frame: pd.DataFrame, comparison: str | None = None) -> pd.DataFrame:
    """One line a game and method, in one comparison; every cell is text, rounded to be read.

    ``MEANING`` tells what the columns are. "-": not measured. "undef.": does not exist. "*":
    speaks of those values that exist.

    Parameters
    ----------
    frame : DataFrame
        As ``results.load`` returns it.
    comparison : str, optional
        "tau = 0.1" or the like; by default ``frames.main_comparison``.

    Raises
    ------
    RunError
        If none of the questions was asked, or not in that comparison.
    """
    rows = _as_they_are(only(questions.every(frame), comparison))
    here = at(rows)
    told: dict[str, Cells] = {"n": _seeds(rows), "ok": _shares(rows)}
    own = _asked(questions.answers, frame, here)
    if own is not None:
        told["n"] |= _seeds(own)
        told["answer"] = _likeliest(own[own["metric"] == "probability"])
        for name, metric in _METRICS.items():
            told[name] = _estimates(own[own["metric"] == metric])
    moved = _asked(questions.changes, frame, here)
    if moved is not None:
        told["shift"] = _estimates(_missing_pairs(moved, "known"))
        told["(est.)"] = _estimates(_missing_pairs(moved, "estimated"))
    users = _asked(questions.users, frame, here)
    if users is not None:
        told["fav@3"] = _estimates(_third_answer(users))
    lines = rows[_LINE].drop_duplicates().sort_values(_LINE)
    keys = list(zip(lines["game"].astype(str), lines["method"].astype(str), strict=True))
    table = {"game": [game for game, _ in keys], f"at {here}": [method for _, method in keys]}
    for name in MEANING:
        table[name] = [told.get(name, {}).get(key, "-") for key in keys]
    return pd.DataFrame(table, dtype=object)


def _asked(
    read: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame, comparison: str
) -> pd.DataFrame | None:
    """The rows of a question in one comparison; None where it was not asked."""
    try:
        return only(read(frame), comparison)
    except RunError:
        return None


def _missing_pairs(rows: pd.DataFrame, setting: str) -> pd.DataFrame:
    rows = rows[(rows["metric"] == "shift") & (rows["kind"] == "missing")]
    rows = rows[(rows["setting"] == setting) & (rows["comparisons"] == math.inf)]
    return _as_they_are(rows)


def _as_they_are(rows: pd.DataFrame) -> pd.DataFrame:
    """Without the variants that fill what they have not seen."""
    own = [name for name in categories(rows["method"]) if not name.endswith(FILLED)]
    return rows[rows["method"].isin(own)]


def _third_answer(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[(rows["metric"] == "seen_favourite") & (rows["n_answers"] == 3)]
    rows = rows[(rows["type"] == "all") & (rows["route"] == "exact")]
    refines = rows.loc[rows["how"] == "refined", "method"].unique()
    return rows[(rows["how"] == "refined") | ~rows["method"].isin(refines)]


def _estimates(rows: pd.DataFrame) -> Cells:
    """Mean over seeds of the largest value in each context."""
    out: Cells = {}
    e: Any
    for e in estimate(rows, _LINE, "max").itertuples() if len(rows) else ():
        out[str(e.game), str(e.method)] = _cell(e.mean, e.defined)
    return out


def _cell(mean: float, defined: float) -> str:
    if math.isnan(mean):
        return _UNDEFINED
    return f"{round(mean, 2) + 0:.2f}" + ("*" if defined < 1 else "")


def _likeliest(rows: pd.DataFrame) -> Cells:
    """The answer of highest probability: one name, if it is the same in all seeds and contexts."""
    units = rows.assign(seed=rows["seed"].fillna(-1), context=rows["context"].fillna(-1))
    top = units.groupby(_UNIT, observed=True)["value"].transform("max")
    best = units[units["value"] >= top - _TIE].groupby(_UNIT, observed=True)
    found = best.agg(name=("action", "first"), ties=("action", "size"), top=("value", "max"))
    ties = found["ties"].astype(str) + "-way tie"
    found["name"] = found["name"].astype(str).where(found["ties"] == 1, ties)
    lines = found.groupby(_LINE, observed=True)
    told = lines.agg(name=("name", "first"), names=("name", "nunique"), top=("top", "mean"))
    out = {(str(g), str(m)): _UNDEFINED for g, m in zip(rows["game"], rows["method"], strict=True)}
    for (game, method), name, names, mean in told.itertuples(name=None):
        out[str(game), str(method)] = f"{_short(name) if names == 1 else 'varies'} {mean:.2f}"
    return out


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _seeds(rows: pd.DataFrame) -> Cells:
    seeds = rows.groupby(_LINE, observed=True)["seed"].nunique()
    return _cells(seeds.map(lambda n: str(n) if n else "exact"))


def _shares(rows: pd.DataFrame) -> Cells:
    asked = rows[rows["status"] != "skipped"]
    shares = (
        (asked["status"] == "ok").groupby([asked[name] for name in _LINE], observed=True).mean()
    )
    return _cells(shares.map(lambda share: f"{math.floor(100 * share)}%"))


def _cells(words: "pd.Series[str]") -> Cells:
    """A series indexed by game and method."""
    keys = words.index.to_frame().astype(str).itertuples(index=False, name=None)
    return dict(zip(keys, words, strict=True))
