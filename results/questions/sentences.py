"""Pieces of sentences that estimates are told in."""

import pandas as pd

from results.export import number

MOVES = 1e-6
"""Smaller changes count as none."""


def mean_over_games(estimates: pd.DataFrame) -> str:
    """Mean over the games where every method has a value: "RLHF 1.000, ... (mean of 8 games)"."""
    wide = estimates.pivot(index="game", columns="method", values="mean").dropna()
    if wide.empty:
        return "in no game for every method"
    each = [f"{method} {number(mean)}" for method, mean in wide.mean().items()]
    return f"{', '.join(each)} (mean of {n_games(len(wide))})"


def largest_by_method(estimates: pd.DataFrame) -> str:
    """Largest mean of each method, and in which game: "RLHF 1.000 (condorcet), NLHF 0.000"."""
    each = []
    for method, part in estimates.dropna(subset="mean").groupby("method", observed=True):
        top = part.iloc[part["mean"].argmax()]
        where = f" ({top['game']})" if top["mean"] > MOVES else ""
        each.append(f"{method} {number(top['mean'])}{where}")
    return ", ".join(each) or "nothing that is defined"


def count_games(estimates: pd.DataFrame) -> str:
    """In how many games each method has a ``hit``, of those where its answer is defined."""
    hits = estimates.dropna(subset="mean").groupby("method", observed=True)["hit"]
    each = [
        f"{method} in {hit} of {n_games(n)}"
        for method, hit, n in hits.agg(["sum", "size"]).itertuples()
    ]
    return ", ".join(each) or "no game where it is defined"


def n_games(n: int) -> str:
    """So many games, in the singular or the plural."""
    return f"{n} game" if n == 1 else f"{n} games"
