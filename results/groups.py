"""Groups of rows by columns of integers: a data frame's would take longer than the arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_MOST_CODES = 2**31


@dataclass(frozen=True)
class Groups:
    """Which rows belong together.

    Attributes
    ----------
    order : array (rows,)
        Positions of the rows, one group after the other, in their order within a group.
    first : array (groups,)
        Where in ``order`` each group begins.
    """

    order: Integers
    first: Integers

    @classmethod
    def by(cls, *columns: Integers) -> "Groups":
        """The rows that agree in these columns, in increasing order of their values."""
        order = np.lexsort(columns[::-1])
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = np.any([c[order][1:] != c[order][:-1] for c in columns], axis=0)
        return cls(order, np.flatnonzero(begins))

    def key(self, column: NDArray[Any]) -> NDArray[Any]:
        """The value of each group in a column that is the same in all its rows."""
        return column[self.order[self.first]]

    def reduce(
        self, values: NDArray[np.float64], how: Literal["mean", "min", "max"]
    ) -> NDArray[np.float64]:
        """The mean, least or greatest of the values that exist in each group; NaN if none does."""
        if len(self.first) == len(values):
            values = values[self.order]
            return values + 0.0 if how == "mean" else values  # a mean is no negative zero
        if how == "mean":  # by pandas, whose sums are compensated
            sizes = np.diff(self.first, append=len(values))
            codes = np.empty(len(values), dtype=np.int64)
            codes[self.order] = np.repeat(np.arange(len(sizes)), sizes)
            return np.array(pd.Series(values).groupby(codes).mean())
        chosen = np.fmax if how == "max" else np.fmin
        return np.asarray(chosen.reduceat(values[self.order], self.first))


def numbered(rows: pd.DataFrame, keys: Sequence[str]) -> tuple[Integers, pd.DataFrame]:
    """The number of each row's combination of the columns ``keys``, and the combinations in order.

    A row that lacks one of them has the number -1.
    """
    code = np.zeros(len(rows), dtype=np.int64)
    missing = np.zeros(len(rows), dtype=bool)
    codes = 1
    for name in keys:
        part, size = _codes(rows[name])
        missing |= part < 0
        if codes * size > _MOST_CODES:
            values, code = np.unique(code, return_inverse=True)
            codes = len(values)
        code, codes = code * size + part, codes * size
    code[missing] = -1
    values, first, number = np.unique(code, return_index=True, return_inverse=True)
    none = int(len(values) > 0 and values[0] == -1)
    lines = rows[list(keys)].iloc[first[none:]].reset_index(drop=True)
    return number - none, lines


def _codes(column: "pd.Series[Any]") -> tuple[Integers, int]:
    """A number for each value, in their order, -1 where it is missing, and how many there are."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, dtype=np.int64), len(column.cat.categories)
    codes, values = pd.factorize(column, sort=True)
    return codes.astype(np.int64), len(values)
