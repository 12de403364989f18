"""Who won: the share of a win that goes to the first answer, from whatever column says it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from games.errors import GameError
from games.game import Float
from games.io.cells import Other, is_number, names, numbers
from games.io.layouts import Layout
from games.io.roles import Roles
from games.io.tables import Column, Table

TIES = (
    *("tie", "tied", "draw", "both_bad", "both_good", "tie (bothbad)", "tie (both_bad)"),
    *("tie (both bad)", "tie (inconsistent)"),
)
"""What stands for a tie, in any case; a tie counts half to each side."""

_SUM_TOL = 1e-6


def first_wins(table: Table, roles: Roles, columns: Mapping[str, Column]) -> Float:
    """Share of the win that goes to the first answer, row by row; NaN where none is given.

    Raises
    ------
    GameError
        If an outcome cannot be read; with the place of the first such row.
    """
    rows = len(columns[roles.layout.answers[0]].codes)
    said = [columns[name] for name in roles.said_by]
    match roles.outcome:
        case "":
            return np.ones(rows)
        case "winner":
            share = _labels(table, roles, columns, roles.said_by[0], blank=False)
            return share if len(said) == 1 else _confidence(table, roles, share, said[1])
        case "winner_*":
            return _one_hot(table, roles, said)
        case "preference" if not _all_numbers(said[0]):
            return _labels(table, roles, columns, roles.said_by[0], blank=True)
        case "preference":
            return _between_one_and_two(table, roles, numbers(said[0]))
        case "strength":
            return np.asarray((1 - np.sign(_read(table, roles.said_by[0], said[0]))) / 2)
    share = _read(table, roles.said_by[0], said[0])
    _within(table, roles.said_by[0], share, "a probability", (share >= 0) & (share <= 1))
    return share


def label_words(layout: Layout) -> dict[str, float]:
    """What a label may say, in its normal form -> the share of the first answer."""
    words = {normal(word): 0.5 for word in TIES}
    kinds = ("", "model_", "response_", "output_", "answer_", "assistant_")
    for share, answer, side in zip((1.0, 0.0), layout.answers, layout.sides, strict=True):
        words |= {normal(kind + side): share for kind in kinds if kind or len(side) > 1}
        words[normal(answer)] = share
    return words


def normal(label: str) -> str:
    """A label without case, blanks and marks: "Tie (bothbad)" and "tie_bothbad" are equal."""
    return "".join(letter for letter in label.lower() if letter.isalnum())


def _labels(
    table: Table, roles: Roles, columns: Mapping[str, Column], said_by: str, *, blank: bool
) -> Float:
    """Shares from labels: the name of a side, of an answer, or a tie."""
    words, answers = label_words(roles.layout), roles.layout.answers
    (first, second, winner), listed = names([columns[name] for name in (*answers, said_by)])
    share = np.array([words.get(normal(name), np.nan) for name in listed])
    expected = f"{answers[0]}, {answers[1]}, tie"
    if taken := [k for k in np.flatnonzero(~np.isnan(share)) if k in first or k in second]:
        k = int(np.argmax(np.isin(first, taken) | np.isin(second, taken)))
        raise GameError(
            f"{table.at(k)}: compares {listed[first[k]]!r:.60} with {listed[second[k]]!r:.60}; no "
            f"answer may be called {expected}, since {said_by} may say that; rename it"
        )
    result = share[winner]
    rest = np.flatnonzero(np.isnan(result))
    one, two, who = first[rest], second[rest], winner[rest]
    result[rest[(who == one) & (one != two)]] = 1.0
    result[rest[(who == two) & (one != two)]] = 0.0
    none = np.array([name == "" for name in listed])[who]
    wrong = rest[np.isnan(result[rest]) & ~(none & blank)]
    if len(wrong):
        k = int(wrong[0])
        value = columns[said_by].values[columns[said_by].codes[k]]
        shown = value.problem if isinstance(value, Other) else f"{listed[winner[k]]!r:.60}"
        raise GameError(
            f"{table.at(k)}: {said_by} is {shown}, expected {expected} or the name of one of the "
            "two"
        )
    return result


def _confidence(table: Table, roles: Roles, share: Float, said: Column) -> Float:
    """Shares where a probability stands beside the winner; that of a tie is 1/2.

    Where it is blank, the winner counts as certain. It may be that of the winner or that of the
    first answer; both are the same if the first won.
    """
    winner, column = roles.said_by
    prob = _read(table, column, said)
    blank = np.isnan(prob)
    _within(table, column, prob, "a probability", blank | ((prob >= 0) & (prob <= 1)))
    lost = share == 0
    if (lost & (prob < 0.5)).any():
        k = int(np.argmax(lost & (prob < 0.5)))
        one, two = roles.layout.answers
        raise GameError(
            f"{table.at(k)}: {winner} is {two} and {column} is {prob[k]:g}, which may be the "
            f"probability of {two} or of {one}; leave out {winner} if it is that {one} is "
            f"preferred, or rename {column} to weight if it says how much the row counts"
        )
    said_alone = blank | (share == 0.5)
    return np.asarray(np.where(said_alone, share, np.where(lost, 1 - prob, prob)))


def _one_hot(table: Table, roles: Roles, said: list[Column]) -> Float:
    """Shares from a column for each side, and one for ties if there is any."""
    each = np.array([_read(table, *both) for both in zip(roles.said_by, said, strict=True)])
    total = each.sum(0)
    listed = ", ".join(roles.said_by)
    fits = (each >= 0).all(0) & (abs(total - 1) <= _SUM_TOL)
    if (~fits & ~np.isnan(total)).any():
        k = int(np.argmax(~fits & ~np.isnan(total)))
        values = ", ".join(f"{value:g}" for value in each[:, k])
        raise GameError(f"{table.at(k)}: {listed} are {values}; expected one 1, the others 0")
    return np.asarray(each[0] + (each[2] / 2 if len(each) > 2 else 0))


def _between_one_and_two(table: Table, roles: Roles, value: Float) -> Float:
    """Shares from probabilities, or from numbers between 1 (the first) and 2 (the second).

    In the latter, 0 is a tie, as alpaca_farm wrote it.
    """
    fits = np.isnan(value) | ((value >= 0) & (value <= 2))
    if (value > 1).any():
        fits &= np.isnan(value) | (value == 0) | (value >= 1)
        share = np.where(value == 0, 0.5, 2 - value)
    else:
        share = value
    expected = "a probability, or in all rows a number from 1 (the first) to 2 (the second)"
    _within(table, roles.said_by[0], value, expected, fits)
    return np.asarray(share)


def _all_numbers(column: Column) -> bool:
    """Whether every cell is a number or blank."""
    texts = [value.text if isinstance(value, Other) else value for value in column.values]
    return all(is_number(text) or not str(text).strip() for text in texts)


def _read(table: Table, name: str, column: Column) -> Float:
    """The numbers of a column; NaN where a cell is blank."""
    values = numbers(column)
    blank = np.array(
        [
            value.problem in ("null", "NaN") if isinstance(value, Other) else not str(value).strip()
            for value in column.values
        ]
    )[column.codes]
    _within(table, name, values, "a number", ~np.isnan(values) | blank, column)
    return values


def _within(
    table: Table,
    name: str,
    values: Float,
    expected: str,
    fits: NDArray[np.bool_],
    column: Column | None = None,
) -> None:
    """Refuse the first row that does not fit."""
    wrong = ~fits & (~np.isnan(values) if column is None else True)
    if wrong.any():
        k = int(np.argmax(wrong))
        value = f"{values[k]:g}" if column is None else repr(column.values[column.codes[k]])[:60]
        raise GameError(f"{table.at(k)}: {name} is {value}, expected {expected}")


def weights(table: Table, roles: Roles, columns: Mapping[str, Column]) -> Float:
    """How many comparisons each row stands for: the product of its weights, 1 without any.

    Raises
    ------
    GameError
        If a weight is no number >= 0; with its place.
    """
    product = np.ones(len(columns[roles.layout.answers[0]].codes))
    for name in roles.weights:
        values = numbers(columns[name])
        wrong = ~(values >= 0)
        _within(table, name, values, "a number >= 0", ~wrong, columns[name])
        product *= values
    return product
