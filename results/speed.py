"""How fast is it? A table and sentences of timings."""

import json

import pandas as pd

from results.frames import describe
from results.timings import STATISTICS

_PLACE = ["group", "benchmark"]


def speed(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a benchmark: seconds of one call over its rounds, and what it told besides.

    times: the median over the least median of its group.

    Raises
    ------
    RunError
        If the frame holds no timings; ``results.load`` reads them from a pytest-benchmark file.
    """
    rows = describe(frame, "speed").rename(columns={"game": "group", "method": "benchmark"})
    statistic = rows["labels"].map(lambda text: json.loads(text)["statistic"])
    column = rows["metric"].astype(str).mask(statistic.isin(STATISTICS), statistic)
    rows = rows.assign(column=column.where(statistic != "told", "told_" + column))
    order = [*STATISTICS, *[name for name in dict.fromkeys(rows["column"]) if "told_" in name]]
    values = rows.groupby([*_PLACE, "column"], observed=True)["value"].last()
    out = values.unstack("column")[order].rename(columns=lambda name: name.removeprefix("told_"))
    least = out.groupby(level="group", observed=True)["median"].transform("min")
    out.insert(len(STATISTICS), "times", out["median"] / least)
    out = out.rename_axis(columns=None).reset_index().astype(dict.fromkeys(_PLACE, str))
    return out.sort_values(["group", "median"]).reset_index(drop=True)


def findings(frame: pd.DataFrame) -> list[str]:
    """The fastest of each group, and how much longer the slowest takes."""
    out = []
    for group, own in speed(frame).groupby("group", sort=False):
        if len(own) > 1:
            first, last = own.iloc[0], own.iloc[-1]
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
