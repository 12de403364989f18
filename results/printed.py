"""What the command line prints of a run: tables, their legend, and what they leave out."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from results import evidence, headline
from results.comparisons import comparisons_to_show
from results.export import text
from results.frames import check
from results.questions import SECTIONS
from results.questions.layout import meanings_of_keys
from results.questions.section import Column, Contents, Section

CONCEPTS = {
    "RLHF": "reinforcement learning from human feedback: fits one reward to the comparisons "
    "(Bradley-Terry) and maximises it",
    "NLHF": "Nash learning from human feedback: plays the equilibrium of the game in which two "
    "policies compete to be preferred",
    "SLHF": "Stackelberg learning from human feedback: a leader commits to an answer, and a "
    "follower that sees it replies",
}
"""The concepts by name, each with what it does."""

_STRENGTH = {
    "tau": "weight of the KL penalty that keeps a policy close to the reference; 0: no penalty",
    "KL": "distance of the policy from the reference (Kullback-Leibler divergence)",
    "(LM)": "a language model that was trained, not an answer that was computed",
}
_MARKS = {
    "-": "not measured",
    "undef.": "does not exist",
    "*": "mean over the values that exist",
}


@dataclass(frozen=True)
class Printed:
    """Tables of text with their legend.

    Attributes
    ----------
    tables : list of DataFrame
        What distinguishes the lines is their index, unless they are grouped.
    grouped : bool
        Whether lines with the same first cell, a game, belong together.
    legend : mapping of str to str
        Term -> meaning, for the terms that occur in the tables.
    left_out : list of str
        Sentences on what the report has and the tables have not.
    """

    tables: list[pd.DataFrame]
    grouped: bool = False
    legend: Mapping[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def printed(frame: pd.DataFrame, methods: Collection[str] = ()) -> Printed:
    """The headline, if the run measured one of its questions.

    Otherwise the first table of every question that it measured; otherwise the statuses.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    methods : collection of str
        Registry names of methods that are shown in any case: those that run at another strength
        than the headline get a table of their own, beside the exact answers.

    Raises
    ------
    RunError
        If the frame lacks a column or has no rows.
    """
    check(frame)
    if headline.has_rows(frame):
        return _headlines(frame, methods)
    parts = [(section, section.contents(frame)) for section in SECTIONS if section.has_rows(frame)]
    first = [table for section, contents in parts for table in _first(section, contents)]
    if not first:
        statuses = text(evidence.statuses(frame))
        return Printed([statuses.set_index(["experiment", "method", "status"])])
    tables = [table for table, _ in first]
    legend = {c.name: c.meaning for table, columns in first for c in columns if _in(c, table)}
    for table in tables:
        legend |= meanings_of_keys(table)
    return Printed(tables, legend=legend)


def _headlines(frame: pd.DataFrame, methods: Collection[str]) -> Printed:
    rows = headline.headline_rows(frame)
    main, *others = added = comparisons_to_show(rows)
    asked = rows[rows["solver"].isin(list(methods))]
    tables, left_out = [headline.headline(frame, main)], []
    for other in others:
        if set(added[other]) & set(asked.loc[asked["comparison"] == other, "method"].astype(str)):
            tables.append(_with_exact(headline.headline(frame, other), tables[0]))
        else:
            names = ", ".join(added[other]) or "the same methods"
            left_out.append(f"{names} at {other}: in the report")
    return Printed(tables, True, _legend(tables), left_out)


def _with_exact(table: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """The table with the exact answers of the main one, if it has none of its own."""
    method, at_main = str(table.columns[1]), str(main.columns[1])
    if table[method].isin(CONCEPTS).any():
        return table
    exact = main[main[at_main].isin(CONCEPTS) & main["game"].isin(table["game"])]
    exact = exact.rename(columns={at_main: method})
    exact[method] += f" {at_main}"
    both = pd.concat([exact, table]).reindex(columns=table.columns).fillna("-")
    games = {game: place for place, game in enumerate(main["game"].unique())}
    return both.sort_values("game", key=lambda names: names.map(games), kind="stable")


def _legend(tables: list[pd.DataFrame]) -> dict[str, str]:
    methods = {name for table in tables for name in table.iloc[:, 1]}
    heads = [str(table.columns[1]) for table in tables]
    words = " ".join([*methods, *heads])
    cells = " ".join(cell for table in tables for cell in table.iloc[:, 2:].to_numpy().ravel())
    columns = {name for table in tables for name in table.columns}
    return {
        **{name: meaning for name, meaning in CONCEPTS.items() if name in words},
        **{name: meaning for name, meaning in _STRENGTH.items() if name in words},
        **{c.name: c.meaning for c in headline.COLUMNS if c.name in columns},
        **{mark: meaning for mark, meaning in _MARKS.items() if mark in cells},
    }


def _first(section: Section, contents: Contents) -> Iterator[tuple[pd.DataFrame, list[Column]]]:
    """The first table of a section that has rows, as text, and its columns."""
    for name, table in contents.views[0].tables.items():
        if len(table):
            (columns,) = (list(t.columns) for t in section.tables if t.name == name)
            keys = [str(key) for key in table.index.names if key is not None]
            shown = text(table)
            yield shown.set_index(keys or [shown.columns[0]]), columns
            return


def _in(column: Column, table: pd.DataFrame) -> bool:
    stem = column.name.rstrip("*")
    return any(str(name).split()[0].startswith(stem) for name in table.columns)
