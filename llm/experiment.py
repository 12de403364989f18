"""``LanguageExperiment``: a tabular experiment carried out on trained language models."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from games import PreferenceGame, SpecError
from llm.evaluation import answer_probabilities, with_references
from llm.language_solver import LanguageSolver, Start, TrainedSolution
from llm.method import Method
from llm.models import TINY
from llm.sft import LARGE_LR, TINY_LR, SftConfig
from tabular.experiment import Experiment, Measurement, RngFor


@dataclass(frozen=True)
class LanguageExperiment(Experiment):
    """The measurements of the tabular experiment of the same name, then those of the trainings.

    Attributes
    ----------
    model : str
        "tiny", the folder of a checkpoint, or its name on the model hub.
    lessons : int >= 0
        Steps of supervised fine-tuning on the references of the game, before the model learns from
        preferences. With 0 its references are the answers of the model as it is.
    lessons_lr : float > 0, or None
        Learning rate of the fine-tuning; None: 5e-3 for the tiny model, 2e-5 for any other.
    start : "reference" or "reversed"
        Initial policy: the reference, or a model tuned on the references in reversed order.
    lora : int >= 0
        Rank of LoRA adapters, which are then trained instead of all parameters (this needs peft);
        0: no adapters.

    Raises
    ------
    SpecError
        If ``start`` is neither, or is "reversed" without fine-tuning, or a number is negative.
    """

    model: str = TINY
    lessons: int = 300
    lessons_lr: float | None = None
    start: Start = "reference"
    lora: int = 0
    scale: ClassVar[str] = "llm"

    def __post_init__(self) -> None:
        if self.start not in ("reference", "reversed"):
            raise SpecError(f"start is {self.start!r}, expected reference or reversed")
        if self.lessons_lr is not None and not self.lessons_lr > 0:
            raise SpecError(f"lessons_lr is {self.lessons_lr}, expected a number > 0")
        if self.lora < 0:
            raise SpecError(f"lora is {self.lora}, expected a rank, or 0 for none")
        if self.lessons < 0:
            raise SpecError(f"lessons is {self.lessons}, expected a number of steps >= 0")
        if self.lessons == 0 and self.start == "reversed":
            raise SpecError(
                'lessons = 0 takes the model as it is, and start = "reversed" must be taught; '
                'set start = "reference" too'
            )
        self.tabular()

    @property
    def draws(self) -> bool:
        """Always true: every training draws random numbers."""
        return True

    def tabular(self) -> Experiment:
        """The tabular experiment with the same parameters."""
        raise NotImplementedError

    def solver(
        self,
        method: Method,
        game: PreferenceGame,
        rng_for: RngFor,
        folder: Path,
        **changes: Any,
    ) -> LanguageSolver:
        """The learner as a solver; the seed is the game's, so that experiments share trainings."""
        seed = int(rng_for("training").integers(2**31))
        default = TINY_LR if self.model == TINY else LARGE_LR
        sft = SftConfig(self.lessons, default if self.lessons_lr is None else self.lessons_lr)
        return LanguageSolver(
            method, game, folder, seed, self.model, sft, self.start, self.lora, **changes
        )

    def measure(  # type: ignore[override]  # a learner instead of a solver, and a folder
        self, game: PreferenceGame, learner: Method, rng_for: RngFor, folder: Path
    ) -> Iterator[Measurement]:
        """Train, then measure on the game with the references of the model.

        Parameters
        ----------
        game : PreferenceGame
        learner : Method
        rng_for : callable
            Gives the generator of a role.
        folder : Path
            Trainings are stored in it, and resumed from it.
        """
        solutions: list[TrainedSolution] = []
        solver = self.solver(learner, game, rng_for, folder, on_solved=solutions.append)
        task = solver.task(game)
        game = with_references(game, answer_probabilities(task, solver.fine_tune(task)))
        yield from self.tabular().measure(game, solver, rng_for)
        evaluations = [s.evaluation for s in solutions if s.evaluation is not None]
        for i, evaluation in enumerate(evaluations):
            labels = {"training": i} if len(evaluations) > 1 else {}
            yield from evaluation.measurements(**labels)
