"""A check of a claim: which rows, reduced to which numbers, compared with what."""

import json
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from results.claim_rows import Query, Rows
from results.statistics import estimate, fill_units, with_draws

Over = Literal["each", "any", "mean"]
Verdict = Literal["holds", "fails", "undecided", "not measured"]

_DIGITS = 4
_SAME = 1e-9


class Check(Query):
    """Numbers of the rows of a query, and the bound that they are compared with.

    Attributes
    ----------
    name : str
        What the number is called in the table; "" if the claim has one check.
    minus, divided_by : mapping, at most one of them
        Keys of a second query that differ from the first. The two are paired by game, seed and
        context, unless the second has its own, and by the labels in ``by``; the number is the
        difference or the quotient.
    by : list of str
        Labels that both rows of a pair share.
    over : "each", "any" or "mean"
        Whether every number, at least one, or the mean must keep the bound.
    equals, at_least, at_most : float
        The bound: equal up to ``tolerance``, or a range with one end or two.
    tolerance : float >= 0
    """

    name: str = ""
    minus: dict[str, Any] = Field(default_factory=dict)
    divided_by: dict[str, Any] = Field(default_factory=dict)
    by: list[str] = Field(default_factory=list)
    over: Over = "each"
    equals: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    tolerance: Annotated[float, Field(ge=0)] = 1e-6

    @model_validator(mode="after")
    def _one_bound(self) -> "Check":
        ranged = self.at_least is not None or self.at_most is not None
        if (self.equals is not None) == ranged:
            raise ValueError("give equals, or at_least or at_most or both")
        if self.minus and self.divided_by:
            raise ValueError("give minus or divided_by, not both")
        for key in sorted({*self.minus, *self.divided_by} - Query.model_fields.keys()):
            raise ValueError(f"minus or divided_by has {key!r}, which is no key of a query")
        if self.second is None and self.by:
            raise ValueError("by belongs to minus or divided_by")
        return self

    @property
    def first(self) -> Query:
        """The query of the numbers themselves."""
        return Query(**{name: getattr(self, name) for name in Query.model_fields})

    @property
    def second(self) -> Query | None:
        """The query that they are compared with; None if there is none."""
        changes = self.minus or self.divided_by
        return Query(**{**self.first.model_dump(), **changes}) if changes else None

    @property
    def low(self) -> float:
        """The least value that keeps the bound."""
        if self.equals is not None:
            return self.equals - self.tolerance
        return -math.inf if self.at_least is None else self.at_least - self.tolerance

    @property
    def high(self) -> float:
        """The largest value that keeps the bound."""
        if self.equals is not None:
            return self.equals + self.tolerance
        return math.inf if self.at_most is None else self.at_most + self.tolerance


@dataclass(frozen=True)
class Finding:
    """What rows say of a check.

    Attributes
    ----------
    verdict : "holds", "fails", "undecided" or "not measured"
    text : str
        The number, with its interval, or the range of two, if it is a mean over draws; of several
        the one that is farthest out of bounds, or nearest to them.
    n : str
        How many values, or draws, there are; "" if none.
    reason : str
        Why nothing was measured.
    p : float
        Of a mean over draws: the p-value that the verdict rests on; else NaN.
    otherwise : verdict
        What the verdict is if p, adjusted for all the tests, is not small.
    """

    verdict: Verdict
    text: str = ""
    n: str = ""
    reason: str = ""
    p: float = math.nan
    otherwise: Verdict = "undecided"


def decide(rows: Rows, check: Check, kind: Literal["exact", "statistical"]) -> Finding:
    """The verdict of a check on the rows."""
    values, why = _values(rows, check)
    if why:
        return Finding("not measured", reason=why)
    if kind == "statistical":
        return _of_interval(values, check)
    numbers = values["value"].to_numpy(float)
    if check.over == "mean":
        numbers = numbers.mean(keepdims=True)
    beyond = np.maximum(check.low - numbers, numbers - check.high)
    kept = (beyond <= 0).any() if check.over == "any" else (beyond <= 0).all()
    number = numbers[beyond.argmin() if check.over == "any" else beyond.argmax()]
    text = f"{check.name} {_text(number)}".strip()
    return Finding("holds" if kept else "fails", text, str(len(values)))


def _values(rows: Rows, check: Check) -> tuple[pd.DataFrame, str]:
    """The numbers of a check as rows with "value", or why there are none."""
    queries = [check.first] if check.second is None else [check.first, check.second]
    parts = [rows.select(query) for query in queries]
    for part in parts:
        if part.empty:
            return part, "no such row in these runs"
        if part["value"].isna().all():
            return part, f"the value does not exist: {part['message'].iloc[0] or 'undefined'}"
    parts = [part[part["value"].notna()] for part in parts]
    return (parts[0], "") if len(parts) == 1 else _paired(parts[0], parts[1], check)


def _paired(first: pd.DataFrame, second: pd.DataFrame, check: Check) -> tuple[pd.DataFrame, str]:
    """The differences or quotients of pairs as rows with "value", or why there are none."""
    changed = {**check.minus, **check.divided_by}.keys()
    keys = ["seed", "context"]
    if not changed & {"games", "game_params"}:
        keys += ["game", "game_params"]
    if not changed & {"solver", "params", "at"}:
        keys += ["params"]
    x, y = (_by_unit(part, keys, check.by) for part in (first, second))
    if x is None or y is None:
        return first, "several rows of one game differ"
    x, y = x.align(y, join="inner")
    value = x - y if check.minus else x / y
    out = value.rename("value").reset_index().assign(scale=check.scale)
    return out, "" if len(out) else "no game has a value for both"


def _by_unit(rows: pd.DataFrame, keys: list[str], by: list[str]) -> "pd.Series[float] | None":
    """The values by unit and labels that pairs share, -1 for no seed or context; None if several.

    The same value under other labels, such as the number of points on a path, counts once.
    """
    unit = rows[keys].astype(dict.fromkeys(set(keys) - {"seed", "context"}, str))
    unit = unit.fillna({"seed": -1, "context": -1})
    parsed = {text: json.loads(text) for text in set(rows["labels"])}
    for name in by:
        unit[name] = [json.dumps(parsed[text].get(name)) for text in rows["labels"]]
    group = unit.assign(value=rows["value"].to_numpy(float)).groupby([*keys, *by], sort=False)
    values = group["value"].agg(["first", "min", "max"])
    return None if (values["max"] - values["min"] > _SAME).any() else values["first"]


def _of_interval(values: pd.DataFrame, check: Check) -> Finding:
    """The verdict by a test of the mean over draws or seeds, and its 95% interval as text."""
    unit = values.assign(check="", **{k: values[k].replace(-1, pd.NA) for k in ("seed", "context")})
    e: Any
    (e,) = estimate(unit, ["check"]).itertuples()
    text = f"{check.name} {_text(e.mean)}".strip()
    if math.isnan(e.low):
        few = "" if math.isnan(e.least) else f" ({_text(e.least)} to {_text(e.greatest)})"
        return Finding("undecided", f"{text}{few}", str(e.n))
    text += f" [{_text(e.low)}, {_text(e.high)}]"
    inside = check.low <= e.mean <= check.high
    covered = e.low <= check.high and e.high >= check.low
    otherwise: Verdict = "holds" if check.equals is not None and covered else "undecided"
    p = 1.0 if inside and check.equals is not None else _p_at_bound(unit, check)
    return Finding("holds" if inside else "fails", text, str(e.n), "", p, otherwise)


def _p_at_bound(unit: pd.DataFrame, check: Check) -> float:
    """Two-sided p-value of Student's t test that the mean is at the nearest bound."""
    from scipy.stats import ttest_1samp

    draws = with_draws(fill_units(unit)).groupby(["seed", "draw", "context"])["value"].mean()
    each = draws.groupby(["seed", "draw"]).mean().to_numpy()
    bound = min((check.low, check.high), key=lambda end: abs(end - each.mean()))
    if np.ptp(each) == 0:
        return float(each[0] == bound)
    return float(ttest_1samp(each, bound).pvalue)


def _text(number: float) -> str:
    """Four significant digits, without a sign at zero."""
    return f"{round(number, 15) + 0:.{_DIGITS}g}"
