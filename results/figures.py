"""The figures of a run: which there are, what they show, and their files."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from results import (
    captions,
    cross_refinement,
    duality_gap,
    frontier,
    kappa,
    missing_pairs,
    preference_graph,
    sheet,
    simplex,
    solver_paths,
    stored_games,
    style,
)
from results.comparisons import is_equal_strength
from results.frames import comparison_in, describe
from results.questions import SECTIONS, consistency
from results.rows import RunError
from results.store import load
from results.story import story

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from results.stored_games import Games

FOLDER = "figures"
"""Where a run directory has its figures."""

CAPTIONS = "captions.md"
"""The file beside the figures that says what each shows."""


def _frontier(frame: pd.DataFrame, games: "Games") -> "Figure | None":
    return frontier.figure(frontier.curves(frame)) if frontier.has_rows(frame) else None


def _simplex(frame: pd.DataFrame, games: "Games") -> "Figure | None":
    if not consistency.SECTION.has_rows(frame):
        return None
    rows = consistency.SECTION.rows(frame.assign(registry_game=frame["game"]))
    exact = rows["solver"].astype(str) == rows["concept"].astype(str) + "_exact"
    exact &= (rows["scale"] == "tabular") & (rows["metric"] == "probability")
    return simplex.figure(rows[exact], games)


def _graph(frame: pd.DataFrame, games: "Games") -> "Figure | None":
    rows = frame[frame["scale"] == "tabular"].drop_duplicates(["game", "game_params", "seed"])
    if rows.empty:
        return None
    return preference_graph.figure(describe(rows.assign(registry_game=rows["game"])), games)


WHOLE: dict[str, Callable[[pd.DataFrame, "Games"], "Figure | None"]] = {
    "story": story,
    "preference_graph": _graph,
    "simplex": _simplex,
    "missing_pairs": lambda frame, _: missing_pairs.figure(frame),
    "frontier": _frontier,
    "cross_refinement": lambda frame, _: cross_refinement.figure(frame),
    "solver_paths": solver_paths.figure,
    "duality_gap": lambda frame, _: duality_gap.figure(frame),
    "kappa": lambda frame, _: kappa.figure(frame),
}
"""Figures that belong to no single question."""

NAMES = (*WHOLE, *(section.name for section in SECTIONS if section.figure is not None))


def draw(
    run_dir: str | Path,
    workers: int = 1,
    only: Sequence[str] = (),
    formats: Sequence[str] = ("svg",),
    width: float = style.WIDTH,
) -> list[Path]:
    """Draw the figures that the run has rows for into ``<run_dir>/figures``; return the paths.

    "consistency" shows the main comparison; "consistency_KL_0.1_nats" and the like show further
    ones. Equal temperature, which compares nothing, is drawn only where it shows methods that no
    other figure of the question has. ``captions.md`` says what each figure shows.

    Parameters
    ----------
    run_dir : str or Path
    workers : int >= 1
        Processes that draw; with 1, this one.
    only : sequence of str
        Names of figures, as in ``NAMES`` or of one comparison; all by default.
    formats : sequence of str
        Some of "svg", "pdf" and "png".
    width : float > 0
        In inches.

    Raises
    ------
    RunError
        If the directory is not a run, a format or name is unknown, or the run lacks the rows of a
        figure in ``only``.
    """
    _check(only, formats, width)
    run_dir = Path(run_dir)
    folder = run_dir / FOLDER
    asked = _asked(only)
    if workers == 1:
        written = draw_rows(load(run_dir, categories=True), run_dir, folder, only, formats, width)
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            task = (repeat(run_dir), repeat(tuple(only)), repeat(tuple(formats)), repeat(width))
            drawn = pool.map(_draw_stored, asked, *task)
            written = {view: paths for views in drawn for view, paths in views.items()}
    for text in only:
        if not any(view == text or _covers(text, view) for view in written):
            raise RunError(f"{run_dir}: no rows for the figure {text!r}; it has {_listed(written)}")
    if written:
        captions.write(folder / CAPTIONS, {path.stem for path in folder.iterdir()} - {"captions"})
    return [path for paths in written.values() for path in paths]


def draw_rows(
    frame: pd.DataFrame,
    run_dir: Path,
    folder: Path,
    only: Sequence[str] = (),
    formats: Sequence[str] = ("svg",),
    width: float = style.WIDTH,
    most: int | None = None,
) -> dict[str, list[Path]]:
    """Draw the figures that these rows have, of all or of those in ``only``, into the folder.

    Returns view -> its files. ``run_dir`` is the run that stored the games of the rows, ``most``
    how many comparisons of a question are drawn, the main one first; the other parameters are
    those of ``draw``.
    """
    drawn = [
        _draw(frame, name, run_dir, folder, tuple(only), tuple(formats), width, most)
        for name in _asked(only)
    ]
    return {view: paths for views in drawn for view, paths in views.items()}


def _check(only: Sequence[str], formats: Sequence[str], width: float) -> None:
    for text in formats:
        if text not in sheet.FORMATS:
            raise RunError(f"figures: format {text!r} is not one of {', '.join(sheet.FORMATS)}")
    for text in only:
        if not any(_covers(name, text) for name in NAMES):
            raise RunError(f"figures: no figure {text!r}; there are {', '.join(NAMES)}")
    if not _NARROWEST <= width <= _WIDEST:
        raise RunError(
            f"figures: width {width:g} is not between {_NARROWEST:g} and {_WIDEST:g} inches; a "
            f"column has 3.25, a page {style.WIDTH:g}"
        )


_NARROWEST, _WIDEST = 3.0, 12.0


def _covers(name: str, view: str) -> bool:
    """Whether the figure of that name has this view: "consistency_KL_0.1_nats"."""
    return view == name or view.startswith((f"{name}_KL_", f"{name}_tau_", f"{name}_defaults"))


def _asked(only: Sequence[str]) -> list[str]:
    """The names of the figures that have one of these views; all if none is named."""
    return [name for name in NAMES if not only or any(_covers(name, text) for text in only)]


def _listed(written: dict[str, list[Path]]) -> str:
    return ", ".join(written) or "none of those asked"


@cache
def _stored(run_dir: Path) -> pd.DataFrame:
    return load(run_dir, categories=True)


def _draw_stored(
    name: str, run_dir: Path, only: tuple[str, ...], formats: tuple[str, ...], width: float
) -> dict[str, list[Path]]:
    return _draw(_stored(run_dir), name, run_dir, run_dir / FOLDER, only, formats, width)


def _draw(
    frame: pd.DataFrame, name: str, run_dir: Path, folder: Path, only: tuple[str, ...],
    formats: tuple[str, ...], width: float, most: int | None = None,
) -> dict[str, list[Path]]:  # fmt: skip
    """The figure of that name, or the views of the question, written into the folder."""
    written = {}
    with style.of_width(width):
        for view, figure in islice(_figures(frame, name, run_dir, only), most):
            if figure is not None:
                written[view] = sheet.save(figure, folder / view, formats)
    return written


def _figures(
    frame: pd.DataFrame, name: str, run_dir: Path, only: tuple[str, ...]
) -> Iterator[tuple[str, "Figure | None"]]:
    if name in WHOLE:
        yield name, WHOLE[name](frame, stored_games.read(run_dir))
        return
    (section,) = (section for section in SECTIONS if section.name == name)
    if section.figure is None or not section.has_rows(frame):
        return
    shown: set[str] = set()
    for view, rows in section.views(section.rows(frame)).items():
        methods = set(rows["method"].astype(str))
        if shown and not methods - shown and not is_equal_strength(comparison_in(rows)):
            continue
        shown |= methods
        if not only or name in only or view in only:
            yield view, section.figure(rows)
