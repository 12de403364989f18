"""Adds to rows the names under which they are compared: game, comparison, method, labels."""

import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results.rows import COLUMNS, RunError

CONCEPTS = ("rlhf", "nlhf", "slhf", "other")
FILLED = " (filled)"
"""Suffix of RLHF when it fits never-compared pairs as ties instead of leaving them out."""

LM = " (LM)"
"""Suffix of a method that trains a language model; the two scales are never pooled."""

UNWEIGHTED = "defaults"
"""The comparison of methods without a KL weight."""

_CONTEXTUAL = "contextual"

Labels = dict[str, Any]


def describe(frame: pd.DataFrame, question: str | None = None) -> pd.DataFrame:
    """The rows of a question, with ``game``, ``comparison`` and ``method`` as ordered categories.

    ``game`` is the registry name with the parameters in which its variants in ``frame`` differ.
    ``comparison`` is "tau = 0.1" if all weights of the solver are equal, or "KL = 0.1 nats" if the
    KL to the reference was matched; methods may be compared within one comparison, never across.
    ``method`` is "RLHF", "NLHF" or "SLHF" for the exact solvers and the solver's name otherwise,
    with the weights that stay fixed where the KL is matched, as in "SLHF (tau_follower = 0)", and
    the suffixes ``FILLED`` and ``LM``; the latter names the model if ``frame`` has several.

    Raises
    ------
    RunError
        If a column of ``results.rows.COLUMNS`` is missing, or the question has no row.
    """
    rows = _of_question(frame, question)
    games = _variants(frame, "game", "game_params")
    solvers = {
        str(scale): _variants(part, "solver", "params")
        for scale, part in frame.groupby("scale", observed=True)
    }
    codes, texts = pd.factorize(rows["labels"])
    filled = np.array(['"unseen":"filled"' in text for text in texts])[codes]
    filled &= (rows["concept"] == "rlhf").to_numpy()
    marked = rows.assign(
        filled=filled, mark=_marks(rows, frame), metric=rows["metric"].astype("category")
    )
    game = _named(marked, ["game", "game_params"], lambda key: games[key])
    comparison = _named(marked, ["params"], lambda key: comparison_of(key[0]), comparison_rank)
    keys = ["scale", "concept", "solver", "params", "mark", "filled"]
    method = _named(marked, keys, lambda key: _method(key, solvers), _method_rank)
    return marked.assign(game=game, comparison=comparison, method=method).drop(
        columns=["filled", "mark"]
    )


def describe_by_comparison(frame: pd.DataFrame, question: str | None) -> pd.DataFrame:
    """The rows as ``describe`` returns them, with methods named within each comparison separately.

    A method is called "egpo" if one step size was used at that tau, even if several were used at
    another.

    Raises
    ------
    RunError
        If a column is missing, or the question has no row.
    """
    rows = _of_question(frame, question)
    rows = rows.astype(dict.fromkeys(rows.select_dtypes("category").columns, object))
    kinds = rows["params"].map({text: comparison_of(text) for text in rows["params"].unique()})
    order = sorted(map(str, kinds.unique()), key=comparison_rank)
    parts = [describe(rows[kinds == kind]) for kind in order]
    words = ["game", "comparison", "method"]
    out = pd.concat([part.astype(dict.fromkeys([*words, "metric"], str)) for part in parts])
    ordered = {
        name: out[name].astype(pd.CategoricalDtype(list(out[name].unique()), ordered=True))
        for name in words
    }
    return out.assign(**ordered)


def measured(rows: pd.DataFrame) -> "pd.Series[bool]":
    """A mask of the rows that are measurements: their cells were neither skipped nor failed."""
    return (rows["status"] != "skipped") & (rows["metric"] != "")


def check(frame: pd.DataFrame) -> None:
    """Check that a frame has the columns of ``results.load`` and at least one row.

    Raises
    ------
    RunError
        If a column of ``results.rows.COLUMNS`` is missing, or there is no row.
    """
    _of_question(frame, None)


def _of_question(frame: pd.DataFrame, question: str | None) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise RunError(
            f"table: the frame lacks the column {missing[0]!r}; expected what results.load returns"
        )
    rows = frame if question is None else frame[frame["experiment"] == question]
    if rows.empty:
        what = "no row" if question is None else f"no row of the question {question!r}"
        raise RunError(f"table: {what} in the frame; run a spec that asks it")
    return rows


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with text as categories, which saves memory and time in large frames."""
    text = [name for name in COLUMNS if name not in ("seed", "context", "step", "value")]
    return frame.astype(dict.fromkeys(text, "category"))


def comparison_of(params: str) -> str:
    """The comparison that a solver with these parameters belongs to, such as "tau = 0.1"."""
    values = json.loads(params)
    if "kl" in values:
        return f"KL = {values['kl']:g} nats"
    weights = {key: value for key, value in sorted(values.items()) if _is_weight(key)}
    if not weights:
        return UNWEIGHTED
    if len(set(weights.values())) == 1:
        return f"tau = {next(iter(weights.values())):g}"
    return ", ".join(f"{key} = {value:g}" for key, value in weights.items())


def comparison_in(rows: pd.DataFrame) -> str:
    """The comparison of rows that all belong to one."""
    return str(rows["comparison"].iloc[0])


def expand(rows: pd.DataFrame, **read: Callable[[Labels], str | float]) -> pd.DataFrame:
    """``rows`` with columns read from the labels, as numbers or as ordered categories."""
    codes, texts = pd.factorize(rows["labels"])
    parsed = [json.loads(text) for text in texts]
    columns: dict[str, Any] = {}
    for name, value_of in read.items():
        values = [value_of(labels) for labels in parsed]
        if any(isinstance(value, str) for value in values):
            columns[name] = _category([str(value) for value in values], codes)
        else:
            columns[name] = np.asarray(values, dtype=float)[codes]
    return rows.assign(**columns)


def with_labels(rows: pd.DataFrame, labels: Mapping[str, Any]) -> pd.DataFrame:
    """The rows whose labels have these values; "" is a label that is missing or null."""
    texts = rows["labels"].astype(str)
    chosen = {}
    for text in texts.unique():
        present = {key: "" if value is None else value for key, value in json.loads(text).items()}
        chosen[text] = all(present.get(key, "") == value for key, value in labels.items())
    return rows[texts.map(chosen).astype(bool)]


def categories(words: "pd.Series[Any]") -> list[str]:
    """The categories that occur in a series, in order."""
    return [str(word) for word in words.cat.remove_unused_categories().cat.categories]


def family_of(game: str, game_params: str) -> str:
    """The family that the contexts of a game are draws of, "" if they are not.

    "impartial_culture" or "random + mallows" for the game contextual of such families; the game's
    name for another game with a parameter ``contexts``, their number.
    """
    params = json.loads(game_params)
    if game != _CONTEXTUAL and "contexts" not in params:
        return ""
    families = params.get("families", [])
    return " + ".join(dict.fromkeys(str(f["name"]) for f in families)) or game


def _is_weight(key: str) -> bool:
    return key in ("tau", "kl") or key.startswith("tau_")


def _variants(frame: pd.DataFrame, name: str, params: str) -> dict[Hashable, str]:
    """(name, parameters) -> the name with the parameters that differ between rows of that name.

    KL weights are left out, because they are part of the comparison.
    """
    variants_of: dict[str, dict[str, Labels]] = {}
    for key in frame.groupby([name, params], sort=False, observed=True).size().index:
        values = {k: parameter_text(v) for k, v in json.loads(key[1]).items() if not _is_weight(k)}
        variants_of.setdefault(key[0], {})[key[1]] = values
    out: dict[Hashable, str] = {}
    for short, variants in variants_of.items():
        keys = sorted({key for values in variants.values() for key in values})
        differ = [k for k in keys if len({values.get(k) for values in variants.values()}) > 1]
        for text, values in variants.items():
            listed = ", ".join(f"{k}={values[k].strip(chr(34))}" for k in differ if k in values)
            out[short, text] = f"{short}({listed})" if listed else short
    return out


def parameter_text(value: Any) -> str:
    """A parameter as text; a game inside a game is written as a call."""
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return " + ".join(map(parameter_text, value))
    if isinstance(value, dict) and "name" in value:
        rest = ", ".join(f"{k}={parameter_text(v)}" for k, v in value.items() if k != "name")
        return f"{value['name']}({rest})" if rest else str(value["name"])
    return json.dumps(value)


def _method(key: tuple[Any, ...], variants: dict[str, dict[Hashable, str]]) -> str:
    scale, concept, solver, params, mark, filled = key
    name = variants[scale][solver, params]
    if solver == f"{concept}_exact":
        name = concept.upper() + name.removeprefix(solver)
    return f"{name}{_fixed(params)}{mark}{FILLED if filled else ''}"


def _fixed(params: str) -> str:
    """The weights that stay fixed where the others match the KL, as a suffix."""
    values = json.loads(params)
    fixed = {key: value for key, value in values.items() if key.startswith("tau")}
    if "kl" not in values or not fixed:
        return ""
    return f" ({', '.join(f'{key} = {value:g}' for key, value in fixed.items())})"


def _marks(rows: pd.DataFrame, frame: pd.DataFrame) -> Any:
    """The suffix of each row's method: ``LM`` or the like for trained models, "" for others."""
    learnt = frame["scale"] == "llm"
    if not learnt.any():
        return ""
    texts = frame.loc[learnt, "labels"].unique()
    models = {text: json.loads(text).get("model", "") for text in texts}
    several = len(set(models.values())) > 1
    marks = {text: f" (LM {m})" if several and m else LM for text, m in models.items()}
    mark = rows["labels"].astype(str).map(marks)
    return mark.where((rows["scale"] == "llm").to_numpy(), "")


def _named(
    rows: pd.DataFrame,
    columns: list[str],
    word: Callable[[Any], str],
    rank: Callable[[str], Any] | None = None,
) -> "pd.Categorical[Any]":
    """One name a row, computed once for each distinct combination of ``columns``."""
    group = rows.groupby(columns, sort=False, observed=True)
    keys = group.size().index
    words = [word(key if isinstance(key, tuple) else (key,)) for key in keys]
    return _category(words, group.ngroup().to_numpy(), rank)


def _category(
    words: Sequence[str], codes: NDArray[Any], rank: Callable[[str], Any] | None = None
) -> "pd.Categorical[Any]":
    """``words[codes]`` as ordered categories: by ``rank``, or in the order of ``words``."""
    order = sorted(set(words), key=rank) if rank else list(dict.fromkeys(words))
    place = {word: i for i, word in enumerate(order)}
    places: Any = np.array([place[word] for word in words], dtype=np.int64)[codes]
    return pd.Categorical.from_codes(places, pd.Index(order), ordered=True)


def comparison_rank(text: str) -> tuple[int, float, str]:
    """A sort key for comparisons: by strength (KL, then tau = 0), then other tau, then the rest."""
    name, _, value = text.partition(" = ")
    if "," in text or not value:
        return 3, 0.0, text
    number = float(value.split()[0])
    return 0 if name == "KL" else 1 + (number > 0), number, text


def _method_rank(name: str) -> tuple[int, str]:
    concept = re.split(r"\W|_", name.lower())[0]
    return CONCEPTS.index(concept) if concept in CONCEPTS else len(CONCEPTS), name
