"""A preference game as text: one prompt for each context, one short text for each answer."""

from collections.abc import Sequence

from games import PreferenceGame, SolverError
from llm.tasks.task import Task


def verbalize(game: PreferenceGame, texts: Sequence[str] = (), choices: bool = False) -> Task:
    """The game as a task.

    Parameters
    ----------
    game : PreferenceGame
        A single game, or contexts on one axis.
    texts : n distinct strings; the game's names if left out
    choices : bool
        Whether a prompt lists the answers, as it must for pretrained models.

    Raises
    ------
    SolverError
        If the game has several axes of contexts.
    """
    if len(game.batch) > 1:
        raise SolverError(f"verbalize: contexts {game.batch}, expected at most one axis of them")
    answers = tuple(texts) or game.names
    question = f"which of {', '.join(answers)} ? Say nothing else." if choices else "which answer ?"
    prompts = [f"Question {c + 1} : {question}" for c in range(*game.batch or (1,))]
    return Task(game, tuple(prompts), answers)
