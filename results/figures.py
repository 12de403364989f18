"""The figures of a run: which there are, and their files."""

from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import pandas as pd

from results import frontier, style
from results.comparisons import is_equal_strength
from results.frames import compact, comparison_in
from results.questions import SECTIONS
from results.store import load
from results.story import story

FOLDER = "figures"
"""Where a run directory has its figures."""


def draw(run_dir: str | Path, workers: int = 1) -> list[Path]:
    """Draw every figure that the run has rows for into ``<run_dir>/figures``; return the paths.

    Each figure is written as PNG, SVG and PDF. "consistency" shows the main comparison;
    "consistency_KL_0.1_nats" and the like show further ones. Equal temperature, which compares
    nothing, is drawn only where it shows methods that no other figure of the question has.

    Parameters
    ----------
    run_dir : str or Path
    workers : int >= 1
        Processes that draw; with 1, this one.

    Raises
    ------
    RunError
        If the directory is not a run.
    """
    frame = compact(load(run_dir))
    asked = [s for s in SECTIONS if s.figure is not None and s.has_rows(frame)]
    names = [*(section.name for section in asked), "frontier", "story"]
    if workers == 1:
        written = [_draw(frame, name, Path(run_dir)) for name in names]
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            written = list(pool.map(_draw_stored, names, repeat(Path(run_dir))))
    return [path for paths in written for path in paths]


@cache
def _stored(run_dir: Path) -> pd.DataFrame:
    return compact(load(run_dir))


def _draw_stored(name: str, run_dir: Path) -> list[Path]:
    return _draw(_stored(run_dir), name, run_dir)


def _draw(frame: pd.DataFrame, name: str, run_dir: Path) -> list[Path]:
    """The figures of a question, or the figure of that name, written into the run directory."""
    figures: dict[str, Any] = {}
    if name == "story":
        figures[name] = story(frame)
    elif name == "frontier":
        figures[name] = (
            frontier.figure(frontier.curves(frame)) if frontier.has_rows(frame) else None
        )
    else:
        (section,) = (s for s in SECTIONS if s.name == name)
        assert section.figure is not None
        shown: set[str] = set()
        for view, rows in section.views(section.rows(frame)).items():
            methods = set(rows["method"].astype(str))
            if not shown or methods - shown or is_equal_strength(comparison_in(rows)):
                figures[view] = section.figure(rows)
                shown |= methods
    written: list[Path] = []
    for view, figure in figures.items():
        if figure is not None:
            written += style.save(figure, run_dir / FOLDER / view)
    return written
