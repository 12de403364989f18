"""The command line with an experiment that waits, crashes, draws or raises as asked.

Worker processes import the main module of their parent, so what this file registers is known in
them too; a user's own script may do the same.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from games import GAMES, PreferenceGame
from solvers import Solver
from tabular import EXPERIMENTS
from tabular.experiment import Experiment, Measurement, RngFor


def drawn(*, rng: np.random.Generator) -> PreferenceGame:
    """One number decides a game of two answers."""
    p = rng.uniform(0.1, 0.9)
    return PreferenceGame([[0.5, p], [1 - p, 0.5]])


@dataclass(frozen=True)
class Fake(Experiment):
    """What ``do`` says; ``marks`` is a folder for signs between processes."""

    do: str = "count"
    repeat: int = 0
    marks: str = ""

    @property
    def draws(self) -> bool:
        return self.do == "draw"

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        if self.do == "nothing":
            return
        yield Measurement("entropy", float(game.P[0, 1]), labels={"what": "game"})
        if self.do == "count":
            labels = {"repeat": 1 + self.repeat}  # over the parameter of that name
            yield Measurement("residual", 1e-12 * (1 + self.repeat), labels=labels)
        elif self.do == "draw":
            yield Measurement("entropy", rng_for("data", 3).random(), labels={"what": "data"})
            yield Measurement("entropy", rng_for("solver").random(), labels={"what": "solver"})
        elif self.do == "wait":
            if self.repeat > 3:  # for the file "go", and says so
                (Path(self.marks) / "waiting").touch()
                while not (Path(self.marks) / "go").exists():
                    time.sleep(0.01)
            yield Measurement("seconds", time.perf_counter())
        elif self.do == "endless":
            time.sleep(600)
        elif self.do == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.do == "exit":
            sys.exit(3)
        elif self.do == "divide":
            yield Measurement("entropy", 1 / len(self.marks))
        elif self.do == "undefined":
            yield Measurement("", np.nan, status="undefined", message="fake: no\nmaximum")
        elif self.do == "threads":
            value = float(os.environ["OMP_NUM_THREADS"])
            yield Measurement("entropy", value, labels={"what": "threads"})
        elif self.do == "print":
            sys.stdout.write("a solver that talks\n")
        elif self.do == "recover":
            mark = Path(self.marks) / str(self.repeat)
            if not mark.exists():
                mark.touch()
                raise RuntimeError("the first attempt fails")


if __name__ in ("__main__", "__mp_main__"):  # the command, and its workers
    EXPERIMENTS.add("fake", Fake)
    GAMES.add("drawn", drawn)

if __name__ == "__main__":
    from benchmarks.cli import main
    from results import figures, report

    # a shell that started the tests in the background has Ctrl-C ignored in all of them
    signal.signal(signal.SIGINT, signal.default_int_handler)
    figures.draw = lambda *args, **kwargs: []  # they take seconds and are tested elsewhere
    report.write = lambda runs, *args, **kwargs: Path(str(runs)) / "report.html"
    main()
