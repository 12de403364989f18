"""PrefLib files of orders: strict (.soc, .soi) or with ties (.toc, .toi), of all or some answers.

N. Mattei and T. Walsh, PrefLib: A Library for Preferences, ADT 2013; format of preflib.org since
2022. A line "12: 3,{1,4},2" says that 12 voters prefer 3 to 1 and 4, between which they are
indifferent, and these to 2.
"""

import re
from pathlib import Path
from typing import TextIO

import numpy as np

from games.comparisons import Comparisons
from games.errors import GameError
from games.game import DENSE_LIMIT
from games.io.tables import Limits
from games.io.text_files import open_text

_SIZE = re.compile(r"#\s*NUMBER ALTERNATIVES:\s*([0-9]{1,9})")
_NAME = re.compile(r"#\s*ALTERNATIVE NAME ([0-9]{1,9}):(.*)")
_ORDER = re.compile(r"([0-9]{1,19})\s*:\s*(.*)")
_RANK = re.compile(r"\s*(?:\{([0-9,\s]+)\}|([0-9]+))\s*(?:,(?=.)|$)")


def read_orders(path: Path, limits: Limits, *, complete: bool, ties: bool) -> Comparisons:
    """Count, over all voters, who is ranked above whom; answers not listed are not compared.

    Parameters
    ----------
    path : path
    limits : Limits
    complete : bool
        Whether every order must list every answer (.soc, .toc).
    ties : bool
        Whether answers may share a rank (.toc, .toi).

    Raises
    ------
    GameError
        If a line is malformed, with its number, or the header does not name all answers.
    """
    with open_text(path, limits) as stream:
        names, ballots = _read(stream)
    n = len(names)
    wins, tied = np.zeros((2, n, n))
    for number, text in ballots:
        try:
            voters, ranks = _ballot(text, n)
        except GameError as error:
            raise GameError(f"line {number}: {error}") from None
        if complete and len(ranks) < n:
            raise GameError(
                f"line {number}: lists {len(ranks)} of {n} alternatives; name a file of orders "
                "that leave some out .soi or .toi"
            )
        listed, rank = np.array(list(ranks)), np.array(list(ranks.values()))
        equal = (rank[:, None] == rank) & ~np.eye(len(rank), dtype=bool)
        if equal.any() and not ties:
            raise GameError(
                f"line {number}: has ties; name a file of orders with ties .toc or .toi"
            )
        block = np.ix_(listed, listed)
        wins[block] += voters * (rank[:, None] < rank)
        tied[block] += voters * equal
    if not (wins.any() or tied.any()):
        raise GameError("no order with voters ranks two alternatives, so nothing is compared")
    return Comparisons(wins, tied, names)


def _read(stream: TextIO) -> tuple[list[str], list[tuple[int, str]]]:
    """Names of the alternatives, and the ballots with their line numbers."""
    n = 0
    names: dict[str, str] = {}
    ballots: list[tuple[int, str]] = []
    for number, line in enumerate(stream, 1):
        text = line.strip()
        if match := _SIZE.fullmatch(text):
            n = int(match[1])
        elif match := _NAME.fullmatch(text):
            name = match[2].strip()
            if not name or name in names:
                raise GameError(f"line {number}: name {name!r:.60} is blank or given twice")
            names[name] = match[1]
        elif text and not text.startswith("#"):
            ballots.append((number, text))
    if not 0 < n <= DENSE_LIMIT:
        raise GameError(
            f'{n or "no"} alternatives; expected a line "# NUMBER ALTERNATIVES: n" with n from '
            f"1 to {DENSE_LIMIT}, as PrefLib writes it since 2022"
        )
    if list(names.values()) != [str(k) for k in range(1, n + 1)]:
        raise GameError(
            f'{n} alternatives, but {len(names)} names; expected "# ALTERNATIVE NAME 1: ..." to '
            f'"# ALTERNATIVE NAME {n}: ...", in this order'
        )
    if not ballots:
        raise GameError('no orders below the header; expected lines such as "12: 3,1,2"')
    return list(names), ballots


def _ballot(text: str, n: int) -> tuple[int, dict[int, int]]:
    """How many voters cast it, and the rank of each answer it lists, counted from 0."""
    match = _ORDER.fullmatch(text)
    if not match:
        raise GameError(f'{text!r:.40} is no order; expected e.g. "12: 3,{{1,4}},2"')
    ranks: dict[int, int] = {}
    start, rank = 0, 0
    while start < len(match[2]) or not ranks:
        group = _RANK.match(match[2], start)
        if not group:
            raise GameError(
                f"{match[2][start : start + 40]!r} is no part of an order; "
                'expected e.g. "3,{1,4},2"'
            )
        for word in (group[1] or group[2]).split(","):
            k = int(word) - 1 if word.strip().isdigit() and len(word) < 10 else -1
            if not 0 <= k < n:
                raise GameError(f"{word!r:.40} is no alternative; they are 1 to {n}")
            if k in ranks:
                raise GameError(f"alternative {word} is listed twice; list it once")
            ranks[k] = rank
        start, rank = group.end(), rank + 1
    return int(match[1]), ranks
