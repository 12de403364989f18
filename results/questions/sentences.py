"""Parts of sentences that report estimates."""

import pandas as pd

from results.export import number

MOVES = 1e-6
"""An answer counts as moved if it changes by more than this (total variation)."""


def mean_over_games(estimates: pd.DataFrame) -> str:
    """Each method's mean over the games where all have a value: "RLHF 1.000 (mean of 8 games)"."""
    wide = estimates.pivot(index="game", columns="method", values="mean").dropna()
    if wide.empty:
        return "in no game for every method"
    each = [f"{method} {number(mean)}" for method, mean in wide.mean().items()]
    return f"{', '.join(each)} (mean of {n_games(len(wide))})"


def largest_by_method(estimates: pd.DataFrame) -> str:
    """Each method's largest mean and its game: "RLHF 1.000 (condorcet), NLHF 0.000"."""
    each = []
    for method, part in estimates.dropna(subset="mean").groupby("method", observed=True):
        top = part.iloc[part["mean"].argmax()]
        where = f" ({top['game']})" if top["mean"] > MOVES else ""
        each.append(f"{method} {number(top['mean'])}{where}")
    return ", ".join(each) or "nothing that is defined"


def count_games(estimates: pd.DataFrame) -> str:
    """In how many games each method has a ``hit``, among those where its answer is defined."""
    hits = estimates.dropna(subset="mean").groupby("method", observed=True)["hit"]
    each = [
        f"{method} in {hit} of {n_games(n)}"
        for method, hit, n in hits.agg(["sum", "size"]).itertuples()
    ]
    return ", ".join(each) or "no game where it is defined"


def n_games(n: int) -> str:
    """The number with its noun, in the singular or the plural."""
    return f"{n} game" if n == 1 else f"{n} games"
