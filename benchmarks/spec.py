"""A spec: the TOML file that says which games, methods and experiments to cross.

::

    name = "example"
    seeds = 20                       # where something draws; default 1
    seed = 0                         # the first of them
    timeout = 60                     # seconds a cell may take; default 600

    [[games]]
    name = ["condorcet", "dice"]     # one name or several; other keys are parameters

    [[games]]
    name = "three_types"
    grid = { epsilon = [-0.1, 0.1] } # every value of an axis, every combination of axes

    [[solvers]]
    name = ["rlhf_exact", "nlhf_exact", "slhf_exact"]
    grid = { kl = "frontier" }       # every distance from the reference, in nats, and tau = 0

    [[solvers]]
    name = "slhf_exact"
    tau_follower = 0.0               # fixed, while kl finds the other KL weights
    grid = { kl = [0.1, 0.3] }

    [[solvers]]
    name = "my_method.py"            # a file beside the spec; likewise games and learners
    tau = 0.1

    [[solvers]]
    name = "nash_md"
    grid = { tau = [0.05, 0.1] }     # tau sets every KL weight

    [[experiments]]
    name = "refinement"
    games = ["condorcet"]            # only these of the games above; likewise solvers
    seeds = 5                        # only the first seeds of the spec

    [[learners]]
    name = "nash_md_pg"              # of language models; needs the extra "llm"
    kl = 0.1                         # or tau; found by the exact solver on the model's references
    steps = 300                      # parameters of its training stand beside its own

    [[experiments]]
    name = "consistency"
    scale = "llm"                    # games x learners; the default, "tabular", is games x solvers
    learners = ["nash_md_pg"]

    [[hypotheses]]                   # claims of "more" and "less", before the run; see the report
    family = "data sensitivity"      # p-values are adjusted within a family (Holm)
    question = "data_sensitivity"
    metric = "shift"
    labels = { setting = "known", change = "missing" }   # which rows
    within = "max"                   # of several rows of one draw
    first = "rlhf_exact"             # the claim: first - second is ...
    second = "nlhf_exact"
    direction = "more"               # ... more or less by at least ...
    smallest = 0.02                  # ... the smallest effect of interest
    at = [0.1, 0.3, "tau = 0"]       # KL in nats, or no penalty
    split = "cyclic"                 # draws with several answers in the Smith set

A list is one value unless it stands in ``grid``: the same rule for games, methods and experiments.
"frontier" stands for KL = .01, .03, .1, .3 and 1 nats (``tabular.matching.FRONTIER``) and tau = 0;
a solver with a tau_follower has each KL once more with tau_follower = 0. Of learners, it stands for
the distances alone.
"""

import itertools
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from benchmarks import files
from benchmarks.choices import CROSSED, Choice, distinct
from benchmarks.kinds import KINDS, Scale
from benchmarks.methods import METHODS
from benchmarks.plan import Plan, Question
from games.errors import PrefgamesError, SpecError
from games.registry import near
from results.hypotheses import Hypothesis
from results.metrics import METRICS
from results.rows import RunError


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_Names = Annotated[list[str], Field(min_length=1), BeforeValidator(_listed)]

_FRONTIER = "frontier"


def _listed_frontier(grid: Any) -> Any:
    """The grid with kl = "frontier" as a list, which it stands for."""
    if isinstance(grid, dict) and grid.get("kl") == _FRONTIER:
        return {**grid, "kl": [_FRONTIER]}
    return grid


_Axis = Annotated[list[Any], Field(min_length=1)]
_Grid = Annotated[dict[str, _Axis], BeforeValidator(_listed_frontier)]


class Entry(BaseModel):
    """One or more plugins with the same parameters; keys that are not fields are parameters.

    Attributes
    ----------
    name : str or list of str
        Registry names.
    grid : mapping of str to list
        Parameter -> the values that it takes in turn; with several axes, every combination.
    """

    model_config = ConfigDict(extra="allow", strict=True)

    name: _Names
    grid: _Grid = {}

    def choices(self, kind: str) -> Iterator[Choice]:
        """Every name with every point of the grid, as plugins of that kind.

        Raises
        ------
        SpecError
            If an axis of the grid is also given as a parameter.
        """
        fixed = self.model_extra or {}
        for name in self.name:
            axes = [_points(kind, name, axis, values) for axis, values in self.grid.items()]
            for point in itertools.product(*axes):
                written = {key: value for part in point for key, value in part.items()}
                for key in sorted(written.keys() & fixed.keys()):
                    raise SpecError(f"{key!r} is given twice, in the grid and beside it; keep one")
                yield Choice(kind, name, {**fixed, **written})


def _points(kind: str, name: str, axis: str, values: list[Any]) -> list[dict[str, Any]]:
    """The parameters that each value of an axis of the grid stands for."""
    if kind in CROSSED and kind != "game" and (axis, values) == ("kl", [_FRONTIER]):
        return METHODS[KINDS[kind].scale].frontier(name)
    return [{axis: value} for value in values]


class ExperimentEntry(Entry):
    """Experiments of one scale, possibly for some of the games or methods only.

    Attributes
    ----------
    scale : "tabular" or "llm"
        Whether games are crossed with solvers, or with learners of language models.
    games, solvers, learners : list of str
        Only these of the spec; all if left out.
    seeds : int >= 1
        Only the first seeds of the spec; all if left out.
    """

    scale: Scale = "tabular"
    games: _Names | None = None
    solvers: _Names | None = None
    learners: _Names | None = None
    seeds: Annotated[int, Field(ge=1)] | None = None

    def limits(self) -> dict[str, tuple[str, ...]]:
        """Kind -> names, for the kinds of which the entry lists some."""
        names = {kind: getattr(self, KINDS[kind].plural) for kind in CROSSED}
        return {
            kind: tuple(map(files.stem, listed))
            for kind, listed in names.items()
            if listed is not None
        }


class Spec(BaseModel):
    """The content of a spec file, before its entries are written out.

    Attributes
    ----------
    name : str
        What the run directory is called: letters, digits, "_", "." and "-".
    seeds : int >= 1
        How many seeds a cell has in which something is drawn; other cells run once.
    seed : int >= 0
        The first of the seeds.
    timeout : float > 0
        Seconds that a cell may take.
    games, solvers, learners, experiments : list of tables
        What is crossed: every game with every solver (or learner), in every experiment.
    hypotheses : list of tables
        Claims of "more" and "less", written before the run and tested on it.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
    seeds: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0
    timeout: Annotated[float, Field(gt=0)] = 600.0
    games: Annotated[list[Entry], Field(min_length=1)]
    solvers: list[Entry] = []
    learners: list[Entry] = []
    experiments: Annotated[list[ExperimentEntry], Field(min_length=1)]
    hypotheses: list[Hypothesis] = []

    def plan(self, check_llm: bool = True, folder: Path = Path()) -> Plan:
        """The plan of the spec: every choice written out, and checked by making each plugin once.

        Without ``check_llm``, learners and experiments of scale "llm" are left as written. Paths
        of plugins begin at ``folder``.

        Raises
        ------
        SpecError
            If a plugin, a parameter or a restriction is unknown or has an impossible value, or
            an experiment has no methods or methods have no experiment.
        """
        self._require_methods()
        for kind in CROSSED:
            for place, entry in enumerate(self._entries(kind)):
                with _at(kind, place):
                    entry.name = [files.registered(kind, name, folder) for name in entry.name]
        choices = [c for k in CROSSED for c in _choices(k, self._entries(k), check_llm)]
        questions = []
        for place, entry in enumerate(self.experiments):
            limits = entry.limits()
            for kind, names in limits.items():
                listed = {choice.name for choice in choices if choice.kind == kind}
                _require_listed(f"experiments[{place}].{KINDS[kind].plural}", names, listed)
            kind = METHODS[entry.scale].experiment_kind
            for experiment in _choices(kind, [entry], check_llm, place):
                questions.append(Question(experiment, limits, entry.seeds))
        self._check_hypotheses()
        seeds = range(self.seed, self.seed + self.seeds)
        claims = tuple(self.hypotheses)
        return Plan(self.name, seeds, self.timeout, tuple(choices), tuple(questions), claims)

    def _entries(self, kind: str) -> list[Entry]:
        entries: list[Entry] = getattr(self, KINDS[kind].plural)
        return entries

    def _check_hypotheses(self) -> None:
        """A hypothesis is about an experiment, a metric and solvers that the spec names."""
        names = {
            "question": {name for e in self.experiments if e.scale == "tabular" for name in e.name},
            "metric": set(METRICS),
            "first": {name for entry in self.solvers for name in entry.name},
        }
        names["second"] = names["first"]
        for place, hypothesis in enumerate(self.hypotheses):
            for key, listed in names.items():
                value = getattr(hypothesis, key)
                if value not in listed:
                    where = f"hypotheses[{place}].{key}"
                    raise SpecError(f"{where}: the spec has no {value!r}{near(value, listed)}")
            if hypothesis.first == hypothesis.second:
                raise SpecError(f"hypotheses[{place}]: first and second are both {value!r}")

    def _require_methods(self) -> None:
        """Methods without an experiment, or the reverse, are more likely a slip than a wish."""
        kinds = {scale: methods.kind for scale, methods in METHODS.items()}
        for scale, kind in kinds.items():
            for place, entry in enumerate(self.experiments):
                where, crossed = f"experiments[{place}]", kinds[entry.scale]
                if crossed == kind and not self._entries(kind):
                    raise SpecError(f'{where}: scale "{scale}" is about {kind}s; add [[{kind}s]]')
                if crossed != kind and kind in entry.limits():
                    raise SpecError(f'{where}.{kind}s: scale "{entry.scale}" is about {crossed}s')
            if self._entries(kind) and all(entry.scale != scale for entry in self.experiments):
                raise SpecError(f'{kind}s: no experiment has scale = "{scale}"; add one')


def _choices(
    kind: str, entries: Sequence[Entry], check_llm: bool, first: int = 0
) -> tuple[Choice, ...]:
    choices: list[Choice] = []
    for place, entry in enumerate(entries, first):
        with _at(kind, place):
            written = list(entry.choices(kind))
            as_written = KINDS[kind].scale == "llm" and not check_llm
            choices += written if as_written else (choice.checked() for choice in written)
    return distinct(choices)


@contextmanager
def _at(kind: str, place: int) -> Iterator[None]:
    """Name the place of an entry in what is wrong with it."""
    try:
        yield
    except (PrefgamesError, RunError) as error:
        raise SpecError(f"{KINDS[kind].plural}[{place}]: {error}") from None


def _require_listed(place: str, names: Iterable[str], listed: set[str]) -> None:
    for name in names:
        if name not in listed:
            raise SpecError(f"{place}: the spec lists no {name!r}{near(name, listed)}")


def builtin() -> dict[str, Path]:
    """The specs that come with the package: name -> file."""
    folder = resources.files("benchmarks.specs")
    files = [Path(str(item)) for item in folder.iterdir()]
    return {path.stem: path for path in sorted(files) if path.suffix == ".toml"}


def read(name: str | Path, check_llm: bool = True) -> Plan:
    """The plan of the built-in spec of that name, else of the file at that path.

    Parameters
    ----------
    name : str or Path
    check_llm : bool
        Whether what is of scale "llm" is checked too, which loads torch.

    Raises
    ------
    SpecError
        If there is no such spec, the file is not TOML, or something in it is wrong; the message
        names the file and the place.
    """
    specs = builtin()
    path = specs.get(str(name), Path(name))
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        hint = near(str(name), specs)
        raise SpecError(f"no spec named {str(name)!r} and no such file{hint}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{name}: cannot be read as TOML: {error}") from None
    try:
        return Spec.model_validate(data).plan(check_llm, path.parent)
    except ValidationError as error:
        raise SpecError(f"{name}: {_first(error)}") from None
    except SpecError as error:
        raise SpecError(f"{name}: {error}") from None


def _first(error: ValidationError) -> str:
    """One complaint in one line, with its place; an unknown key may explain a missing one."""
    every = error.errors(include_url=False)
    first = next((e for e in every if e["type"] == "extra_forbidden"), every[0])
    *parents, key = first["loc"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parents)
    inside = f"{place.lstrip('.')}: " if place else ""
    if first["type"] == "extra_forbidden":
        return f"{inside}unknown key {key!r}{near(str(key), Spec.model_fields)}"
    if first["type"] == "missing":
        return f"{inside}the key {key!r} is missing"
    return f"{inside}{key} is {first['input']!r}: {first['msg']}"
