"""``Task``: the prompts and answers that stand for the contexts and answers of a game."""

from dataclasses import dataclass, replace

import numpy as np

from games import PreferenceGame, SolverError
from games.game import Float
from llm.policy import INSTRUCTION, Ids, Policy


@dataclass(frozen=True)
class Task:
    """A preference game as prompts and answers for a language model.

    Attributes
    ----------
    game : PreferenceGame
        Has at most one axis of contexts. A model is fine-tuned on ``ref`` and ``ref_follower``;
        only the judge uses P.
    prompts : tuple of str, one for each context
    answers : tuple of n str, the same in every context
    instruction : str
        The user's message to the follower, between the answer and its revision.
    """

    game: PreferenceGame
    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    instruction: str = INSTRUCTION

    @property
    def follower(self) -> Float:
        """The reference of the follower, (..., n, n); every row is ``ref`` if the game has none."""
        game = self.game
        if game.ref_follower is not None:
            return game.ref_follower
        return np.repeat(game.ref[..., None, :], game.n, axis=-2)

    def reversed(self) -> "Task":
        """The same task with both references reversed in the order of the answers."""
        game = replace(
            self.game, ref=self.game.ref[..., ::-1], ref_follower=self.follower[..., ::-1, ::-1]
        )
        return replace(self, game=game)


def conversations(task: Task, policy: Policy) -> tuple[list[Ids], list[Ids]]:
    """Tokens of every answer to every prompt, then of every revision of every answer.

    Returns
    -------
    contexts, completions : lists of C n (1 + n) token sequences, C prompts and n answers
        First C n of the leader, in the order of ``ref``, then those of the follower.

    Raises
    ------
    SolverError
        If decoding the tokens of an answer does not give the answer.
    """
    completions = [policy.completion(answer) for answer in task.answers]
    for answer, ids in zip(task.answers, completions, strict=True):
        if policy.text(ids) != answer:
            raise SolverError(
                f"task: the tokenizer writes the answer {answer!r} as {policy.text(ids)!r}; choose "
                "texts that it keeps as they are"
            )
    leader = [(prompt, None) for prompt in task.prompts]
    follower = [(prompt, answer) for prompt in task.prompts for answer in task.answers]
    contexts = [policy.context(*chat) for chat in (*leader, *follower) for _ in completions]
    return contexts, completions * (len(leader) + len(follower))
