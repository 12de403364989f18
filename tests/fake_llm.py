"""The command line with a stand-in for the package llm: learners that count instead of training.

The stand-in takes the place of llm before anything asks for it, in worker processes too (they
import the main module of their parent), so that the matrix is tested without torch.
"""

import inspect
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from games import PreferenceGame, SolverError
from games.game import Float
from games.registry import Registry, parameters
from solvers.battery import Outcome
from solvers.discovery import Discovered
from tabular.experiment import Experiment, Measurement, RngFor


@dataclass(frozen=True)
class TrainingConfig:
    """How a learner is trained."""

    steps: int = 3
    lr: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SolverError(f"steps is {self.steps}, expected a number >= 1")


class Learner:
    """What learners inherit from."""

    concept: ClassVar[str] = "other"
    solver: ClassVar[str] = ""
    paper: ClassVar[str] = ""


@dataclass(frozen=True)
class NashMdPg(Learner):
    """One KL weight."""

    tau: float = 0.1
    mixture: float = 0.0
    concept: ClassVar[str] = "nlhf"
    solver: ClassVar[str] = "nash_md_pg"
    paper: ClassVar[str] = "Munos et al. 2023"


@dataclass(frozen=True)
class StackelbergGda(Learner):
    """Two KL weights."""

    tau_leader: float = 0.1
    tau_follower: float = 0.2
    concept: ClassVar[str] = "slhf"
    solver: ClassVar[str] = "stackelberg_gda"


@dataclass(frozen=True)
class Made:
    """A learner with its training."""

    learner: Any
    config: TrainingConfig

    @property
    def concept(self) -> str:
        return str(self.learner.concept)


@dataclass(frozen=True)
class Consistency(Experiment):
    """Counts to the learner's ``steps``; a checkpoint a step, in ``folder``.

    With ``marks``, a folder for signs between processes, it waits after step 2 for the file "go".
    """

    model: str = "tiny"
    marks: str = ""
    scale: ClassVar[str] = "llm"

    @property
    def draws(self) -> bool:
        return True

    def measure(  # type: ignore[override]  # experiments of this scale have a folder
        self, game: PreferenceGame, learner: Made, rng_for: RngFor, folder: Path
    ) -> Iterator[Measurement]:
        own = int(rng_for("training", repr(learner)).integers(10**9))
        checkpoint = folder / f"{own}.json"
        first = json.loads(checkpoint.read_text()) if checkpoint.is_file() else 0
        for step in range(first + 1, learner.config.steps + 1):
            folder.mkdir(exist_ok=True)
            checkpoint.write_text(json.dumps(step))
            if self.marks and step == 2:
                (Path(self.marks) / "waiting").touch()
                while not (Path(self.marks) / "go").exists():
                    time.sleep(0.01)
        yield Measurement("entropy", first, labels={"what": "first"})
        yield Measurement("entropy", rng_for("data", 3).random(), labels={"what": "data"})
        yield Measurement("entropy", rng_for("solver").random(), labels={"what": "solver"})
        yield Measurement("duality_gap", 1 / learner.config.steps)
        for name, value in zip(game.names, game.ref, strict=True):
            yield Measurement("probability", value, labels={"action": name})


@dataclass(frozen=True)
class LongestJudge:
    """The longer answer wins."""

    margin: float = 0.5

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        return np.array([0.5 + np.sign(len(x) - len(y)) / 2 for x, y in zip(a, b, strict=True)])


def told(kind: Any, name: str) -> list[Outcome]:
    """A battery of one check."""
    return [Outcome("name", kind.__module__.endswith(name), f"a {kind.__name__}")]


def package() -> dict[str, ModuleType]:
    """The modules of the stand-in by name, with registries of their own."""
    learners: Discovered[Any] = Discovered("learner", "prefgames.learners")
    learners.add("nash_md_pg", NashMdPg)
    learners.add("stackelberg_gda", StackelbergGda)
    judges: Discovered[Any] = Discovered("judge", "prefgames.judges")
    judges.add("longest", LongestJudge)
    experiments: Registry[Any] = Registry("experiment")
    experiments.add("consistency", Consistency)
    training = [field.name for field in fields(TrainingConfig)]

    def learner_parameters(name: str) -> dict[str, inspect.Parameter]:
        return {**parameters(learners[name]), **parameters(TrainingConfig)}

    def make_learner(name: str, params: Mapping[str, Any]) -> Made:
        config = {key: value for key, value in params.items() if key in training}
        own = {key: value for key, value in params.items() if key not in training}
        return Made(learners[name](**own), TrainingConfig(**config))

    contents: dict[str, dict[str, Any]] = {
        "llm": {
            "EXPERIMENTS": experiments,
            "learner_parameters": learner_parameters,
            "make_learner": make_learner,
        },
        "llm.learners": {"LEARNERS": learners},
        "llm.learners.learner": {"Learner": Learner},
        "llm.learners.battery": {"run": told},
        "llm.judges": {"JUDGES": judges},
        "llm.judges.battery": {"run": told},
    }
    modules = {name: ModuleType(name) for name in contents}
    for name, module in modules.items():
        vars(module).update(contents[name])
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(modules[parent], last, module)
    return modules


if __name__ in ("__main__", "__mp_main__"):  # the command, and its workers
    sys.modules.update(package())

if __name__ == "__main__":
    from benchmarks.cli import main
    from results import report

    # a shell that started the tests in the background has Ctrl-C ignored in all of them
    signal.signal(signal.SIGINT, signal.default_int_handler)
    report.draw = lambda run_dir: []  # they take seconds and are tested elsewhere
    report.write = lambda run_dir: Path(run_dir) / "report.md"
    main()
