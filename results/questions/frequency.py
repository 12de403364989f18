"""How often does a majority cycle, must an equilibrium mix, and is there a Condorcet loser?"""

import pandas as pd

from results.export import estimate_text
from results.intervals import CONFIDENCE
from results.questions.section import Column, Section, Table
from results.statistics import fill_units

COLUMNS = (
    Column("no_condorcet_winner"),
    Column("mixed_equilibrium"),
    Column("condorcet_loser_exists"),
)
_KEYS = ["game", "answers", "voters"]
_WORDS = {
    "no_condorcet_winner": "No answer beats every other one",
    "condorcet_loser_exists": "An answer loses to every other one",
}


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a family of games: shares of its draws, with Wilson intervals.

    ``n`` is the number of draws, "exact" for a game that is not drawn.
    """
    shares = _shares(rows)
    cells = shares.melt([*_KEYS, "n", "metric"], ["mean", "low", "high"], "statistic")
    index = pd.MultiIndex.from_frame(cells[[*_KEYS, "n", "metric", "statistic"]])
    wide = pd.DataFrame(cells["value"].set_axis(index).unstack(["metric", "statistic"]))
    columns = [(c.name, end) for c in COLUMNS for end in ("mean", "low", "high")]
    wide = wide[[column for column in columns if column in wide.columns]]
    return wide.reindex(pd.MultiIndex.from_frame(shares[[*_KEYS, "n"]].drop_duplicates()))


def findings(rows: pd.DataFrame) -> list[str]:
    """The families in which each indicator is rarest and most frequent."""
    shares, out = _shares(rows), []
    for metric, words in _WORDS.items():
        of_metric = shares[shares["metric"] == metric].sort_values("mean", kind="stable")
        ends = of_metric[["mean", "low", "high", "game"]].iloc[[0, -1]].to_numpy()
        texts = [
            f"{estimate_text(mean, low, high, 1.0)} of the draws of {game}"
            for mean, low, high, game in ends
        ]
        out.append(f"{words}: {' up to '.join(dict.fromkeys(texts))}.")
    return out


def _shares(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a family and metric: mean, low, high, n; what is asked of several solvers once."""
    units = fill_units(rows).astype({"metric": str})
    draws = units.drop_duplicates([*_KEYS, "metric", "seed", "context"])
    group = draws.groupby([*_KEYS, "metric"], observed=True, sort=False)
    out = group["value"].agg(["mean", "size"]).reset_index()
    drawn = (group["seed"].min() >= 0).to_numpy()
    ends = [_wilson(mean, size) for mean, size in zip(out["mean"], out["size"], strict=True)]
    low, high = (out["mean"].mask(drawn, [end[k] for end in ends]) for k in (0, 1))
    n = out["size"].astype(str).where(drawn, "exact")
    return out.assign(low=low, high=high, n=n)


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's score interval for a share of n draws (J. Am. Stat. Assoc. 1927)."""
    from scipy.special import ndtri

    z = ndtri(0.5 + CONFIDENCE / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return centre - half, centre + half


SECTION = Section(
    name="frequency",
    title="How often do majorities cycle and equilibria mix?",
    reading="Each line is a family of games, and each share one over independent draws, with "
    "Wilson's 95% interval. voters is the number of equally weighted users whose majorities make "
    "the preferences (0 where there are none, or they are infinitely many). Where every answer is "
    "beaten by another one, all equilibria at tau = 0 are mixed; without ties that is where there "
    "is no Condorcet winner. An even number of voters can tie.",
    expected="Impartial culture, 3 answers: no Condorcet winner with probability 1/18 = 0.056 for "
    "3 voters and 1/4 - 3/(2 pi) arcsin(1/3) = 0.0877 for many (Guilbaud 1952), and more with "
    "every answer. Voters who judge by distance in one or two dimensions cycle rarely or never.",
    findings=findings,
    tables=(Table("frequency", table, COLUMNS),),
    labels={
        "answers": lambda labels: float(labels.get("answers", 0)),
        "voters": lambda labels: float(labels.get("voters", 0)),
    },
    arrange=lambda rows: rows.astype({"answers": int, "voters": int}),
)
