"""A check of a claim: which rows, reduced to which numbers, compared with what."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from results.frames import check as check_frame
from results.frames import comparison_of, family_of
from results.metrics import METRICS
from results.rows import COLUMNS
from results.statistics import estimate

Over = Literal["each", "any", "mean"]

_MEASUREMENT = [name for name in COLUMNS if name not in ("run", "cell", "value", "message")]
_DIGITS = 4
_SAME = 1e-9


class Query(BaseModel):
    """Which rows are meant; what is left out is not asked for.

    Attributes
    ----------
    question, metric, solver : str
        Names of the registries, and of ``results.metrics.METRICS``.
    scale : "tabular" or "llm"
    at : str
        The comparison: "tau = 0", "tau = 0.1" or "KL = 0.1 nats" (``results.frames``).
    params, game_params, labels : mapping
        Parameters of the solver and of the game, and labels, that have these values; "" is one that
        is missing or null.
    games : list of str
        Names of games, or of families of drawn games.
    step : int or "last"
        The point of a curve; "last" is the last step of each curve.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    question: str
    metric: str
    solver: str
    scale: Literal["tabular", "llm"] = "tabular"
    at: str = ""
    params: dict[str, Any] = {}
    games: Annotated[list[str], Field(min_length=1)] | None = None
    game_params: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    step: int | Literal["last"] | None = None

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in METRICS:
            raise ValueError(f"no metric {name!r} in results/metrics.py")
        return name


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
    minus: dict[str, Any] = {}
    divided_by: dict[str, Any] = {}
    by: list[str] = []
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
        if self.by and self.second is None:
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
        The number, with its interval if it is a mean over draws; of several the one that is
        farthest out of bounds, or nearest to them.
    n : str
        How many values, or draws, there are; "" if none.
    reason : str
        Why nothing was measured.
    """

    verdict: Literal["holds", "fails", "undecided", "not measured"]
    text: str = ""
    n: str = ""
    reason: str = ""


class Rows:
    """The rows of one or more runs, by scale, question, metric and solver.

    Raises
    ------
    RunError
        If a column of ``results.rows.COLUMNS`` is missing.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        check_frame(frame)
        keys = ["scale", "experiment", "metric", "solver"]
        self._frame = frame
        self._at = frame.groupby(keys, observed=True, sort=False).indices

    def select(self, query: Query) -> pd.DataFrame:
        """The rows that a query means, each measurement once, without skipped cells."""
        key = (query.scale, query.question, query.metric, query.solver)
        rows = self._frame.iloc[self._at.get(key, [])]
        rows = rows[(rows["status"] != "skipped").to_numpy(bool)]
        rows = rows[_matching(rows["params"], query.params)]
        rows = rows[_matching(rows["game_params"], query.game_params)]
        rows = rows[_matching(rows["labels"], query.labels)]
        if query.at:
            compared = {text: comparison_of(text) == query.at for text in set(rows["params"])}
            rows = rows[_chosen_texts(rows["params"], compared)]
        if query.games is not None:
            rows = rows[_of_games(rows, query.games)]
        rows = rows.drop_duplicates(_MEASUREMENT)
        if query.step == "last":
            rows = _ends(rows)
        elif query.step is not None:
            rows = rows[(rows["step"] == query.step).fillna(False).to_numpy(bool)]
        return rows


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
    return (parts[0], "") if len(parts) == 1 else _paired(*parts, check)


def _paired(first: pd.DataFrame, second: pd.DataFrame, check: Check) -> tuple[pd.DataFrame, str]:
    """The differences or quotients of pairs as rows with "value", or why there are none."""
    changed = {**check.minus, **check.divided_by}.keys()
    keys = ["seed", "context"]
    if not changed & {"games", "game_params"}:
        keys += ["game", "game_params"]
    if not changed & {"solver", "params", "at"}:
        keys += ["params"]
    units = [_by_unit(part, keys, check.by) for part in (first, second)]
    if any(unit is None for unit in units):
        return first, "several rows of one game differ"
    x, y = units[0].align(units[1], join="inner")
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
    """The verdict by the 95% interval of the mean over draws or seeds."""
    plain = values.assign(claim=0).drop(columns="metric", errors="ignore")
    plain = plain.assign(**{k: plain[k].replace(-1, pd.NA) for k in ("seed", "context")})
    (e,) = estimate(plain, ["claim"]).itertuples()
    text = f"{check.name} {_text(e.mean)}".strip()
    if math.isnan(e.low):
        return Finding("undecided", text, str(e.n))
    text += f" [{_text(e.low)}, {_text(e.high)}]"
    if check.equals is not None:
        kept = e.low <= check.high and e.high >= check.low
        return Finding("holds" if kept else "fails", text, str(e.n))
    if check.low <= e.low and e.high <= check.high:
        return Finding("holds", text, str(e.n))
    out = e.high < check.low or e.low > check.high
    return Finding("fails" if out else "undecided", text, str(e.n))


def _text(number: float) -> str:
    """Four significant digits, without a sign at zero."""
    return f"{round(number, 15) + 0:.{_DIGITS}g}"


def _matching(texts: "pd.Series[Any]", wanted: Mapping[str, Any]) -> Any:
    """A mask of the texts of JSON that have the wanted values; "" is missing or null."""
    if not wanted:
        return np.ones(len(texts), dtype=bool)
    chosen = {}
    for text in set(texts):
        present = {key: "" if value is None else value for key, value in json.loads(text).items()}
        chosen[text] = all(_same(present.get(key, ""), value) for key, value in wanted.items())
    return _chosen_texts(texts, chosen)


def _same(present: Any, wanted: Any) -> bool:
    """Whether two values of JSON are equal; true is not 1."""
    return bool(present == wanted) and isinstance(present, bool) == isinstance(wanted, bool)


def _chosen_texts(texts: "pd.Series[Any]", chosen: Mapping[str, bool]) -> Any:
    return texts.astype(object).map(chosen).to_numpy(bool) if len(texts) else np.zeros(0, bool)


def _of_games(rows: pd.DataFrame, games: list[str]) -> Any:
    """A mask of the rows of these games, or of these families of draws."""
    keys = list(zip(rows["game"].astype(str), rows["game_params"].astype(str), strict=True))
    chosen = {key: key[0] in games or family_of(*key) in games for key in set(keys)}
    return np.array([chosen[key] for key in keys], dtype=bool)


def _ends(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last step of each curve."""
    keys = [name for name in _MEASUREMENT if name not in ("step", "status")]
    last = rows.groupby(keys, observed=True, dropna=False)["step"].transform("max")
    return rows[(rows["step"] == last).fillna(False).to_numpy(bool)]
