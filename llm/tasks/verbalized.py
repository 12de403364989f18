"""A preference game in words: one prompt a context, one short text an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from games import PreferenceGame, SolverError
from games.game import Float
from llm.policy import INSTRUCTION, Ids, Policy


@dataclass(frozen=True)
class Verbalized:
    """Prompts and answers that stand for the contexts and the answers of a game.

    Attributes
    ----------
    game : PreferenceGame
        Its contexts, if any, lie on one axis. ``ref`` and ``ref_follower`` are what a supervised
        model is taught to say; P is never told to a model, only to the judge.
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

    def reversed(self) -> "Verbalized":
        """The same with both references in the opposite order of answers."""
        turned = replace(
            self.game, ref=self.game.ref[..., ::-1], ref_follower=self.follower[..., ::-1, ::-1]
        )
        return replace(self, game=turned)


def verbalize(game: PreferenceGame, texts: Sequence[str] = (), choices: bool = False) -> Verbalized:
    """The game in words.

    Parameters
    ----------
    game : PreferenceGame
        A single game, or contexts on one axis.
    texts : n distinct strings; the game's names if left out
    choices : bool
        Whether a prompt lists the answers, for models that were not taught them.

    Raises
    ------
    SolverError
        If the game has several axes of contexts.
    """
    if len(game.batch) > 1:
        raise SolverError(f"verbalize: contexts {game.batch}, expected at most one axis of them")
    answers = tuple(texts) or game.names
    asked = f"which of {', '.join(answers)} ? Say nothing else." if choices else "which answer ?"
    prompts = [f"Question {c + 1} : {asked}" for c in range(*game.batch or (1,))]
    return Verbalized(game, tuple(prompts), answers)


@dataclass(frozen=True)
class Spoken:
    """What a policy says, exactly: log-probabilities of the answers of a task.

    Attributes
    ----------
    leader : float array (..., n)
    follower : float array (..., n, n)
        Log-probabilities; what is missing to 1 is said in other words.
    """

    leader: Float
    follower: Float

    @property
    def off_list(self) -> Float:
        """Probability (...,) that the leader says something that is not on the list."""
        return np.asarray(np.maximum(0.0, 1 - np.exp(self.leader).sum(-1)))

    @property
    def follower_off_list(self) -> Float:
        """The same for the follower, the mean over what it is given; (...,)."""
        return np.asarray(np.maximum(0.0, 1 - np.exp(self.follower).sum(-1)).mean(-1))


@torch.no_grad()
def spoken(task: Verbalized, leader: Policy, follower: Policy | None = None) -> Spoken:
    """Probability of every answer to every prompt, and of every revision of every answer."""
    contexts, completions = conversations(task, leader)
    shape = (*task.game.batch, task.game.n)
    C = len(task.prompts) * task.game.n
    own = leader.log_probs(contexts[:C], completions[:C])
    revised = (follower or leader).log_probs(contexts[C:], completions[C:])
    return Spoken(
        own.double().cpu().numpy().reshape(shape),
        revised.double().cpu().numpy().reshape(*shape, task.game.n),
    )


def conversations(task: Verbalized, policy: Policy) -> tuple[list[Ids], list[Ids]]:
    """Every answer after every prompt, then every revision after every answer; flattened."""
    ends = [policy.completion(answer) for answer in task.answers]
    for answer, ids in zip(task.answers, ends, strict=True):
        if policy.text(ids) != answer:
            raise SolverError(
                f"verbalized: the tokenizer writes the answer {answer!r} as "
                f"{policy.text(ids)!r}; choose texts that it keeps as they are"
            )
    starts = [(prompt, None) for prompt in task.prompts]
    again = [(prompt, answer) for prompt in task.prompts for answer in task.answers]
    contexts = [policy.context(*start) for start in (*starts, *again) for _ in ends]
    return contexts, ends * (len(starts) + len(again))
