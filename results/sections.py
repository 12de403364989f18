"""The report's sections about algorithms, and what the command line shows of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from results import convergence, fixed_points, newton, speed, stability, stackelberg, trainings
from results.export import export, markdown
from results.rows import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = Callable[[pd.DataFrame], pd.DataFrame]
"""Makes a table of the frame that ``results.load`` returns."""


@dataclass(frozen=True)
class Section:
    """A question about algorithms.

    Attributes
    ----------
    question, title : str
        The question is what its figure is called.
    parts : sequence of (findings, shown)
        Sentences, and the tables that the report shows under them; a part that was not measured
        is left out if another was.
    filed : mapping of str to table
        Tables that are only written to files.
    figure : what draws it, or None
    experiment : str
        Whose rows it reads, where that is not called like the question.
    scale : str
        Of these rows.
    """

    question: str
    title: str
    parts: tuple[tuple[Callable[[pd.DataFrame], list[str]], dict[str, Table]], ...]
    filed: dict[str, Table]
    figure: "Callable[[pd.DataFrame], Figure] | None"
    experiment: str = ""
    scale: str = "tabular"


SECTIONS = (
    Section(
        "trainings",
        "Where do trained language models end?",
        (
            (
                trainings.findings,
                {"trainings": trainings.trainings, "compute_parity": trainings.parity},
            ),
        ),
        {"training_curves": trainings.curves},
        trainings.figure,
        experiment="consistency",
        scale="llm",
    ),
    Section(
        "convergence",
        "How fast is the target approached, and is it?",
        (
            (convergence.findings, {"convergence_summary": convergence.summary}),
            (newton.findings, {"newton": newton.newton}),
            (stackelberg.findings, {"followers": stackelberg.followers}),
        ),
        {"convergence": convergence.convergence, "ends": convergence.ends},
        convergence.figure,
    ),
    Section(
        "stability",
        "Up to which step size is the fixed point stable?",
        ((stability.findings, {"stability_summary": stability.summary}),),
        {"stability": stability.stability},
        stability.figure,
    ),
    Section(
        "fixed_points",
        "Where do the defaults end?",
        ((fixed_points.findings, {"fixed_points": fixed_points.fixed_points}),),
        {},
        fixed_points.figure,
    ),
    Section(
        "speed",
        "How fast is it?",
        ((speed.findings, {"speed": speed.speed}),),
        {},
        None,
    ),
)


def first_tables(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """The first table of every question that was asked and has one."""
    found = []
    for section in SECTIONS:
        for _, shown in section.parts:
            try:
                found += [table(frame) for table in shown.values()]
            except RunError:
                continue
            break
    return found


def report(folder: Path, frame: pd.DataFrame) -> Iterator[str]:
    """The questions about algorithms that were asked, in Markdown; tables go to files."""
    asked = set(zip(frame["experiment"], frame["scale"], strict=True))
    for section in SECTIONS:
        if (section.experiment or section.question, section.scale) not in asked:
            continue
        yield f"## {section.title}\n"
        missing = []
        for findings, shown in section.parts:
            try:
                yield "".join(f"- {line}\n" for line in findings(frame))
                for name, make in shown.items():
                    table = make(frame)
                    yield markdown(table)
                    yield _filed(folder, name, table)
            except RunError as error:
                missing.append(f"Not measured: {error}\n")
        if len(missing) == len(section.parts):
            yield from missing
        for name, make in section.filed.items():
            try:
                yield _filed(folder, name, make(frame))
            except RunError:  # the part that it belongs to is missing
                continue
        if (folder / "figures" / f"{section.question}.png").is_file():
            yield f"![{section.title}](figures/{section.question}.png)\n"


def _filed(folder: Path, name: str, table: pd.DataFrame) -> str:
    path = export(table, folder / "tables" / f"{name}.csv")
    link = f"{path.parent.name}/{path.name}"
    return f"In full: [{link}]({link})\n"
