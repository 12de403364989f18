"""The report of a run in Markdown: what was run, what is seen, and how sure it is."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from results import findings, questions, sections, tables, timings
from results.expectations import EXPECTATIONS, Expectation
from results.export import export, markdown, text
from results.frames import compact, comparisons, main_comparison, named, only
from results.metrics import METRICS
from results.rows import RunError
from results.store import TABLE, load

_PAPERS = (
    "Pasztor et al., Stackelberg Learning from Human Feedback, 2025, arXiv:2512.16626 (SLHF)",
    "Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886 (NLHF)",
    "Bradley and Terry, Rank Analysis of Incomplete Block Designs, Biometrika 39, 1952 (rewards)",
    "Ford, Solution of a Ranking Problem from Binary Comparisons, American Mathematical Monthly "
    "64, 1957 (when the Bradley-Terry maximum exists)",
    "Fishburn, Probabilistic Social Choice Based on Simple Voting Comparisons, Review of Economic "
    "Studies 51, 1984 (maximal lotteries)",
)


def write(run_dir: str | Path) -> Path:
    """Write ``report.md``, and every table in full as ``tables/*.csv``, into the run directory.

    Figures that ``results.figures.write`` has drawn are shown. Works on runs that are not
    complete; a question that was not asked is said to be not measured. The report of a
    pytest-benchmark file is written into a directory of its name, without ".json".

    Raises
    ------
    RunError
        If there is no run and no such file, or the run has no row yet.
    """
    source = Path(run_dir)
    frame = compact(load(source))
    folder = source
    if source.is_file():
        folder = source.with_suffix("")
        folder.mkdir(exist_ok=True)
        what = _what_was_timed(source, frame)
    else:
        what = _what_was_run(folder, frame)
    parts = [f"# prefgames: {folder.resolve().name}\n", "## What was run\n", *what]
    try:
        asked = questions.every(frame)
    except RunError as error:
        parts += [f"Not measured: {error}.\n"]
    else:
        added = comparisons(asked)
        parts += ["## Headline\n", *_headlines(frame, added, main_comparison(asked, "KL"))]
        for section in EXPECTATIONS:
            parts += [f"## {section.title}\n", *_section(section, folder, frame)]
    parts += sections.report(folder, frame)
    parts += ["## What is certified, estimated, not measured\n", *_evidence(frame)]
    parts += ["## Statuses\n", markdown(tables.statuses(frame)), *_metrics(frame)]
    parts += ["## Papers\n", _list(_PAPERS)]
    target = folder / "report.md"
    target.write_text("\n".join(parts), encoding="utf-8")
    return target


def digest(frame: pd.DataFrame) -> tuple[list[pd.DataFrame], list[str]]:
    """What the command line shows of a run: tables of text, and what these leave out.

    The headline, if one of its questions was asked; else the first table of each question about
    iterative solvers; else the statuses.

    Raises
    ------
    RunError
        If the frame lacks a column or is empty.
    """
    try:
        added = comparisons(questions.every(frame))
    except RunError:
        shown = sections.first_tables(frame) or [tables.statuses(frame)]
        return [text(table) for table in shown], []
    main, *others = added
    left_out = [f"{', '.join(added[other])} at {other}: in the report" for other in others]
    return [tables.headline(frame, main)], left_out


def _what_was_timed(file: Path, frame: pd.DataFrame) -> Iterator[str]:
    lines = [f"{frame['cell'].nunique()} benchmarks of {file.name}"]
    yield _list([*lines, *_environment(timings.environment(file))])


def _what_was_run(folder: Path, frame: pd.DataFrame) -> Iterator[str]:
    spec, told = _json(folder / "spec.json"), _json(folder / "environment.json")
    solving = (frame["metric"] == "seconds") & (frame["experiment"] == "consistency")
    solving &= frame["step"].isna()  # training curves tell theirs
    seconds = frame.loc[solving, "value"].sum()
    state = "complete" if (folder / TABLE).is_file() else "NOT COMPLETE: run it again to resume"
    lines = [
        f"run: {state}; {frame['cell'].nunique()} cells, {len(frame)} rows, "
        f"{seconds:.1f} seconds of solving in consistency"
    ]
    for kind in ("games", "solvers", "learners", "experiments"):
        names = [_call(entry) for entry in spec.get(kind, [])]
        lines.append(f"{kind}: {', '.join(names) or 'unknown'}")
    lines.append(f"seeds: {', '.join(map(str, spec.get('seeds', []))) or 'unknown'}")
    for past in (told, *told.get("resumed", [])):
        lines += _environment(past)
    yield _list(lines)


def _environment(told: dict[str, Any]) -> Iterator[str]:
    for kind in ("code", "machine", "versions"):
        values = told.get(kind, {}).items()
        yield f"{kind}: {', '.join(f'{k} {v}' for k, v in values) or 'unknown'}"


def _headlines(
    frame: pd.DataFrame, added: dict[str, list[str]], at_kl: str | None
) -> Iterator[str]:
    main, *others = added
    yield markdown(tables.headline(frame, main))
    yield _legend()
    for other in others:
        yield f"With {', '.join(added[other])}, at {other}:\n"
        yield markdown(tables.headline(frame, other))
    if at_kl is not None and at_kl not in added:
        yield "At equal distance from the reference instead of equal tau:\n"
        yield markdown(tables.headline(frame, at_kl))


def _section(section: Expectation, folder: Path, frame: pd.DataFrame) -> Iterator[str]:
    try:
        there = named(section.name, frame)
    except RunError as error:
        yield f"Not measured: {error}\n"
        return
    yield f"How to read it: {section.reading}\n\nExpected: {section.expected}\n"
    for figure, comparison in there.items():
        yield from _seen(section, folder, frame, comparison, f"figures/{figure}.png")


def _seen(
    section: Expectation, folder: Path, frame: pd.DataFrame, comparison: str, figure: str
) -> Iterator[str]:
    name = section.name
    try:
        seen = getattr(findings, name)(frame, comparison)
    except RunError as error:
        yield f"Not measured at {comparison}: {error}\n"
        return
    yield f"Seen at {comparison}:\n\n{_list(seen)}"
    for table, digest in _DIGESTS[name].items():
        try:
            shown = digest(frame, comparison)
        except RunError as error:
            yield f"Not measured: {error}\n"
            continue
        path = export(getattr(tables, table)(frame), folder / "tables" / f"{table}.csv")
        link = f"{path.parent.name}/{path.name}"
        yield markdown(shown)
        yield f"Every comparison, in full: [{link}]({link})\n"
    if (folder / figure).is_file():
        yield f"![{section.title}]({figure})\n"


def _evidence(frame: pd.DataFrame) -> Iterator[str]:
    asked = set(frame["experiment"])
    lines = findings.certified(frame)
    lines += [f"Not measured: {q}." for q in questions.QUESTIONS if q not in asked]
    skipped = frame[frame["status"] == "skipped"]
    for (question, message), part in skipped.groupby(["experiment", "message"], observed=True):
        games = ", ".join(sorted(part["game"].unique()))
        lines.append(f"Not measured: {question} on {games}: {message}.")
    yield _list(lines)


def _metrics(frame: pd.DataFrame) -> Iterator[str]:
    there = set(frame["metric"].unique())
    own = {name: METRICS[name] for name in METRICS if name in there}
    rows = [
        (name, m.formula, f"[{round(m.low, 6) + 0:g}, {m.high:g}]", m.unit or "-", m.better or "-")
        for name, m in own.items()
    ]
    yield "## Metrics\n"
    yield (
        "P is the true game, pi the answer, omega its follower, mu the reference; the largest of "
        "several values is taken where a table says so.\n"
    )
    yield markdown(pd.DataFrame(rows, columns=["metric", "formula", "range", "unit", "better"]))


def _consistency(frame: pd.DataFrame, at: str) -> pd.DataFrame:
    rows = only(questions.answers(frame), at)
    metrics = ("entropy", "self_agreement", "duality_gap", "leader_value", "regret")
    mass = ("condorcet_mass", "smith_mass", "dominated_mass", "clone_shift")
    return tables.pivot(rows, ["game", "method"], ["metric"], (*metrics, *mass), "max")


def _data_sensitivity(frame: pd.DataFrame, at: str) -> pd.DataFrame:
    rows = only(questions.changes(frame), at)
    rows = rows[(rows["kind"] != "none") | (rows["comparisons"] < float("inf"))]
    rows = rows.assign(kind=rows["kind"].cat.rename_categories({"sampled_from": "sampled from"}))
    index = ["game", "setting", "comparisons", "kind"]
    return tables.pivot(rows, index, ["metric", "method"], ("shift", "duality_gap"), "max")


def _robustness(frame: pd.DataFrame, at: str) -> pd.DataFrame:
    rows = only(questions.paths(frame), at)
    metrics = ("duality_gap", "shift", "largest_shift")
    return tables.pivot(rows, ["game", "path"], ["metric", "method"], metrics, "max")


def _refinement(frame: pd.DataFrame, at: str) -> pd.DataFrame:
    rows = only(questions.users(frame), at)
    rows = rows[(rows["type"] == "all") & (rows["route"] == "exact")]
    index = ["game", "n_answers", "how"]
    metrics = ("seen_favourite", "best_utility")
    return tables.pivot(rows, index, ["metric", "method"], metrics)


def _revisions(frame: pd.DataFrame, at: str) -> pd.DataFrame:
    rows = only(questions.revisions(frame), at)
    return tables.pivot(rows, ["game", "leader"], ["metric", "method"], ("refinement_win_rate",))


_DIGESTS: dict[str, dict[str, Callable[[pd.DataFrame, str], pd.DataFrame]]] = {
    "consistency": {"consistency": _consistency},
    "data_sensitivity": {"data_sensitivity": _data_sensitivity},
    "robustness": {"robustness": _robustness},
    "refinement": {"refinement": _refinement, "revisions": _revisions},
}
"""Question -> table -> what the report shows of it."""


def _legend() -> str:
    told = _list(f"{column}: {meaning}" for column, meaning in tables.MEANING.items())
    return f'{told}- "-": not measured; "undef.": does not exist; "*": over those that exist\n'


def _list(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _call(entry: dict[str, Any]) -> str:
    """A game, solver or experiment of the spec as name(key=value)."""
    told = ", ".join(f"{key}={value}" for key, value in entry.get("params", {}).items())
    return f"{entry['name']}({told})" if told else str(entry["name"])


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # a frame without its spec can still be reported
        return {}
