"""From a comparison table to records: what the answers are, who won, and what is left out."""

import logging
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from games.errors import GameError
from games.game import DENSE_LIMIT
from games.io.cells import Answers, Other, names, numbers, text
from games.io.conversations import parted
from games.io.drafts import Draft
from games.io.outcomes import first_wins, weights
from games.io.ratings import pairs
from games.io.records import Records
from games.io.roles import Ratings, Roles, not_read, ratings, roles
from games.io.tables import Column, Limits, Table

_log = logging.getLogger("prefgames")


def records(
    table: Table, group_by: str | None, by_prompt: bool = False, limits: Limits | None = None
) -> Records:
    """Read a comparison table.

    The prompts become contexts (in order of appearance) when there are several, all compare the
    same answers, and each compares every pair of them. Else all rows are pooled: by ``group_by``,
    else by model names if the table has them (``model_chosen``, ``model_rejected``), else by the
    answers themselves. Answers are sorted by name; white space around a name does not count, and
    1.0 is 1. Rows that compare a group with itself, or do not say who was preferred, are left out.
    Whatever is left out, pooled or not read is logged.

    Parameters
    ----------
    table : Table
    group_by : str, optional
        "score" stands for the columns ``score_chosen`` and ``score_rejected`` (or
        ``chosen_score`` and ``rejected_score``); likewise with ``left``, ``right`` and ``a``,
        ``b``. Prompts are then always pooled.
    by_prompt : bool
        Whether prompts become contexts in any case.
    limits : Limits, optional

    Raises
    ------
    GameError
        If a row is malformed, there are more than 5,000 answers, or no answer occurs twice.
    """
    limits = limits or Limits()
    group_by = None if group_by is None else group_by.lower()
    rated = ratings(table.header, group_by)
    used: Roles | Ratings
    if rated is not None:
        used, others = rated, ""
        found = _from_ratings(table, rated, limits)
    else:
        used = roles(table.header, group_by)
        others = ", ".join(name for name, pair in used.groups.items() if pair != used.labels)
        found = _from_comparisons(table, used, limits, by_texts=group_by is None)
    if skipped := not_read(table.numeric, used):
        _log.warning(
            "columns of numbers that are not read: %.120s; weights are called count, weight or n, "
            "probabilities prob",
            ", ".join(skipped),
        )
    n = len(found.names)
    if n > DENSE_LIMIT or (n == 2 * len(found) > 2 and found.weight.max() <= 1):
        raise GameError(_too_many_answers(n, used, others))
    return _contexts(found, used, group_by, by_prompt)


def _from_comparisons(table: Table, used: Roles, limits: Limits, *, by_texts: bool) -> Records:
    columns = table.columns(used.columns, limits)
    share, weight = first_wins(table, used, columns), weights(table, used, columns)
    one, two, row = _listed(*(columns[name] for name in used.layout.answers))
    _say_left_out(int(np.isnan(share).sum()), len(share), used.said_by)
    says = ~np.isnan(share) & (weight > 0)
    if not says.all():
        kept = np.flatnonzero(says[row])
        one, two, row = one.take(kept), two.take(kept), row[kept]
    prompt = columns[used.prompt].take(row) if used.prompt else None
    if one.has(tuple) or two.has(tuple):
        asked = None if prompt is None else names([prompt])[0][0]
        one, two, implicit = parted(one, two, asked)
        prompt = implicit if prompt is None else prompt
    whole = Draft(
        one,
        two,
        share[row],
        weight[row],
        prompt,
        columns[used.rater].take(row) if used.rater else None,
        np.full(len(row), int(used.layout.shown), np.int8),
        row,
        row,
    )
    if not used.group:
        return _compared(table, whole, used.layout.answers, grouped=False)
    if by_texts and prompt is not None and (texts := whole.records()).complete():
        return replace(texts, contexts=True)
    one, two = (columns[name].take(row) for name in used.labels)
    return _compared(table, replace(whole, one=one, two=two), used.labels, grouped=True)


def _from_ratings(table: Table, used: Ratings, limits: Limits) -> Records:
    columns = table.columns(used.columns, limits)
    value = numbers(columns[used.rating])
    _say_left_out(int(np.isnan(value).sum()), len(value), (used.rating,))
    rated = np.flatnonzero(~np.isnan(value))
    answer, prompt = columns[used.answer].take(rated), columns[used.prompt].take(rated)
    rater = columns[used.rater].take(rated) if used.rater else None
    _refuse_blank(table, answer, used.answer, rated)
    (cluster,), _ = names([prompt])
    if rater is not None:
        (by,), raters = names([rater])
        cluster = cluster.astype(np.int64) * len(raters) + by
    (code,), _ = names([answer])
    first, second = pairs(cluster.astype(np.int64), limits)
    differ = code[first] != code[second]
    first, second = first[differ], second[differ]
    if not len(first):
        raise GameError(
            f"no two answers with the same {used.prompt} are rated; expected several for each"
        )
    value = value[rated]
    return Draft(
        answer.take(first),
        answer.take(second),
        (1 + np.sign(value[first] - value[second])) / 2,
        np.ones(len(first)),
        prompt.take(first),
        None if rater is None else rater.take(first),
        np.zeros(len(first), np.int8),
        cluster[first].astype(np.int64),
        rated[first].astype(np.int64),
    ).records()


def _compared(table: Table, draft: Draft, labels: tuple[str, str], *, grouped: bool) -> Records:
    """The records that compare two groups; an answer compared with itself is refused."""
    for column, name in zip((draft.one, draft.two), labels, strict=True):
        _refuse_blank(table, column, name, draft.row)
    found = draft.records()
    same = found.first == found.second
    if not same.any():
        return found
    k = int(np.argmax(same))
    name, at = found.names[found.first[k]], table.at(int(found.row[k]))
    if not grouped:
        raise GameError(f"{at}: {name!r:.60} is compared with itself; drop the row")
    if same.all():
        raise GameError(
            f"{at}: {labels[0]} and {labels[1]} are both {name!r:.60}, and equal in every other "
            "row too; group by something that differs"
        )
    _log.warning(
        "%d of %d comparisons left out: %s and %s are equal there, first in %s",
        same.sum(),
        len(same),
        *labels,
        at,
    )
    return draft.take(np.flatnonzero(~same)).records()


def _refuse_blank(table: Table, column: Column, name: str, row: NDArray[np.integer]) -> None:
    """Refuse the first row in which a column names nothing."""
    bad = np.array(
        [isinstance(v, Other | Answers) or not text(v, name) for v in column.values], bool
    )[column.codes]
    if bad.any():
        k = int(np.argmax(bad))
        value, at = column.values[column.codes[k]], table.at(int(row[k]))
        try:
            text(value, name)
        except GameError as error:
            raise GameError(f"{at}: {error}") from None
        raise GameError(f"{at}: {name} is blank; name the answer")


def _listed(one: Column, two: Column) -> tuple[Column, Column, NDArray[np.intp]]:
    """Each answer of a list against each of the other list, and the rows that they come from."""
    rows = np.arange(len(one.codes), dtype=np.int64)
    if not (one.has(Answers) or two.has(Answers)):
        return one, two, rows
    values: list[Hashable] = []
    row, first, second = [], [], []
    for k in rows:
        sides = [column.values[column.codes[k]] for column in (one, two)]
        above, below = (v.values if isinstance(v, Answers) else (v,) for v in sides)
        start = len(values)
        values += [*above, *below]
        for i in range(len(above)):
            for j in range(len(below)):
                row.append(k)
                first.append(start + i)
                second.append(start + len(above) + j)
    codes = np.array([first, second], np.int32)
    return Column(codes[0], values), Column(codes[1], values), np.array(row, np.int64)


def _say_left_out(left_out: int, n: int, said_by: Sequence[str]) -> None:
    what = ", ".join(said_by)
    if left_out == n:
        raise GameError(f"no row has a {what}; expected to read there who was preferred")
    if left_out:
        _log.warning("%d of %d rows left out: they have no %s", left_out, n, what)


def _too_many_answers(n: int, used: Roles | Ratings, others: str) -> str:
    problem = f"more than {DENSE_LIMIT:,}" if n > DENSE_LIMIT else "none of them twice"
    columns = "COLUMN"
    if isinstance(used, Roles):
        one, two = used.layout.sides
        columns = (
            f"COLUMN, read as COLUMN_{one} and COLUMN_{two} (in this file: {others or 'none'})"
        )
    return (
        f"{n:,} different answers, {problem}; say what stands for the answers with --group-by "
        f"{columns}"
    )


def _contexts(
    found: Records, used: Roles | Ratings, group_by: str | None, by_prompt: bool
) -> Records:
    """Make contexts of the prompts if they compare the same answers or it is asked for."""
    n = len(found.prompts)
    if by_prompt and n < 2:
        raise GameError(f"has {n or 'no'} prompt{'s' * (n != 1)}; leave out --by-prompt")
    grouped = group_by or used.group
    if found.contexts:
        return found
    if by_prompt or (not grouped and found.complete()):
        return replace(found, contexts=True)
    if n > 1:
        why = f"are grouped by {grouped}" if grouped else "do not compare the same answers"
        _log.warning("%d prompts %s: pooled; --by-prompt keeps them apart", n, why)
    return found
