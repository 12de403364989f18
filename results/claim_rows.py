"""Which rows a claim is about."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from results.frames import check as check_frame
from results.frames import compact, comparison_of, family_of
from results.metrics import METRICS
from results.rows import COLUMNS

_MEASUREMENT = [name for name in COLUMNS if name not in ("run", "cell", "value", "message")]


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


class Rows:
    """The rows of one or more runs, by scale, question, metric and solver.

    Raises
    ------
    RunError
        If a column of ``results.rows.COLUMNS`` is missing.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        check_frame(frame)
        self._frame = compact(frame)
        self._parts: dict[tuple[str, ...], pd.DataFrame] = {}
        keys = ["scale", "experiment", "metric", "solver"]
        self._places = self._frame.groupby(keys, observed=True, sort=False).indices

    def select(self, query: Query) -> pd.DataFrame:
        """The rows that a query means, each measurement once, without skipped cells."""
        rows = self._part((query.scale, query.question, query.metric, query.solver))
        chosen = (rows["status"] != "skipped").to_numpy(bool)
        for column in ("params", "game_params", "labels"):
            if wanted := getattr(query, column):
                chosen = chosen & _where(rows[column], _has(wanted))
        if query.at:
            chosen = chosen & _where(rows["params"], lambda text: comparison_of(text) == query.at)
        rows = rows[chosen]
        if query.games is not None:
            rows = rows[_of_games(rows, query.games)]
        rows = rows.drop_duplicates(_MEASUREMENT)
        if query.step == "last":
            rows = _ends(rows)
        elif query.step is not None:
            rows = rows[(rows["step"] == query.step).fillna(False).to_numpy(bool)]
        return rows

    def _part(self, key: tuple[str, ...]) -> pd.DataFrame:
        """The rows of a scale, question, metric and solver."""
        if key not in self._parts:
            self._parts[key] = self._frame.iloc[self._places.get(key, [])]
        return self._parts[key]


def _has(wanted: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a text of JSON has the wanted values; "" is one that is missing or null."""

    def has(text: str) -> bool:
        values = {key: "" if value is None else value for key, value in json.loads(text).items()}
        return all(_same(values.get(key, ""), value) for key, value in wanted.items())

    return has


def _same(present: Any, wanted: Any) -> bool:
    """Whether two values of JSON are equal; true is not 1."""
    return bool(present == wanted) and isinstance(present, bool) == isinstance(wanted, bool)


def _where(texts: "pd.Series[Any]", holds: Callable[[str], bool]) -> NDArray[np.bool_]:
    """A mask of the texts of which ``holds`` is true, asked once for each category that occurs."""
    codes = texts.cat.codes.to_numpy()
    used = np.unique(codes)
    flags = np.zeros(len(texts.cat.categories), dtype=bool)
    flags[used] = [holds(text) for text in texts.cat.categories[used]]
    return np.asarray(flags[codes])


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
