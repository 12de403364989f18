"""Answers that are conversations: what all those of a prompt begin with is the prompt."""

from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np

from games.io.cells import Turns, joined
from games.io.tables import Codes, Column


def parted(first: Column, second: Column, prompt: Codes | None) -> tuple[Column, Column, Column]:
    """Both answers without their prompts, and the prompts.

    The prompt of a group of rows is what all its conversations begin with, so that an answer has
    one name whatever it is compared with; the last message always belongs to the answer.

    Parameters
    ----------
    first, second : Column
        Conversations, or text, which is one message.
    prompt : int array (m,), optional
        Which rows make a group. By default those whose conversations agree up to the first
        message of the user.
    """
    index: dict[Hashable, int] = {}
    codes = [
        np.array([index.setdefault(value, len(index)) for value in column.values])[column.codes]
        for column in (first, second)
    ]
    values = list(index)
    turns = [value if isinstance(value, tuple) else (("", str(value)),) for value in values]
    asked = _openings(turns, *codes) if prompt is None else prompt
    groups = np.unique(asked, return_inverse=True)[1]
    n = len(index)
    pairs = np.concatenate([groups * n + code for code in codes])
    distinct, which = np.unique(pairs, return_inverse=True)
    starts = np.searchsorted(distinct // n, np.arange(groups.max() + 2))
    answers: list[Hashable] = []
    prompts: list[Hashable] = []
    for start, end in pairwise(starts):
        members = [turns[k] for k in distinct[start:end] % n]
        shared = _shared(members)
        prompts.append(joined(members[0][:shared]))
        answers += [
            values[k] if not isinstance(values[k], tuple) else joined(each[shared:])
            for each, k in zip(members, distinct[start:end] % n, strict=True)
        ]
    one, two = np.split(which.astype(np.int32), 2)
    return Column(one, answers), Column(two, answers), Column(groups.astype(np.int32), prompts)


def _openings(turns: Sequence[Turns], first: Codes, second: Codes) -> Codes:
    """Groups of rows that agree up to the first message of the user."""
    index: dict[Turns, int] = {(): 0}
    found = np.array([index.setdefault(_opening(each), len(index)) for each in turns])
    agreed = np.where(found[first] == found[second], found[first], 0)
    return np.asarray(agreed)


def _opening(turns: Turns) -> Turns:
    """The messages up to the first of the user; none if no answer follows."""
    for k, (role, _) in enumerate(turns[:-1], 1):
        if role == "user":
            return turns[:k]
    return ()


def _shared(members: Sequence[Turns]) -> int:
    """How many messages all begin with, of which none is the last."""
    most = min(map(len, members)) - 1
    for k in range(most):
        if any(each[k] != members[0][k] for each in members):
            return k
    return most
