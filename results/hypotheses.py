"""Hypotheses written down in a spec before its run, and what the run says of each."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from results.comparisons import NO_PENALTY
from results.export import estimate_text
from results.frames import categories, describe, family_of, with_labels
from results.intervals import FEWEST
from results.statistics import holm, paired_difference

SIGNIFICANT = 0.05
"""A claim needs a Holm-adjusted p-value below this."""

READING = (
    "These claims were written in the spec before the run, with the smallest effect of interest; "
    "nothing else is tested. A line is the mean paired difference over draws that both methods "
    "share, with its 95% interval, from 10 draws on a bootstrap; n is how many draws have a value "
    "for both, out of all of that kind. p is of Student's paired t test that the mean difference "
    "is no larger than the smallest "
    "effect, adjusted by Holm's method over all lines of a family of claims. supported: the "
    "interval lies beyond the smallest "
    "effect in the stated direction and p < 0.05; refuted: the same in the other direction; "
    "negligible: the interval, which is not adjusted, lies within the smallest effect on both "
    "sides; undecided: anything else. RLHF has two rows where P is estimated, leaving pairs that "
    "were never compared out and filling them as ties; SLHF has two at each KL, with tau_follower "
    "tied and with tau_follower = 0. A claim about them holds only if all their rows say the same; "
    "disagree: some row supports or refutes it, and another does not."
)

_SAME = 1e-9
_SPLIT_BY = "smith_size"
_UNIT = ["game", "game_params", "seed", "context"]

Verdict = Literal["supported", "refuted", "negligible", "undecided", "disagree", "not measured"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Hypothesis(BaseModel):
    """A claim about a paired difference, tested on every family of drawn games at every strength.

    Attributes
    ----------
    family : str
        The claims that p-values are adjusted with; Holm's method within a family.
    question, metric : str
        What is measured.
    first, second : str
        Solvers; the claim is about the value of ``first`` minus that of ``second``.
    at : list of floats > 0 and "tau = 0"
        KL to the reference in nats, or no KL penalty.
    direction : "more", "less" or "either"
    smallest : float > 0
        Smallest effect of interest, in units of the metric.
    labels : mapping
        Which rows: their labels have these values, "" for a label that is missing or null.
    within : "mean", "max" or None
        How several rows of one draw are combined; None if there is one.
    games : list of str, or None
        Families of drawn games (``results.frames.family_of``); None for all of the run.
    split : "all", "cyclic" or "acyclic"
        cyclic: only draws with more than one answer in the Smith set; acyclic: only the others.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    family: str
    question: str
    metric: str
    first: str
    second: str
    at: Annotated[list[Annotated[float, Field(gt=0)] | Literal["tau = 0"]], Field(min_length=1)]
    direction: Literal["more", "less", "either"]
    smallest: Annotated[float, Field(gt=0)]
    labels: dict[str, Any] = {}
    within: Literal["mean", "max"] | None = None
    games: Annotated[list[str], Field(min_length=1)] | None = None
    split: Literal["all", "cyclic", "acyclic"] = "all"

    @property
    def claim(self) -> str:
        """The hypothesis in words."""
        how = {"more": "is larger", "less": "is smaller", "either": "differs"}[self.direction]
        which = [f"{key} = {value}" for key, value in self.labels.items() if value != ""]
        which += [f"{self.within} of a draw"] if self.within else []
        listed = f" ({', '.join(which)})" if which else ""
        kind = "" if self.split == "all" else f" on {self.split} draws"
        than = "from" if self.direction == "either" else "than"
        return (
            f"{self.metric}{listed} of {_name(self.first)} {how} {than} that of "
            f"{_name(self.second)} "
            f"by more than {self.smallest:g}{kind}"
        )


def verdict(
    low: float,
    high: float,
    p: float,
    direction: Literal["more", "less", "either"],
    smallest: float,
) -> Verdict:
    """What an interval and an adjusted p-value say of a hypothesis.

    supported: the interval lies beyond the smallest effect in the stated direction, and p is below
    ``SIGNIFICANT``. refuted: the same in the other direction. negligible: the interval lies within
    -+ the smallest effect. undecided: anything else. not measured: there is no interval.
    """
    if math.isnan(low) or math.isnan(high):
        return "not measured"
    if -smallest < low and high < smallest:
        return "negligible"
    if p < SIGNIFICANT and (low >= smallest or high <= -smallest):
        found = "more" if low >= smallest else "less"
        return "supported" if direction in (found, "either") else "refuted"
    return "undecided"


def evaluate(frame: pd.DataFrame, hypotheses: Sequence[Hypothesis]) -> pd.DataFrame:
    """One line a hypothesis, family of drawn games, strength and pair of methods.

    The unit is the draw, which both methods share. SLHF has two rows at each KL, with
    tau_follower tied and with tau_follower = 0, and RLHF has two where it can fill pairs that were
    never compared as ties. If one of them supports or refutes a claim and another does not, none
    is evidence, and the verdict of all is "disagree".

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    hypotheses : sequence of Hypothesis

    Returns
    -------
    DataFrame
        Columns hypothesis (from 1), family, claim, draws, at, first, second, mean, low, high,
        least, greatest, n, of (draws in all), p, p_holm, verdict, reason.
    """
    lines = [
        {"hypothesis": number, "family": h.family, "claim": h.claim, **line}
        for number, h in enumerate(hypotheses, 1)
        for line in _lines(frame, h)
    ]
    table = pd.DataFrame(lines, columns=_COLUMNS)
    table["p_holm"] = table.groupby("family")["p"].transform(lambda p: holm(p.to_numpy(float)))
    table["verdict"] = [
        verdict(t.low, t.high, t.p_holm, h.direction, h.smallest)
        for t, h in _with_claims(table, hypotheses)
    ]
    for _, part in table[table["verdict"] != "not measured"].groupby(["hypothesis", "draws", "at"]):
        said = set(part["verdict"])
        if len(said) > 1 and said & {"supported", "refuted"}:
            table.loc[part.index, "verdict"] = "disagree"
    return table


def digest(table: pd.DataFrame) -> pd.DataFrame:
    """What the report shows of the lines of ``evaluate``, as text."""
    shown = []
    t: Any
    for t in table.itertuples():
        repetitions = math.nan if math.isnan(t.least) else t.n
        difference = estimate_text(t.mean, t.low, t.high, t.least, t.greatest, repetitions)
        p = "-" if math.isnan(t.p_holm) else "< 0.001" if t.p_holm < 1e-3 else f"{t.p_holm:.3f}"
        shown.append(
            {
                "no.": str(t.hypothesis),
                "draws of": t.draws,
                "at": t.at,
                "methods": f"{t.first} - {t.second}",
                "difference": difference,
                "n": f"{t.n} of {t.of}",
                "p": p,
                "verdict": t.verdict if not t.reason else f"{t.verdict}: {t.reason}",
            }
        )
    return pd.DataFrame(shown, dtype=object)


def findings(table: pd.DataFrame) -> list[str]:
    """One sentence a hypothesis: how often it was supported, refuted, and so on, and the draws."""
    out = []
    for (number, family, claim), part in table.groupby(["hypothesis", "family", "claim"]):
        counts = part["verdict"].value_counts()
        said = ", ".join(f"{word} in {counts[word]}" for word in VERDICTS if word in counts)
        tests = f"{len(part)} test" if len(part) == 1 else f"{len(part)} tests"
        least, most = part["n"].min(), part["n"].max()
        draws = f"{most} draws" if least == most else f"{least} to {most} draws"
        out.append(f"{number}. ({family}) {claim}: of {tests}, {said} (n: {draws}).")
    return out


_COLUMNS = [
    "hypothesis", "family", "claim", "draws", "at", "first", "second", "mean", "low", "high",
    "least", "greatest", "n", "of", "p", "p_holm", "verdict", "reason",
]  # fmt: skip


def _with_claims(
    table: pd.DataFrame, hypotheses: Sequence[Hypothesis]
) -> Iterator[tuple[Any, Hypothesis]]:
    """Each line with its hypothesis."""
    t: Any
    for t in table.itertuples():
        yield t, hypotheses[t.hypothesis - 1]


def _name(solver: str) -> str:
    """The method of a solver: RLHF, NLHF or SLHF for the exact solvers of these concepts."""
    return solver.removesuffix("_exact").upper() if solver.endswith("_exact") else solver


def _lines(frame: pd.DataFrame, h: Hypothesis) -> list[dict[str, Any]]:
    """The lines of one hypothesis, before verdicts; a line says why where nothing was measured."""
    asked = (frame["experiment"] == h.question) & (frame["metric"] == h.metric)
    asked &= frame["solver"].isin([h.first, h.second]) & (frame["scale"] == "tabular")
    asked &= frame["seed"].notna() & frame["context"].notna() & (frame["status"] != "skipped")
    rows = with_labels(frame[asked], h.labels)
    rows = rows.assign(draws=_families(rows), smith=_smith_sizes(frame, rows))
    rows = rows[rows["draws"] != ""]
    rows = describe(rows) if len(rows) else rows
    kinds = h.games or sorted(rows["draws"].unique()) or ["any family"]
    levels = [NO_PENALTY if isinstance(at, str) else f"KL = {at:g} nats" for at in h.at]
    out = []
    for kind in kinds:
        part = rows[rows["draws"] == kind]
        same = len(part) > 0 and _all_the_same(part)
        part, why = _of_split(part, h.split)
        for at in levels:
            level = part[part["comparison"] == at] if len(part) else part
            pairs = _pairs(level, h) if len(level) else []
            for first, second in pairs or [(_name(h.first), _name(h.second))]:
                line = {"draws": kind, "at": at, "first": first, "second": second, **_NOTHING}
                if same:
                    line["reason"] = "all draws have the same values: the family is not random"
                elif pairs:
                    line |= _difference(level, h, first, second)
                elif why or not len(level):
                    line["reason"] = why or "no such row in this run"
                else:
                    line["reason"] = "one of the methods was not run"
                out.append(line)
    return out


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("mean", "low", "high", "least", "greatest", "p"), math.nan),
    "n": 0, "of": 0, "reason": "",
}  # fmt: skip


def _difference(rows: pd.DataFrame, h: Hypothesis, first: str, second: str) -> dict[str, Any]:
    """The paired difference of two methods over the draws."""
    rows = rows[rows["method"].isin([first, second])]
    draws = len(rows[_UNIT].drop_duplicates())
    if h.within is None and rows.duplicated([*_UNIT, "method"]).any():
        return {"of": draws, "reason": 'several rows a draw; give labels or within = "max"'}
    gap = paired_difference(rows, ["metric"], first, second, h.within or "mean", h.smallest)
    if gap.empty:
        return {"of": draws, "reason": "no draw has a value for both"}
    names = ["mean", "low", "high", "least", "greatest", "p"]
    values = {name: float(gap[name].iloc[0]) for name in names}
    n = int(gap["n"].iloc[0])
    return {
        **values,
        "n": n,
        "of": draws,
        "reason": "" if n >= FEWEST else "fewer than three draws",
    }


def _pairs(rows: pd.DataFrame, h: Hypothesis) -> list[tuple[str, str]]:
    """The methods of ``first`` with those of ``second``: RLHF and SLHF may have two each."""
    names = [
        categories(rows.loc[rows["solver"] == solver, "method"]) for solver in (h.first, h.second)
    ]
    return [(first, second) for first in names[0] for second in names[1]]


def _all_the_same(rows: pd.DataFrame) -> bool:
    """Whether every draw gives the same numbers, so that their number is no evidence."""
    draws = rows[_UNIT].drop_duplicates()
    keys = ["solver", "params", "labels"]
    spread = rows.groupby(keys, observed=True)["value"].agg(["min", "max"]).dropna()
    return len(draws) > 1 and bool((spread["max"] - spread["min"] < _SAME).all())


def _families(rows: pd.DataFrame) -> list[str]:
    known: dict[tuple[str, str], str] = {}
    keys = list(zip(rows["game"].astype(str), rows["game_params"].astype(str), strict=True))
    for key in set(keys):
        known[key] = family_of(*key)
    return [known[key] for key in keys]


def _smith_sizes(frame: pd.DataFrame, rows: pd.DataFrame) -> Any:
    """The number of answers in the Smith set of each row's draw, whatever the method; else NaN."""
    known = frame[(frame["metric"] == _SPLIT_BY) & frame["value"].notna()]
    known = known.astype({"game": str, "game_params": str})
    size = known.groupby(_UNIT)["value"].first()
    unit = rows[_UNIT].astype({"game": str, "game_params": str})
    return size.reindex(pd.MultiIndex.from_frame(unit)).to_numpy()


def _of_split(rows: pd.DataFrame, split: str) -> tuple[pd.DataFrame, str]:
    """The rows of draws that are cyclic or not, and why if there is none."""
    if split == "all" or rows.empty:
        return rows, ""
    part = rows[rows["smith"] > 1 if split == "cyclic" else rows["smith"] == 1]
    if len(part):
        return part, ""
    known = bool(rows["smith"].notna().any())
    missing = f"no {_SPLIT_BY} of these draws; ask consistency on this game"
    return part, f"no draw is {split}" if known else missing


def read(spec: dict[str, Any]) -> list[Hypothesis]:
    """The hypotheses of a resolved spec, as ``spec.json`` holds them."""
    return [Hypothesis.model_validate_json(json.dumps(h)) for h in spec.get("hypotheses", [])]
