"""How fast is it? Timings of benchmarks."""

import pandas as pd

from results.questions.section import Column, Section, Table, label
from results.timings import STATISTICS

COLUMNS = (
    Column("min", "seconds of one call, the least of its rounds"),
    Column("median", "the same, the median"),
    Column("max", "the same, the largest"),
    Column("times", "the median over the least median of its group"),
    Column("*", "a number that the benchmark adds"),
)
_PLACE = ["group", "benchmark"]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a benchmark: seconds of one call over its rounds, and the numbers that it adds."""
    rows = rows.rename(columns={"game": "group", "method": "benchmark"})
    statistic = rows["statistic"].astype(str)
    rows = rows.assign(column=statistic.where(statistic.isin(STATISTICS), "+" + rows["metric"]))
    added = [name for name in dict.fromkeys(rows["column"]) if name.startswith("+")]
    values = rows.groupby([*_PLACE, "column"], observed=True)["value"].last()
    out = values.unstack("column")[[*STATISTICS, *added]]
    out = out.rename(columns=lambda name: name.removeprefix("+"))
    least = out.groupby(level="group", observed=True)["median"].transform("min")
    out.insert(len(STATISTICS), "times", out["median"] / least)
    out = out.rename_axis(columns=None).reset_index().astype(dict.fromkeys(_PLACE, str))
    return out.sort_values(["group", "median"]).reset_index(drop=True)


def findings(rows: pd.DataFrame) -> list[str]:
    """The fastest of each group, and how much longer the slowest takes."""
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
    reading="Compare medians within a group and on one machine; the least of the rounds is what "
    "the code takes undisturbed.",
    expected="Times depend on the machine: nothing is expected of them.",
    findings=findings,
    tables=(Table("speed", table, COLUMNS),),
    labels={"statistic": label("statistic")},
)
