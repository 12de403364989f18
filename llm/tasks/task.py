"""What a task is: prompts, answers to them, and the game whose contexts and answers they are."""

from dataclasses import dataclass, replace

import numpy as np

from games import PreferenceGame, SolverError
from games.game import Float
from llm.policy import INSTRUCTION, Ids, Policy


@dataclass(frozen=True)
class Task:
    """A preference game put to a language model.

    Attributes
    ----------
    game : PreferenceGame
        Its contexts, if any, lie on one axis. A model is fine-tuned on ``ref`` and
        ``ref_follower``; only the judge reads P.
    prompts : tuple of str, one a context
    answers : tuple of str, one an answer, the same in every context
    instruction : str
        What the user says to the follower, between the answer and its revision.
    """

    game: PreferenceGame
    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    instruction: str = INSTRUCTION

    @property
    def follower(self) -> Float:
        """``game.ref_follower`` written out, shape (..., n, n)."""
        game = self.game
        if game.ref_follower is not None:
            return game.ref_follower
        return np.repeat(game.ref[..., None, :], game.n, axis=-2)

    def reversed(self) -> "Task":
        """The same task with both references in the opposite order of answers."""
        turned = replace(
            self.game, ref=self.game.ref[..., ::-1], ref_follower=self.follower[..., ::-1, ::-1]
        )
        return replace(self, game=turned)


def conversations(task: Task, policy: Policy) -> tuple[list[Ids], list[Ids]]:
    """Every answer after every prompt, then every revision after every answer, as tokens.

    Returns
    -------
    contexts, completions : lists of C n (1 + n) token sequences, C prompts and n answers
        The leader's come first, C n of them, in the order of ``ref``; then the follower's.

    Raises
    ------
    SolverError
        If the tokenizer does not give an answer back as it is written.
    """
    endings = [policy.completion(answer) for answer in task.answers]
    for answer, ids in zip(task.answers, endings, strict=True):
        if policy.text(ids) != answer:
            raise SolverError(
                f"task: the tokenizer writes the answer {answer!r} as {policy.text(ids)!r}; choose "
                "texts that it keeps as they are"
            )
    leader = [(prompt, None) for prompt in task.prompts]
    follower = [(prompt, answer) for prompt in task.prompts for answer in task.answers]
    contexts = [policy.context(*chat) for chat in (*leader, *follower) for _ in endings]
    return contexts, endings * (len(leader) + len(follower))
