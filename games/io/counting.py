"""Counting comparison tables: what the answers are, and who was preferred to whom how often."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from games.comparisons import Comparisons
from games.errors import GameError
from games.game import DENSE_LIMIT, Float
from games.io.comparison_table import Form, Table, form_of
from games.registry import near


@dataclass(frozen=True)
class _Tally:
    """The distinct rows of a table, column by column, how often each occurs and where first."""

    cells: Mapping[str, list[str]]
    counts: NDArray[np.int64]
    places: list[int]
    unit: str

    def at(self, k: int) -> str:
        return f"{self.unit} {self.places[k]}"


def comparisons(table: Table, group_by: str | None) -> Comparisons:
    """Count a comparison table.

    With a column "prompt", the prompts become contexts (in order of appearance) when there are
    several, all compare the same answers, and each compares every pair of them. Else all rows
    are pooled: by ``group_by``, else by model names if the table has them (``model_chosen``,
    ``model_rejected``), else by the answers themselves. Answers are sorted by name; white space
    around a name does not count. Rows that compare a group with itself are left out and logged.

    Parameters
    ----------
    table : Table
    group_by : str, optional
        "score" stands for the columns ``score_chosen`` and ``score_rejected`` (or
        ``chosen_score`` and ``rejected_score``); likewise with ``left``, ``right`` and ``a``,
        ``b``. Prompts are then always pooled.

    Raises
    ------
    GameError
        If a row is malformed, there are more than 5,000 answers, or no answer occurs twice.
    """
    form = form_of(table.header)
    groups = form.groups(table.header)
    labels = _labels(form, groups, group_by)
    by_prompt = group_by is None and "prompt" in table.header
    answers = form.columns if form.outcomes or by_prompt else ()
    tally = _tally(table, (*answers, *labels, *(("prompt",) if by_prompt else ())))
    share = _first_wins(form, tally)
    prompts = [""] * len(share)
    if by_prompt and _complete(tally.cells["prompt"], *(tally.cells[c] for c in form.answers)):
        prompts, labels = tally.cells["prompt"], form.answers
    mask = _comparing(tally, labels, grouped=labels != form.answers)
    first, second, prompts = (
        list(compress(cells, mask))
        for cells in (tally.cells[labels[0]], tally.cells[labels[1]], prompts)
    )
    counts, share = tally.counts[mask], share[mask]
    names = sorted({*first, *second})
    if len(names) > DENSE_LIMIT or len(names) == 2 * counts.sum():
        others = ", ".join(name for name, pair in groups.items() if pair != labels)
        raise GameError(_too_many_answers(len(names), form, others))
    c, contexts = _codes(prompts, dict.fromkeys(prompts))
    i, _ = _codes(first, names)
    j, _ = _codes(second, names)
    wins, ties = np.zeros((2, contexts, len(names), len(names)))
    np.add.at(wins, (c, i, j), counts * (share == 1))
    np.add.at(wins, (c, j, i), counts * (share == 0))
    np.add.at(ties, (c, i, j), counts * (share == 0.5))
    ties += np.swapaxes(ties, -1, -2)
    if contexts == 1:
        return Comparisons(wins[0], ties[0], names)
    return Comparisons(wins, ties, names, tuple(dict.fromkeys(prompts)))


def _labels(
    form: Form, groups: Mapping[str, tuple[str, str]], group_by: str | None
) -> tuple[str, str]:
    """The two columns whose values are the answers of the game."""
    if group_by is not None and group_by not in groups:
        one, two = form.sides
        raise GameError(
            f"no columns {group_by}_{one} and {group_by}_{two} for --group-by {group_by}"
            + (near(group_by, groups) if groups else "; the file has no such pair of columns")
        )
    return groups.get("model" if group_by is None else group_by, form.answers)


def _too_many_answers(n: int, form: Form, others: str) -> str:
    problem = f"more than {DENSE_LIMIT:,}" if n > DENSE_LIMIT else "none of them twice"
    return (
        f"{n:,} different answers, {problem}; say what stands for the answers with --group-by "
        f"COLUMN, read as COLUMN_{form.sides[0]} and COLUMN_{form.sides[1]} "
        f"(in this file: {others or 'none'})"
    )


def _tally(table: Table, columns: tuple[str, ...]) -> _Tally:
    columns = tuple(dict.fromkeys(columns))
    counts: dict[tuple[str, ...], int] = {}
    places: list[int] = []
    for place, cells in table.rows(columns):
        if cells in counts:
            counts[cells] += 1
        else:
            counts[cells] = 1
            places.append(place)
    if not places:
        raise GameError("no comparisons below the header; add a row for each")
    return _Tally(
        {
            column: [cell.strip() for cell in cells]
            for column, cells in zip(columns, zip(*counts, strict=True), strict=True)
        },
        np.array(list(counts.values())),
        places,
        table.unit,
    )


def _first_wins(form: Form, tally: _Tally) -> Float:
    """Share of the win that goes to the first answer, row by row."""
    if not form.outcomes:
        return np.ones(len(tally.counts))
    share = []
    rows = zip(*(tally.cells[column] for column in form.columns), strict=True)
    for k, (first, second, winner) in enumerate(rows):
        if first in form.outcomes or second in form.outcomes:
            raise GameError(
                f"{tally.at(k)}: compares {first!r:.60} with {second!r:.60}; no answer may be "
                f"called {', '.join(form.outcomes)}, since winner may say that; rename it"
            )
        named = {} if first == second else {first: 1.0, second: 0.0}
        won = form.outcomes.get(winner, named.get(winner))
        if won is None:
            raise GameError(
                f"{tally.at(k)}: winner is {winner!r:.60}, expected {', '.join(form.outcomes)} "
                "or the name of one of the two"
            )
        share.append(won)
    return np.array(share)


def _complete(prompts: list[str], first: list[str], second: list[str]) -> bool:
    """Whether there are several prompts, and each compares every pair of the same answers."""
    rows = list(zip(prompts, first, second, strict=True))
    pairs = {frozenset(pair) for prompt, *pair in rows if prompt == prompts[0]}
    n = len(frozenset().union(*pairs))
    compared = set()
    for prompt, *pair in rows:
        if frozenset(pair) not in pairs:
            return False
        compared.add((prompt, frozenset(pair)))
    contexts = len(set(prompts))
    return contexts > 1 and len(compared) == contexts * n * (n - 1) // 2


def _comparing(tally: _Tally, labels: tuple[str, str], *, grouped: bool) -> NDArray[np.bool_]:
    """The rows that compare two groups; an answer compared with itself is refused."""
    for column in labels:
        if not all(tally.cells[column]):
            k = tally.cells[column].index("")
            raise GameError(f"{tally.at(k)}: {column} is blank; name the answer")
    first, second = (tally.cells[column] for column in labels)
    same = np.array([a == b for a, b in zip(first, second, strict=True)])
    k = int(np.argmax(same))
    if same.any() and not grouped:
        raise GameError(f"{tally.at(k)}: {first[k]!r:.60} is compared with itself; drop the row")
    if same.all():
        raise GameError(
            f"{tally.at(k)}: {labels[0]} and {labels[1]} are both {first[k]!r:.60}, and equal in "
            "every other row too; group by something that differs"
        )
    if same.any():
        logging.getLogger("prefgames").warning(
            "%d of %d comparisons left out: %s and %s are equal there, first in %s",
            tally.counts[same].sum(),
            tally.counts.sum(),
            *labels,
            tally.at(k),
        )
    return ~same


def _codes(values: list[str], distinct: Collection[str]) -> tuple[NDArray[np.int64], int]:
    index = {name: k for k, name in enumerate(distinct)}
    return np.array([index[value] for value in values]), len(index)
