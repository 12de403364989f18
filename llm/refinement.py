"""What do further answers of a trained model buy?"""

from dataclasses import dataclass

from llm.experiment import LanguageExperiment
from tabular.experiment import Experiment
from tabular.refinement import Refinement as Tabular


@dataclass(frozen=True)
class Refinement(LanguageExperiment):
    """N answers of a trained model, drawn independently or each as a revision of the last.

    Computed from exact probabilities of answers and revisions, and with simulated users.

    Attributes
    ----------
    model, lessons, lessons_lr, start, lora
        Those of ``LanguageExperiment``.
    n_answers : int >= 1
        Largest N.
    n_users : int >= 1, or None
        Number of simulated users; as for the tabular experiment.

    Raises
    ------
    SpecError
        If a number is out of range.
    """

    n_answers: int = 5
    n_users: int | None = None

    def tabular(self) -> Experiment:
        """The tabular experiment with the same numbers."""
        return Tabular(self.n_answers, self.n_users)
