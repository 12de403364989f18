"""Published claims, the query on the rows that decides each of them, and what a run says.

The claims are data: ``claims.toml`` beside this file. A claim is exact, about numbers that nothing
random is in, or statistical, about a mean over draws or seeds. Every claim records the verdict that
is expected of it, which may be "fails": a claim that does not hold is a finding.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from results.claim_checks import Check, Finding, Verdict, decide
from results.claim_rows import Rows
from results.rows import RunError
from results.statistics import holm

PATH = Path(__file__).with_name("claims.toml")
DERIVED = "derived"
"""The source of claims that were worked out for this project and are in no paper."""

SIGNIFICANT = 0.05
"""A statistical claim is decided where its p-value, adjusted by Holm's method, is below this."""

READING = (
    "holds: every check of the claim came out; fails: one did not. An exact claim compares numbers "
    "in which nothing is random, its n is how many; of several, the worst is shown. A statistical "
    "claim is about a mean over n draws or seeds, shown with its 95% interval: it is decided where "
    "Student's t test has p < 0.05 after Holm's adjustment for all statistical claims, and else "
    "undecided; a published value holds if the interval covers it. not measured: these runs have "
    "no rows for it."
)

COLUMNS = (
    "id", "source", "where", "trust", "sentence", "published", "ours", "n", "verdict", "expected",
    "kind", "condition", "reason",
)  # fmt: skip


class Claim(BaseModel):
    """One claim, and how rows decide it.

    Attributes
    ----------
    id : str
        Unique; small letters, digits and hyphens.
    source : str
        arXiv number of a paper in ``[papers]``, or "derived".
    where : str
        Section, table or equation; "" if not known.
    trust : str
        How the statement reached us: the tags of the list of sources, "A" for an abstract, "N" and
        "M" for notes by others, "C" for released code, "R" for reviews, "D" for derived here.
    sentence : str
        The claim in one sentence.
    published : str
        The published value, "" if none is known.
    kind : "exact" or "statistical"
    condition : str
        Where the claim holds or fails, in one clause.
    expected : "holds", "fails" or "not measured"
        The verdict that stored runs have given so far.
    specs : list of str
        Built-in specs that measure it.
    checks : list of Check
        All must come out for the claim to hold; none if nothing measures it.
    reason : str
        Why nothing measures it; "" if something does.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    source: str
    where: str = ""
    trust: str
    sentence: Annotated[str, Field(min_length=1)]
    published: str = ""
    kind: Literal["exact", "statistical"]
    condition: str = ""
    expected: Literal["holds", "fails", "not measured"]
    specs: list[str] = []
    checks: list[Check] = []
    reason: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "Claim":
        measurable = self.expected != "not measured"
        if measurable != bool(self.checks) or measurable != bool(self.specs):
            raise ValueError(
                "checks and specs belong to claims that are expected to hold or to fail, and only "
                "to these"
            )
        if measurable == bool(self.reason):
            raise ValueError("a claim without checks, and no other, gives the reason")
        if self.kind == "statistical" and any(check.over != "mean" for check in self.checks):
            raise ValueError('the checks of a statistical claim are over = "mean"')
        return self


class _Claims(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    papers: dict[str, str]
    claims: list[Claim]

    @model_validator(mode="after")
    def _consistent(self) -> "_Claims":
        for claim in self.claims:
            if claim.source not in (*self.papers, DERIVED):
                raise ValueError(f"claim {claim.id!r}: source {claim.source!r} is not in [papers]")
        ids = [claim.id for claim in self.claims]
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"claim {name!r} is written twice")
        return self


def parse(text: str, where: str = PATH.name) -> tuple[list[Claim], dict[str, str]]:
    """The claims and the papers of a TOML text.

    Raises
    ------
    RunError
        If the text is not TOML or a claim is wrong; the message names the claim and the key.
    """
    try:
        written = tomllib.loads(text)
        read = _Claims.model_validate(written)
    except tomllib.TOMLDecodeError as error:
        raise RunError(f"{where}: {error}") from None
    except ValidationError as error:
        raise RunError(f"{where}: {_complaint(error, written)}") from None
    return read.claims, read.papers


def _complaint(error: ValidationError, written: dict[str, Any]) -> str:
    """The first fault: which claim, which key, what was expected."""
    first = error.errors(include_url=False)[0]
    place = list(first["loc"])
    named = ""
    if place[:1] == ["claims"] and len(place) > 1:
        claim = written["claims"][place[1]]
        named = f"claim {claim.get('id', place[1])!r}: " if isinstance(claim, dict) else ""
        place = place[2:]
    key = ".".join(map(str, place))
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{named}{key}: {message}" if key else f"{named}{message}"


@cache
def _read() -> tuple[list[Claim], dict[str, str]]:
    return parse(PATH.read_text(encoding="utf-8"))


def papers() -> dict[str, str]:
    """ArXiv number -> authors, year and title of every paper whose claims are listed."""
    return dict(_read()[1])


def claims(source: str | None = None) -> list[Claim]:
    """All claims, or those of one paper, in the order of the file.

    Parameters
    ----------
    source : str, optional
        arXiv number, with or without "arXiv:", or "derived".

    Raises
    ------
    RunError
        If no claim has that source; the message lists the papers.
    """
    every = _read()[0]
    if source is None:
        return list(every)
    wanted = source.strip().lower().removeprefix("arxiv:")
    chosen = [claim for claim in every if claim.source == wanted]
    if not chosen:
        known = ", ".join([*papers(), DERIVED])
        raise RunError(f"claims: no claim of {source!r}; expected one of: {known}")
    return chosen


def verify(frame: pd.DataFrame, of: Sequence[Claim] | None = None) -> pd.DataFrame:
    """What the rows say of each claim.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``, of one or more runs. A measurement that several runs
        made counts once.
    of : sequence of Claim, optional
        By default all claims of ``claims.toml``.

    Returns
    -------
    DataFrame
        One line a claim, with the text columns ``COLUMNS``: id to trust, sentence, published, kind,
        condition and expected as in ``Claim``; ours, the numbers of these rows, with a 95% interval
        where they are means; n, the number of values or of draws; verdict; and reason, why
        something was not measured.

    Raises
    ------
    RunError
        If the frame lacks a column.
    """
    rows, asked = Rows(frame), claims() if of is None else of
    found = [[decide(rows, check, claim.kind) for check in claim.checks] for claim in asked]
    lines = [_line(claim, part) for claim, part in zip(asked, _adjusted(found), strict=True)]
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def table(of: Sequence[Claim]) -> pd.DataFrame:
    """The claims without a run, in the columns of ``verify``; reason says what measures them."""
    lines = [
        claim.model_dump(include=set(COLUMNS))
        | {"reason": claim.reason or " or ".join(claim.specs)}
        for claim in of
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object).fillna("")


def unexpected(table: pd.DataFrame) -> pd.DataFrame:
    """The lines of exact claims that were measured and came out otherwise than expected."""
    differs = (table["verdict"] != table["expected"]) & (table["verdict"] != "not measured")
    return table[differs & (table["kind"] == "exact")]


def _adjusted(found: Sequence[Sequence[Finding]]) -> list[list[Finding]]:
    """The findings, with "undecided" or the like where p is not small for so many tests."""
    p = iter(holm([finding.p for part in found for finding in part]))
    return [
        [
            finding
            if math.isnan(finding.p) | (adjusted < SIGNIFICANT)
            else replace(finding, verdict=finding.otherwise)
            for finding, adjusted in zip(part, p, strict=False)
        ]
        for part in found
    ]


def _line(claim: Claim, found: Sequence[Finding]) -> dict[str, str]:
    verdict, reason = _together(claim, found)
    fields = claim.model_dump(include=set(COLUMNS) - {"reason"})
    shown = [] if verdict == "not measured" else [finding for finding in found if finding.n]
    counts = dict.fromkeys(finding.n for finding in shown)
    return fields | {
        "ours": "; ".join(finding.text for finding in shown),
        "n": " / ".join(counts) if claim.kind == "statistical" else _total(shown),
        "verdict": verdict,
        "reason": reason,
    }


def _total(found: Sequence[Finding]) -> str:
    n = sum(int(finding.n) for finding in found if finding.n)
    return f"{n} exact" if n else ""


def _together(claim: Claim, found: Sequence[Finding]) -> tuple[Verdict, str]:
    """The verdict of all checks, and the reason if something is not measured."""
    verdicts = [finding.verdict for finding in found]
    if "fails" in verdicts:
        return "fails", ""
    if not found:
        return "not measured", claim.reason
    if "not measured" in verdicts:
        missing = found[verdicts.index("not measured")].reason
        specs = " or ".join(f"`prefgames run {spec}`" for spec in claim.specs)
        return "not measured", f"{missing}; try {specs}"
    return ("undecided", "") if "undecided" in verdicts else ("holds", "")
