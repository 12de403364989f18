"""The command line: ``prefgames``.

Nothing heavy is imported before a command needs it. Data goes to stdout, messages to stderr. Exit
codes: 0 done, 1 some cells failed, or an exact claim came out otherwise than expected, 2 wrong
usage, spec or data, 130 interrupted.
"""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from benchmarks import console
from benchmarks.kinds import CHECKED, LISTED

_UsageError: Any = typer.BadParameter.__base__  # click's, which typer has its own copy of

app = typer.Typer(
    help="What RLHF, NLHF and SLHF choose from the same preferences, and what that choice costs.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _one_of(names: list[str]) -> dict[str, Any]:
    """Settings of an argument that is one of these names."""

    def check(param: typer.CallbackParam, value: str | None) -> str | None:
        if value is not None and value not in names:
            message = f"{value!r} is not one of {', '.join(names)}."
            raise typer.BadParameter(message, param_hint=f"'{param.name}'")
        return value

    return {"callback": check, "metavar": f"[{'|'.join(names)}]"}


_GroupBy = Annotated[
    str | None, typer.Option(help="Column of the data whose values are the answers.")
]
_ByPrompt = Annotated[
    bool, typer.Option("--by-prompt", help="Make a context of every prompt of the data.")
]
_MaxRows = Annotated[
    int | None, typer.Option(min=1, help="Most rows that are read of data; default 20,000,000.")
]
_MaxBytes = Annotated[
    int | None,
    typer.Option(min=1, help="Most bytes that a compressed file may unpack to; default 1 GiB."),
]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        console.out(f"prefgames {version('prefgames')}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit.")
    ] = False,
) -> None:
    """Options that every command has."""
    del version


@app.command()
def run(
    spec: Annotated[str, typer.Argument(help="Built-in spec (see `ls specs`) or a TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder of run directories.")] = Path("runs"),
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; default: all processors.")
    ] = None,
    game: Annotated[
        list[str] | None,
        typer.Option(help="Only this game, or the one in this .py file; repeat for more."),
    ] = None,
    solver: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this solver, or the one in this .py file, which has the exact ones of the "
            "spec beside it if it is alone; repeat for more."
        ),
    ] = None,
    learner: Annotated[
        list[str] | None, typer.Option(help="Only this learner, or the one in this file; repeat.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="ID-or-PATH", help="The language model that learners begin with."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="First seed.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of seeds.")] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Add the game in this file; repeat for more.")
    ] = None,
    group_by: _GroupBy = None,
    by_prompt: _ByPrompt = False,
    max_rows: _MaxRows = None,
    max_bytes: _MaxBytes = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            metavar="NAME=VALUE",
            help="Set a parameter of the methods and llm experiments that have it.",
        ),
    ] = None,
    game_parameter: Annotated[
        list[str] | None,
        typer.Option("-g", metavar="NAME=VALUE", help="Set a parameter of the games that have it."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.01, help="Seconds a cell may take.")
    ] = None,
    allow_other_code: Annotated[
        bool, typer.Option("--allow-other-code", help="Resume a run that other code began.")
    ] = False,
    cell: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Compute this cell alone (its key or a beginning of it), print its rows, store "
            "nothing.",
        ),
    ] = None,
) -> None:
    """Run a spec, or resume it: the same command goes on where it stopped."""
    from dataclasses import replace

    from benchmarks import files, show
    from benchmarks.data import DataOptions
    from benchmarks.methods import METHODS
    from benchmarks.runner import one_cell
    from benchmarks.runner import run as compute
    from benchmarks.spec import read
    from games import SpecError
    from results.rows import FAILED

    plan = read(spec)
    datasets = {}
    options = DataOptions(group_by, by_prompt, max_rows, max_bytes)
    for path in data or ():
        loaded, _ = options.game(path)
        name = path.name.partition(".")[0]
        plan, datasets[name] = plan.with_data(name, loaded.digest[:16]), loaded
    if options.given and not datasets:
        raise SpecError(f"{options.given} belongs to --data; give a file")
    if game:
        plan = plan.only("game", [*game, *datasets])
    if game_parameter:
        plan = plan.with_game_params(_parameters("-g", game_parameter))
    for methods, texts in zip(METHODS.values(), (solver, learner), strict=True):
        if texts:
            plan = plan.only(methods.kind, texts)
    if model:
        plan = plan.with_model(model)
    if parameter:
        plan = plan.with_params(_parameters("-p", parameter))
    first = plan.seeds.start if seed is None else seed
    chosen = range(first, first + (seeds or len(plan.seeds)))
    plan = replace(plan, seeds=chosen, timeout=timeout or plan.timeout)
    if cell is not None:
        found, rows = one_cell(plan, cell, list(datasets.values()))
        show.one_cell(found, rows)
        raise typer.Exit(int(any(row.status in FAILED for row in rows)))
    with console.progress() as on_cell:
        done = compute(plan, out, jobs, list(datasets.values()), allow_other_code, on_cell)
    if done.interrupted:
        console.say(
            f"interrupted: {done.ended} of {done.cells} cells are kept in {done.run_dir}; "
            f"resume with: {shlex.join(['prefgames', *sys.argv[1:]])}"
        )
        raise typer.Exit(130)
    asked = bool(solver or learner)
    show.outcome(done, {c.name for c in plan.methods if asked or files.SOURCE in c.params})
    if done.failed:
        raise typer.Exit(1)


@app.command("ls")
def list_(
    kind: Annotated[str, typer.Argument(help="What to list.", **_one_of([*LISTED, "specs"]))],
) -> None:
    """List games, solvers, learners, judges, experiments or specs."""
    from benchmarks import listing

    console.table(*listing.table(kind))


@app.command()
def solve(
    game: Annotated[str, typer.Argument(help="Game of the catalogue, or a file.")],
    solver: Annotated[
        str, typer.Option(help="Solver (see `ls solvers`), or a file.")
    ] = "nlhf_exact",
    tau: Annotated[float | None, typer.Option(help="Every KL weight of the solver.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="Parameter of the solver.")
    ] = None,
    game_parameter: Annotated[
        list[str] | None, typer.Option("-g", metavar="NAME=VALUE", help="Parameter of the game.")
    ] = None,
    group_by: _GroupBy = None,
    by_prompt: _ByPrompt = False,
    max_rows: _MaxRows = None,
    max_bytes: _MaxBytes = None,
    seed: Annotated[int, typer.Option(min=0, help="For games and solvers that draw.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, numbers in full.")] = False,
) -> None:
    """Print a solver's answer to a game, with its follower, gap and certificate."""
    import numpy as np

    from benchmarks import solve as solving
    from benchmarks.data import DataOptions

    params = _parameters("-p", parameter or [])
    if tau is not None:
        if "tau" in params:
            raise typer.BadParameter("tau is also given by -p; keep one", param_hint="--tau")
        params["tau"] = tau
    instance = solving.find_solver(solver, params)
    rng = np.random.default_rng(seed)
    options = DataOptions(group_by, by_prompt, max_rows, max_bytes)
    game_params = _parameters("-g", game_parameter or [])
    preferences, prompts = solving.find_game(game, game_params, options, rng)
    try:
        solution = solving.solved(instance, preferences, rng)
    except solving.BrokenSolverError as error:
        console.say(f"prefgames: {solver}: {error}")
        raise typer.Exit(1) from error
    if as_json:
        solving.show_json(preferences, instance, solution, prompts)
    else:
        solving.show(preferences, solution, prompts)


@app.command()
def audit(
    data: Annotated[Path, typer.Argument(metavar="FILE", help="A file of comparisons.")],
    tau: Annotated[float, typer.Option(help="Temperature of the answers besides 0.")] = 0.1,
    kl: Annotated[float, typer.Option(help="KL to the uniform reference, in nats.")] = 0.1,
    tests: Annotated[int, typer.Option(help="Samples for p-values.")] = 999,
    bootstrap: Annotated[int, typer.Option(help="Samples for intervals.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Count a vote that its rater repeats each time.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="PAGE", help="Write an HTML page too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, numbers in full.")] = False,
    group_by: _GroupBy = None,
    max_rows: _MaxRows = None,
    max_bytes: _MaxBytes = None,
) -> None:
    """Say what a file of comparisons shows: is a reward enough, are cycles real, what follows."""
    from benchmarks import audit as auditing
    from benchmarks.data import DataOptions
    from tabular.audit import Settings

    settings = Settings(tau, kl, tests, bootstrap, seed, repeats)
    options = DataOptions(group_by, False, max_rows, max_bytes)
    found = auditing.run(data, options, settings)
    if as_json:
        auditing.show_json(found)
    else:
        auditing.show(found, data.name)
    if page is not None:
        console.say(str(auditing.write_page(found, data.name, page)))
    if found.next_pairs is None:
        raise typer.Exit(130)


@app.command()
def convert(
    data: Annotated[Path, typer.Argument(metavar="FILE", help="A file of comparisons.")],
    out: Annotated[
        Path, typer.Argument(help="File to write: .csv, .tsv, .jsonl, .parquet, .soi or .toi.")
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="trl (chosen, rejected), the default, or arena (model_a, model_b, winner); .soi "
            "and .toi are PrefLib's.",
            **_one_of(["trl", "arena", "preflib"]),
        ),
    ] = None,
    group_by: _GroupBy = None,
    by_prompt: _ByPrompt = False,
    max_rows: _MaxRows = None,
    max_bytes: _MaxBytes = None,
) -> None:
    """Write comparisons in another form, which loads as the same game; print its path."""
    from benchmarks.data import DataOptions
    from games.io import write

    options = DataOptions(group_by, by_prompt, max_rows, max_bytes)
    write(options.records(data), out, form)
    console.out(str(out))


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    form: Annotated[
        str, typer.Option("--format", help="Form of the report.", **_one_of(["html", "md"]))
    ] = "html",
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write the report of a run, or of several side by side, and print its path."""
    import webbrowser

    from results import report as reporting

    written = reporting.write(runs, form)  # type: ignore[arg-type]  # checked above
    console.out(str(written))
    if show and not webbrowser.open(written.resolve().as_uri()):
        console.say("prefgames: no browser could be opened; open the file yourself")


@app.command()
def figures(
    runs: Annotated[list[Path] | None, typer.Argument(help="Run directories.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this figure; repeat for more.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="One or more of svg, pdf and png, with commas between.")
    ] = "svg",
    width: Annotated[float, typer.Option(help="Width in inches; a column has 3.25.")] = 6.5,
    names: Annotated[bool, typer.Option("--list", help="List the figures and end.")] = False,
) -> None:
    """Draw the figures of runs into their folders, with captions, and print the paths."""
    from results import captions
    from results import figures as drawing

    if names:
        console.table(["figure", "shows"], [[n, captions.first(n)] for n in drawing.NAMES])
        return
    if not runs:
        raise typer.BadParameter("no run; give a run directory, or --list", param_hint="RUN")
    asked = [text.strip() for text in formats.split(",")]
    for run in runs:
        for path in drawing.draw(run, only=only or (), formats=asked, width=width):
            console.out(str(path))


@app.command()
def verify(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
) -> None:
    """Check the published claims on the rows of runs; exit code 1 if an exact one surprises."""
    from benchmarks import verify as verifying
    from results import claims as published
    from results import load

    table = published.verify(load(runs, categories=True))
    verifying.show(table)
    console.say(verifying.summary(table))
    if len(published.unexpected(table)):
        raise typer.Exit(1)


@app.command()
def claims(
    paper: Annotated[
        str | None, typer.Argument(help="Only of this paper, by arXiv number, or `derived`.")
    ] = None,
) -> None:
    """List the published claims, what is expected of each here, and which spec measures it."""
    from benchmarks import verify as verifying
    from results import claims as published

    verifying.show_list(published.claims(paper))


@app.command()
def check(
    plugin: Annotated[str, typer.Argument(help="A plugin's name, or a .py file with one.")],
    kind: Annotated[
        str | None,
        typer.Option(
            help="Of which kind; default: the first that has the name.", **_one_of(CHECKED)
        ),
    ] = None,
) -> None:
    """Check that a plugin keeps its contract; exit code 1 if not."""
    from benchmarks import check as checking

    if checking.show(checking.check(plugin, kind)):
        raise typer.Exit(1)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="What to write.", **_one_of(CHECKED))],
    name: Annotated[str, typer.Argument(help="Its name, of the form my_method.")],
) -> None:
    """Write a commented file that passes `check`, to begin with; print its path."""
    from benchmarks import new as writing

    console.out(str(writing.write(kind, name, Path())))


@app.command()
def doctor() -> None:
    """Print versions and devices, for bug reports."""
    from benchmarks import environment

    facts = environment.environment()
    versions = facts["versions"].items()
    rows = [[name, version or "not installed"] for name, version in versions]
    rows += [[name, value] for name, value in facts["code"].items()]
    rows += [[name, value] for name, value in facts["machine"].items()]
    console.table(["what", "value"], rows + [["device", text] for text in environment.devices()])


def main() -> None:
    """Run the command line; what a user can cause is one line on stderr and exit code 2."""
    try:
        console.allow_any_encoding()
        code = app(sys.argv[1:] or ["--help"], prog_name="prefgames", standalone_mode=False)
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "prefgames"
        message = error.format_message().replace("Value error, ", "")
        _refuse(f"{message} (see {command} --help)")
    except ValueError as error:
        if not _of_user(error):
            raise
        _refuse(str(error))
    except OSError as error:
        _refuse(str(error))
    except (KeyboardInterrupt, typer.Abort):
        if sys.argv[1:2] == ["run"]:  # before the first cell, or while tables are made
            console.say("interrupted: the same command goes on where it stopped")
        sys.exit(130)
    sys.exit(code or 0)


def _of_user(error: ValueError) -> bool:
    from games.errors import PrefgamesError
    from results.rows import RunError

    return isinstance(error, PrefgamesError | RunError)


def _refuse(message: str) -> NoReturn:
    console.say(f"prefgames: {' '.join(message.split())}")
    sys.exit(2)


def _parameters(option: str, texts: list[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that is not JSON (a number, a list, true) is text."""
    parameters: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name and value):
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE, e.g. tau=0.1", param_hint=option)
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    return parameters
