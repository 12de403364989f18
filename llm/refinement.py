"""What does asking a trained model again buy?"""

from dataclasses import dataclass

from llm.experiment import LanguageExperiment
from tabular.experiment import Experiment
from tabular.refinement import Refinement as Tabular


@dataclass(frozen=True)
class Refinement(LanguageExperiment):
    """N answers of the trained model, drawn independently or each from the one before.

    Computed from its exact probabilities of answers and revisions, beside simulated users.

    Attributes
    ----------
    model, start
        As for every experiment with language models.
    n_answers : int >= 1
        Largest N.
    n_users : int >= 1, or None
        Simulated users.

    Raises
    ------
    SpecError
        If a number is out of range.
    """

    n_answers: int = 5
    n_users: int | None = None

    def tabular(self) -> Experiment:
        """With the same numbers."""
        return Tabular(self.n_answers, self.n_users)
