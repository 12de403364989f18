"""How fast is it? Timings of benchmarks."""

import pandas as pd

from results.questions.section import Column, Section, Table, label
from results.timings import STATISTICS

COLUMNS = (
    Column("min", "seconds of one call, the smallest over its rounds"),
    Column("median", "seconds of one call, the median over its rounds"),
    Column("max", "seconds of one call, the largest over its rounds"),
    Column("times", "the median divided by the smallest median of its group"),
    Column("*", "a number that the benchmark records besides its time"),
)
_KEYS = ["group", "benchmark"]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a benchmark: seconds of one call over its rounds, and further numbers."""
    rows = rows.rename(columns={"game": "group", "method": "benchmark"})
    statistic = rows["statistic"].astype(str)
    rows = rows.assign(column=statistic.where(statistic.isin(STATISTICS), "+" + rows["metric"]))
    added = [name for name in dict.fromkeys(rows["column"]) if name.startswith("+")]
    values = rows.groupby([*_KEYS, "column"], observed=True)["value"].last()
    out = values.unstack("column")[[*STATISTICS, *added]]
    out = out.rename(columns=lambda name: name.removeprefix("+"))
    least = out.groupby(level="group", observed=True)["median"].transform("min")
    out.insert(len(STATISTICS), "times", out["median"] / least)
    out = out.rename_axis(columns=None).reset_index().astype(dict.fromkeys(_KEYS, str))
    return out.sort_values(["group", "median"]).reset_index(drop=True)


def findings(rows: pd.DataFrame) -> list[str]:
    """The fastest benchmark of each group, and how much longer the slowest takes."""
    out = []
    for group, part in table(rows).groupby("group", sort=False):
        if len(part) > 1:
            first, last = part.iloc[0], part.iloc[-1]
            out.append(
                f"{group}: {first['benchmark']} takes {_time(first['median'])}, "
                f"{last['benchmark']} {last['times']:.1f} times as long (medians)."
            )
    return out


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


SECTION = Section(
    name="speed",
    title="How fast is it?",
    reading="Compare medians within a group and on one machine; the smallest of the rounds "
    "is the time that the code takes undisturbed.",
    expected="Times depend on the machine, so no value is expected.",
    findings=findings,
    tables=(Table("speed", table, COLUMNS),),
    labels={"statistic": label("statistic")},
)
