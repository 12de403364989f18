"""The headline: a table that summarises a run, one line a game and method."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.comparisons import select_comparison, void_metrics
from results.frames import FILLED, categories, comparison_in, describe, measured
from results.questions import SECTIONS, consistency, data_sensitivity, refinement
from results.questions.layout import GAME_AND_METHOD
from results.questions.section import Section
from results.rows import RunError
from results.statistics import estimate, fill_units, with_draws

COMPARED_QUESTIONS = tuple(section.name for section in SECTIONS if section.compared)
"""The questions that compare methods at equal strength."""

_UNIT_KEYS = [*GAME_AND_METHOD, "seed", "context"]
_TIE = 1e-9
_LONGEST_NAME = 10
_UNDEFINED = "undef."

Cells = dict[tuple[str, str], str]
"""(game, method) -> the text of the cell."""


@dataclass(frozen=True)
class Column:
    """A column of the headline.

    Attributes
    ----------
    name, meaning : str
    cells : callable
        Rows of one comparison -> the cells; games and methods without a cell show "-".
    section : Section or None
        The question whose rows ``cells`` reads. None: the rows of all questions in
        ``COMPARED_QUESTIONS``, including skipped cells.
    """

    name: str
    meaning: str
    cells: Callable[[pd.DataFrame], Cells]
    section: Section | None = None


def has_rows(frame: pd.DataFrame) -> bool:
    """Whether the frame has rows that the headline can summarise."""
    return bool(_is_headline_row(frame).any())


def headline_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The described rows of all questions in ``COMPARED_QUESTIONS``, without points of curves.

    Raises
    ------
    RunError
        If the frame lacks a column, or has no row of these questions.
    """
    rows = describe(frame)
    rows = rows[_is_headline_row(rows)]
    if rows.empty:
        raise RunError(f"none of {', '.join(COMPARED_QUESTIONS)} was measured in this run")
    return rows


def headline(frame: pd.DataFrame, comparison: str | None = None) -> pd.DataFrame:
    """A table of rounded text, one line a game and method, in one comparison.

    ``COLUMNS`` defines the columns. "-" means not measured, "undef." that the value does not
    exist, "*" that the mean is over the values that exist.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    comparison : str, optional
        "tau = 0.1" or the like; by default ``comparisons.main_comparison``.

    Raises
    ------
    RunError
        If there is no row of these questions, or none in that comparison.
    """
    (table,) = headlines(frame, [comparison])
    return table


def headlines(frame: pd.DataFrame, comparisons: Sequence[str | None]) -> list[pd.DataFrame]:
    """The table of ``headline`` for each of these comparisons.

    Raises
    ------
    RunError
        If there is no row of these questions, or none in one of the comparisons.
    """
    rows = headline_rows(frame)
    of_section = {
        section.name: section.rows(frame)
        for section in (consistency.SECTION, data_sensitivity.SECTION, refinement.SECTION)
        if section.has_rows(frame)
    }
    chosen = [_without_filled(select_comparison(rows, comparison)) for comparison in comparisons]
    return [_table(part, of_section) for part in chosen]


def _table(rows: pd.DataFrame, all_of_section: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table of the rows of one comparison."""
    chosen = comparison_in(rows)
    of_section = {name: part[part["comparison"] == chosen] for name, part in all_of_section.items()}
    lines = rows[GAME_AND_METHOD].drop_duplicates().sort_values(GAME_AND_METHOD)
    keys = list(zip(lines["game"].astype(str), lines["method"].astype(str), strict=True))
    table = {"game": [game for game, _ in keys], f"at {chosen}": [method for _, method in keys]}
    for column in columns_at(chosen):
        part = of_section.get(column.section.name, rows.iloc[:0]) if column.section else rows
        cells = column.cells(part) if len(part) else {}
        table[column.name] = [cells.get(key, "-") for key in keys]
    return pd.DataFrame(table, dtype=object)


def columns_at(comparison: str) -> tuple["Column", ...]:
    """The columns whose values are not the same for all methods by arithmetic."""
    return tuple(column for column in COLUMNS if column.name not in void_metrics(comparison))


def _is_headline_row(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["experiment"].isin(COMPARED_QUESTIONS) & rows["step"].isna()


def _without_filled(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without variants of RLHF that fill pairs which were never compared."""
    plain = [name for name in categories(rows["method"]) if not name.endswith(FILLED)]
    return rows[rows["method"].isin(plain)]


def _values(metric: str) -> Callable[[pd.DataFrame], Cells]:
    return lambda rows: _estimates(rows[rows["metric"] == metric])


def _shifts(setting: str) -> Callable[[pd.DataFrame], Cells]:
    def cells(rows: pd.DataFrame) -> Cells:
        rows = data_sensitivity.missing_pairs(rows)
        return _estimates(_without_filled(rows[rows["setting"] == setting]))

    return cells


def _favourite_after_three(rows: pd.DataFrame) -> Cells:
    rows = refinement.favourites(rows)
    rows = rows[rows["n_answers"] == 3]
    refines = rows.loc[rows["how"] == "refined", "method"].unique()
    return _estimates(rows[(rows["how"] == "refined") | ~rows["method"].isin(refines)])


def _estimates(rows: pd.DataFrame) -> Cells:
    """The mean over seeds of the largest value in each context, as text."""
    out: Cells = {}
    e: Any
    for e in estimate(rows, GAME_AND_METHOD, "max").itertuples() if len(rows) else ():
        out[str(e.game), str(e.method)] = _cell(e.mean, e.defined)
    return out


def _cell(mean: float, defined: float) -> str:
    if math.isnan(mean):
        return _UNDEFINED
    return f"{round(mean, 2) + 0:.2f}" + ("*" if defined < 1 else "")


def _most_probable(rows: pd.DataFrame) -> Cells:
    """The answer of highest probability: one name, if it is the same in all seeds and contexts."""
    rows = rows[rows["metric"] == "probability"]
    units = fill_units(rows)
    top = units.groupby(_UNIT_KEYS, observed=True)["value"].transform("max")
    best = units[units["value"] >= top - _TIE].groupby(_UNIT_KEYS, observed=True)
    answers = best.agg(name=("action", "first"), ties=("action", "nunique"), top=("value", "max"))
    ties = answers["ties"].astype(str) + "-way tie"
    answers["name"] = answers["name"].astype(str).where(answers["ties"] == 1, ties)
    groups = answers.groupby(GAME_AND_METHOD, observed=True)
    lines = groups.agg(name=("name", "first"), names=("name", "nunique"), top=("top", "mean"))
    out = {(str(g), str(m)): _UNDEFINED for g, m in zip(rows["game"], rows["method"], strict=True)}
    for (game, method), name, names, mean in lines.itertuples(name=None):
        answer = _short(" ".join(name.split()), _LONGEST_NAME) if names == 1 else "varies"
        out[str(game), str(method)] = f"{answer} {mean:.2f}"
    return out


def _seeds(rows: pd.DataFrame) -> Cells:
    """The number of seeds or draws, in consistency if it was measured there."""
    first = rows[(rows["experiment"] == consistency.SECTION.name) & measured(rows)]
    return {**_numbers_of_seeds(rows), **_numbers_of_seeds(first)}


def _numbers_of_seeds(rows: pd.DataFrame) -> Cells:
    units = with_draws(fill_units(rows))[[*GAME_AND_METHOD, "seed", "draw"]].drop_duplicates()
    units = units.assign(drawn=units["seed"] >= 0)
    counts = units.groupby(GAME_AND_METHOD, observed=True)["drawn"].sum()
    return _cells(counts.map(lambda n: str(n) if n else "exact"))


def _shares(rows: pd.DataFrame) -> Cells:
    rows = rows[rows["status"] != "skipped"].assign(ok=lambda rows: rows["status"] == "ok")
    cells = rows.groupby([*GAME_AND_METHOD, "cell"], observed=True)["ok"].all()
    shares = cells.groupby(GAME_AND_METHOD, observed=True).mean()
    return _cells(shares.map(lambda share: f"{math.floor(100 * share)}%"))


def _cells(words: "pd.Series[str]") -> Cells:
    """The cells of a series that is indexed by game and method."""
    keys = words.index.to_frame().astype(str).itertuples(index=False, name=None)
    return dict(zip(keys, words, strict=True))


COLUMNS = (
    Column(
        "answer",
        "most probable answer, and its probability",
        _most_probable,
        consistency.SECTION,
    ),
    Column("entropy", "entropy of the policy, in nats", _values("entropy"), consistency.SECTION),
    Column(
        "gap",
        "duality gap: the margin by which the best opposing policy is preferred to this one",
        _values("duality_gap"),
        consistency.SECTION,
    ),
    Column(
        "value",
        "leader value: win rate against a follower that sees the answer and gives the best reply",
        _values("leader_value"),
        consistency.SECTION,
    ),
    Column(
        "Smith",
        "probability of the Smith set, the smallest group of answers that each beat every answer "
        "outside it: the Condorcet winner if there is one",
        _values("smith_mass"),
        consistency.SECTION,
    ),
    Column(
        "shift",
        "how far the policy moves (total variation) when one pair, the worst, is never compared, "
        "with P known: NLHF and SLHF then cannot move",
        _shifts("known"),
        data_sensitivity.SECTION,
    ),
    Column(
        "est.",
        "the same as shift with P estimated from infinitely many comparisons of the other pairs",
        _shifts("estimated"),
        data_sensitivity.SECTION,
    ),
    Column(
        "fav@3",
        "probability that a user has seen its favourite after 3 answers, which are refined if the "
        "method can refine",
        _favourite_after_three,
        refinement.SECTION,
    ),
    Column(
        "n",
        'number of seeds in the means, or of draws of a family; "exact" if nothing is random',
        _seeds,
    ),
    Column(
        "ok",
        "share of the method's cells on this game in which every value exists and every answer "
        "met its tolerance",
        _shares,
    ),
)


def _short(name: str, longest: int) -> str:
    """The name, cut to at most ``longest`` characters with an ellipsis."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
