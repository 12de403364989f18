"""Parts of sentences that report estimates."""

import pandas as pd

from results.export import number
from results.statistics import fill_units

NBSP = "\N{NO-BREAK SPACE}"
"""Between a name and its number, which belong in one line."""

_CONCEPTS = ("RLHF", "NLHF", "SLHF")

MOVES = 1e-6
"""An answer counts as moved if it changes by more than this (total variation)."""


def mean_over_games(estimates: pd.DataFrame) -> str:
    """Each method's mean over the games where all have a value: "RLHF 1.000 (mean of 8 games)"."""
    wide = estimates.pivot(index="game", columns="method", values="mean").dropna()
    if wide.empty:
        return "in no game for every method"
    each = [f"{method} {number(mean)}" for method, mean in wide.mean().items()]
    return f"{', '.join(each)} (mean of {n_games(len(wide))})"


def means_in_words(estimates: pd.DataFrame, what: str) -> str:
    """The means of each concept, or of all methods, for a title.

    "Duality gap, mean of 8 games: RLHF 0.30, NLHF 0.00, SLHF 0.20"; "" if no game has all values.
    The exact answers alone stand for their concepts where they are among the methods.
    """
    exact = estimates["method"].astype(str).isin(_CONCEPTS)
    estimates = estimates[exact] if exact.any() else estimates
    wide = estimates.pivot(index="game", columns="method", values="mean").dropna()
    if wide.empty:
        return ""
    each = ", ".join(f"{method}{NBSP}{mean:.2f}" for method, mean in wide.mean().items())
    games = n_games(len(wide))
    mean = f", mean of {games}" if len(wide) > 1 else ""
    return f"{what[0].upper()}{what[1:]}{mean}: {each}"


def largest_by_method(estimates: pd.DataFrame) -> str:
    """Each method's largest mean over the games where all have a value, and its game.

    "RLHF 1.000 (condorcet), NLHF 0.000 (largest of 5 games)".
    """
    each, estimates = [], _of_common_games(estimates)
    for method, part in estimates.groupby("method", observed=True):
        top = part.iloc[part["mean"].argmax()]
        where = f" ({top['game']})" if top["mean"] > MOVES else ""
        each.append(f"{method} {number(top['mean'])}{where}")
    if not each:
        return "nothing that is defined for every method"
    return f"{', '.join(each)} (largest of {n_games(estimates['game'].nunique())})"


def count_games(estimates: pd.DataFrame) -> str:
    """In how many games each method has a ``hit``, among those where all have a value."""
    hits = _of_common_games(estimates).groupby("method", observed=True)["hit"]
    each = [
        f"{method} in {hit} of {n_games(n)}"
        for method, hit, n in hits.agg(["sum", "size"]).itertuples()
    ]
    return ", ".join(each) or "no method, as no game has a value for all"


def in_common(rows: pd.DataFrame, unit: list[str]) -> pd.DataFrame:
    """The rows of the units, such as the points of a path, where no method lacks its value."""
    exists = fill_units(rows).assign(exists=rows["value"].notna())
    return rows[exists.groupby(unit, observed=True)["exists"].transform("all")]


def _of_common_games(estimates: pd.DataFrame) -> pd.DataFrame:
    wide = estimates.pivot(index="game", columns="method", values="mean").dropna()
    return estimates[estimates["game"].isin(wide.index)]


def n_games(n: int) -> str:
    """The number with its noun, in the singular or the plural."""
    return f"{n} game" if n == 1 else f"{n} games"
