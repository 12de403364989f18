"""A run: the cells that are not done yet, in worker processes, into a run directory."""

import contextlib
import json
import math
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from benchmarks import files, plugins
from benchmarks.environment import environment
from benchmarks.matrix import Cell, cells, game_generator
from benchmarks.methods import METHODS
from benchmarks.plan import Plan
from benchmarks.workers import Failure, in_workers, processors
from games import PreferenceGame, SpecError
from games.io.files import load, save
from results.rows import FAILED, Row, RunError, canonical
from results.store import TABLE, Record, Store, records

_LONGEST = 300


@dataclass(frozen=True)
class Run:
    """The outcome of a run.

    Attributes
    ----------
    run_dir : Path
    cells : int
        Size of the matrix.
    computed : int
        Cells computed now; the others were stored before, or are missing.
    records : list of Record
        Cells with a result or a failure, in the order of the matrix.
    interrupted : bool
        Whether Ctrl-C ended it.
    seconds : float
        Wall time of this call.
    """

    run_dir: Path
    cells: int
    computed: int
    records: list[Record]
    interrupted: bool
    seconds: float

    @property
    def ended(self) -> int:
        """Cells that need not run again, or failed."""
        return sum("interrupted" not in record.statuses for record in self.records)

    @property
    def failed(self) -> int:
        """Cells that ended in an error, a timeout or a crash."""
        return sum(not record.statuses.isdisjoint(FAILED) for record in self.records)

    @property
    def undefined(self) -> int:
        """Cells with an answer that does not exist."""
        return sum("undefined" in record.statuses for record in self.records)

    @property
    def stopped(self) -> dict[str, int]:
        """Method -> cells in which it reached its largest number of steps before its tolerance."""
        names = [r.columns["solver"][0] for r in self.records if "max_steps" in r.statuses]
        return dict(Counter(names))

    @property
    def worst_residual(self) -> float | None:
        """The largest certificate residual; None if there is none."""
        values = [
            value
            for record in self.records
            for metric, value in zip(record.columns["metric"], record.columns["value"], strict=True)
            if metric == "residual" and not math.isnan(value)
        ]
        return max(values, default=None)


def run(
    plan: Plan,
    out: Path,
    jobs: int | None = None,
    data: Sequence[PreferenceGame] = (),
    allow_other_code: bool = False,
    on_cell: Callable[[Record, int, int], None] = lambda record, done, cells: None,
) -> Run:
    """Compute the cells of the plan that ``out``/<run name> lacks or that failed, and store them.

    Parameters
    ----------
    plan : Plan
    out : Path
        Parent of the run directory.
    jobs : int >= 1, optional
        Number of worker processes; as many as there are processors if left out.
    data : sequence of PreferenceGame
        The users' games that the plan names by digest.
    allow_other_code : bool
        Whether a run that other code began may be resumed; environment.json then lists both.
    on_cell : callable of a record, the number of cells done and the number of cells
        Called after each cell is stored.

    Raises
    ------
    SpecError
        If the matrix is empty.
    RunError
        If another process writes to the run, its files are damaged, or other code began it.
    """
    began = time.perf_counter()
    matrix = {cell: index for index, cell in enumerate(cells(plan))}
    run_dir = out / plan.run_name
    with Store(run_dir) as store:
        stored = {record.cell: record for record in records(run_dir)}
        done = {cell: stored[cell.key] for cell in matrix if cell.key in stored}
        todo = _scheduled(c for c in matrix if c not in done or done[c].unfinished)
        if todo:
            _describe(plan, run_dir, new=not stored, allow_other_code=allow_other_code)
        _provide(plan, data, run_dir)
        work = partial(measure, run_dir=run_dir)
        jobs = min(jobs or processors(), len(todo))
        computed = 0
        for cell, outcome in in_workers(work, todo, jobs, plan.timeout, store.sync):
            if isinstance(outcome, Failure):
                row = _row_maker(cell, run_dir.name)
                outcome = "", [row(status=outcome.status, message=outcome.message)]
            done[cell] = record = store.append(matrix[cell], *outcome)
            if "interrupted" not in record.statuses:
                computed += 1
                on_cell(record, len(matrix) - len(todo) + computed, len(matrix))
        ordered = sorted(done.values(), key=lambda record: record.index)
        interrupted = computed < len(todo)
        if not interrupted and not (run_dir / TABLE).is_file():
            store.finish(ordered)
    seconds = time.perf_counter() - began
    return Run(run_dir, len(matrix), computed, ordered, interrupted, seconds)


def one_cell(plan: Plan, key: str, data: Sequence[PreferenceGame] = ()) -> tuple[Cell, list[Row]]:
    """A cell of the plan and its rows, computed in this process; nothing is stored.

    Parameters
    ----------
    plan : Plan
    key : str
        Key of the cell, or a beginning of it that no other cell of the plan has.
    data : sequence of PreferenceGame
        The users' games that the plan names by digest.

    Raises
    ------
    SpecError
        If no cell has that key, or several do.
    """
    matrix = cells(plan)
    found = [cell for cell in matrix if cell.key.startswith(key)]
    if len(found) != 1:
        raise SpecError(
            f"{len(found)} of the {len(matrix)} cells of this run begin with {key!r}; expected a "
            "key of the column `cell` of its table, or the beginning of one alone, under the "
            "options of the run"
        )
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / plan.run_name
        (run_dir / "games").mkdir(parents=True)
        _provide(plan, data, run_dir)
        return found[0], measure(found[0], run_dir)[1]


def _provide(plan: Plan, data: Sequence[PreferenceGame], run_dir: Path) -> None:
    """Store the users' games, and the files of the plugins, where workers read them."""
    for game in data:
        _store_game(game, run_dir)
    for choice in plan.choices:
        files.store(choice.kind, choice.name, choice.params, run_dir)


def _scheduled(todo: Iterable[Cell]) -> list[Cell]:
    """Cells of language models first, because they take longest, and one question after the other.

    Questions share trainings: a second question about a learner would wait for the first.
    """
    cells = list(todo)
    questions = list(dict.fromkeys((c.experiment, c.experiment_params) for c in cells))

    def place(cell: Cell) -> int:
        question = cell.experiment, cell.experiment_params
        return questions.index(question) if cell.scale == "llm" else len(questions)

    return sorted(cells, key=place)


def measure(cell: Cell, run_dir: Path) -> tuple[str, list[Row]]:
    """The rows of a cell, and the digest of its game, which is stored; runs in a worker.

    Whatever goes wrong is a row as well, after the measurements that came before it. At scale "llm"
    the experiment also gets ``run_dir``/models, where it finds what a killed worker left.
    """
    methods, params = METHODS[cell.scale], json.loads(cell.params)
    files.register(methods.kind, cell.solver, params, run_dir)
    row = _row_maker(cell, run_dir.name)
    rows: list[Row] = []
    digest = ""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            files.register("game", cell.game, json.loads(cell.game_params), run_dir)
            game, digest = _game(cell, run_dir)
            method = methods.make(cell.solver, params)
            experiment_params = json.loads(cell.experiment_params)
            experiment = methods.experiment(cell.experiment, experiment_params)
            folders = [run_dir / name for name in methods.folders]
            for m in experiment.measure(game, method, cell.rng_for, *folders):
                rows.append(
                    row(
                        context=m.context,
                        step=m.step,
                        metric=m.metric,
                        labels=canonical({**experiment_params, **m.labels}),
                        value=float(m.value),
                        status=m.status,
                        message=_short(m.message),
                    )
                )
    except Exception as error:  # of a plugin: one cell must not end the others
        rows.append(row(status="error", message=_short(plugins.reason(error))))
    if not rows:
        rows.append(row(status="skipped", message="the experiment measured nothing"))
    return digest, rows


def _row_maker(cell: Cell, run: str) -> Callable[..., Row]:
    """``Row`` with the cell's columns filled in, and by default about the cell as a whole."""
    return partial(
        Row,
        run=run,
        cell=cell.key,
        experiment=cell.experiment,
        scale=cell.scale,
        game=cell.game,
        game_params=cell.game_params,
        solver=cell.solver,
        concept=METHODS[cell.scale].registry[cell.solver].concept,
        params=cell.params,
        seed=cell.seed,
        context=None,
        step=None,
        metric="",
        labels=cell.experiment_params,
        value=math.nan,
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _game(cell: Cell, run_dir: Path) -> tuple[PreferenceGame, str]:
    draws = plugins.game_draws(cell.game, json.loads(cell.game_params))
    return _make_game(run_dir, cell.game, cell.game_params, cell.seed if draws else None)


@lru_cache(maxsize=8)  # the cells of a game follow one another
def _make_game(run_dir: Path, name: str, text: str, seed: int | None) -> tuple[PreferenceGame, str]:
    params = json.loads(text)
    if "data" in params:
        game = load(_game_file(run_dir, params["data"]))
    else:
        game = plugins.game(name, params, game_generator(name, text, seed))
    return game, _store_game(game, run_dir)


def _store_game(game: PreferenceGame, run_dir: Path) -> str:
    """Store a game, once, and return its digest, 16 hex."""
    digest = game.digest[:16]
    path = _game_file(run_dir, digest)
    if not path.is_file():
        part = path.with_name(f".{digest}-{os.getpid()}.npz")
        save(game, part)
        part.replace(path)
    return digest


def _game_file(run_dir: Path, digest: str) -> Path:
    return run_dir / "games" / f"{digest}.npz"


def _describe(plan: Plan, run_dir: Path, new: bool, allow_other_code: bool) -> None:
    """Write spec.json and environment.json, if this code may compute cells of the run."""
    path = run_dir / "environment.json"
    current = environment()
    if path.is_file() and not new:
        before = json.loads(path.read_text(encoding="utf-8"))
        resumed = before.get("resumed", [])
        sources = [past["code"]["sources"] for past in (before, *resumed)]
        if current["code"]["sources"] not in sources:
            if not allow_other_code:
                raise RunError(
                    f"{run_dir} was begun by other code (sources {sources[-1]}, now "
                    f"{current['code']['sources']}); --allow-other-code resumes it all the same, "
                    "--out begins a new run elsewhere"
                )
            resumed = [*resumed, current]
        current = {**before, "resumed": resumed} if resumed else before
    _write(path, current)
    _write(run_dir / "spec.json", plan.data())


def _write(path: Path, values: Mapping[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
