"""Records before their names are sorted: the columns of a file that they come from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from games.game import Float
from games.io.cells import names
from games.io.records import Records
from games.io.tables import Codes, Column


@dataclass(frozen=True)
class Draft:
    """Records whose answers, prompts and raters are columns of the file."""

    one: Column
    two: Column
    share: Float
    weight: Float
    prompt: Column | None
    rater: Column | None
    order: NDArray[np.int8]
    cluster: NDArray[np.int64]
    row: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp]) -> "Draft":
        """The draft of these rows."""
        return Draft(
            self.one.take(rows),
            self.two.take(rows),
            self.share[rows],
            self.weight[rows],
            self.prompt and self.prompt.take(rows),
            self.rater and self.rater.take(rows),
            self.order[rows],
            self.cluster[rows],
            self.row[rows],
        )

    def records(self) -> Records:
        """The records, with the answers sorted by name."""
        (one, two), listed = names([self.one, self.two])
        used = _used(len(listed), one, two)
        ranked = sorted(used, key=lambda k: listed[k])
        rank = np.zeros(len(listed), np.int32)
        rank[ranked] = np.arange(len(ranked))
        prompt, prompts = _coded(self.prompt, len(one))
        rater, raters = _coded(self.rater, len(one))
        if prompts == ("",):
            prompt, prompts = _coded(None, len(one))
        if "" in raters:
            blank = raters.index("")
            rater = np.where(rater == blank, -1, rater - (rater > blank)).astype(np.int32)
            raters = tuple(name for name in raters if name)
        return Records(
            rank[one],
            rank[two],
            self.share,
            self.weight,
            prompt,
            rater,
            self.order,
            self.cluster,
            self.row,
            tuple(listed[k] for k in ranked),
            prompts,
            raters,
        )


def _coded(column: Column | None, n: int) -> tuple[Codes, tuple[str, ...]]:
    """The names of a column in order of appearance, and which each row has; -1 without one."""
    if column is None:
        return np.full(n, -1, np.int32), ()
    (codes,), listed = names([column])
    used = _used(len(listed), codes)
    compact = np.zeros(len(listed), np.int32)
    compact[used] = np.arange(len(used))
    return compact[codes], tuple(listed[k] for k in used)


def _used(n: int, *codes: Codes) -> NDArray[np.intp]:
    """The codes below n that occur."""
    return np.flatnonzero(sum(np.bincount(each, minlength=n) for each in codes))
