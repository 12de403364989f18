"""How often does a majority cycle, must an equilibrium mix, and is there a Condorcet loser?"""

import pandas as pd

from results.export import estimate_text
from results.questions.section import Column, Section, Table
from results.statistics import CONFIDENCE, fill_units

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
    units = fill_units(rows).astype({"metric": str})
    draws = units.drop_duplicates([*_KEYS, "metric", "seed", "context"])
    group = draws.groupby([*_KEYS, "metric"], observed=True)
    shares = group["value"].agg(["mean", "size"]).assign(drawn=group["seed"].min() >= 0)
    cells, counts = {}, {}
    for (*key, metric), mean, size, drawn in shares.itertuples():
        ends = _wilson(mean, size) if drawn else (mean, mean)
        cells[*key, metric] = dict(zip(("mean", "low", "high"), (mean, *ends), strict=True))
        counts[tuple(key)] = str(size) if drawn else "exact"
    wide = pd.DataFrame.from_dict(cells, orient="index").rename_axis([*_KEYS, "metric"])
    wide = wide.rename_axis(columns="statistic").stack().unstack(["metric", "statistic"])
    columns = [(c.name, end) for c in COLUMNS for end in ("mean", "low", "high")]
    wide = wide.reindex(columns=[column for column in columns if column in wide.columns])
    wide = wide.reindex(list(counts))
    index = [(*key, n) for key, n in counts.items()]
    return wide.set_axis(pd.MultiIndex.from_tuples(index, names=[*_KEYS, "n"]))


def findings(rows: pd.DataFrame) -> list[str]:
    """The families in which each indicator is rarest and most frequent."""
    shares, out = table(rows), []
    for metric, words in _WORDS.items():
        of_metric = shares[metric].sort_values("mean", kind="stable")
        least, most = (of_metric.iloc[k] for k in (0, -1))
        text = [f"{estimate_text(*x, 1.0)} of the draws of {x.name[0]}" for x in (least, most)]
        ends = " up to ".join(dict.fromkeys(text))
        out.append(f"{words}: {ends}.")
    return out


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
