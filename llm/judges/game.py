"""The game as a judge: preference probabilities looked up by prompt and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from games.errors import GameError
from games.game import Float, PreferenceGame
from llm.judges.judge import Texts, require_pairs

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class AnswerTable:
    """A game whose contexts are prompts and whose answers are texts.

    Texts must match exactly, white space included.

    Attributes
    ----------
    game : PreferenceGame
    prompts : sequence of str
        ``prompts[c]`` names context c (several axes in C order); a single game has one prompt.
    answers : sequence of n str
        ``answers[i]`` is answer i in every context.

    Raises
    ------
    GameError
        If their numbers do not match the game, or one occurs twice.
    """

    game: PreferenceGame
    prompts: Sequence[str]
    answers: Sequence[str]

    def __post_init__(self) -> None:
        contexts = int(np.prod(self.game.batch))
        for what, texts, count in (
            ("prompts", self.prompts, contexts),
            ("answers", self.answers, self.game.n),
        ):
            if isinstance(texts, str) or len(texts) != count:
                raise GameError(
                    f"{type(self).__name__}: {len(texts)} {what}, expected a sequence of {count} "
                    "as the game has"
                )
            if len(set(texts)) != count:
                twice = next(text for text in texts if list(texts).count(text) > 1)
                raise GameError(f"{type(self).__name__}: {twice!r:.80} is twice among {what}")
            object.__setattr__(self, what, tuple(texts))

    @cached_property
    def _index(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        prompts, answers = ({t: k for k, t in enumerate(ts)} for ts in (self.prompts, self.answers))
        return prompts, answers

    def contexts(self, prompts: Texts) -> Indices:
        """Index of the context that each prompt names.

        Raises
        ------
        GameError
            If a prompt names no context.
        """
        index, _ = self._index
        for prompt in prompts:
            if prompt not in index:
                raise GameError(
                    f"{type(self).__name__}: the prompt {prompt!r:.80} names no context; expected "
                    f"one of the {len(index)} that the judge was given"
                )
        return np.array([index[prompt] for prompt in prompts], dtype=np.int64)

    def indices(self, answers: Texts) -> Indices:
        """Index of the answer that each text is; n for an invalid answer, which is none of them."""
        _, index = self._index
        return np.array([index.get(text, self.game.n) for text in answers], dtype=np.int64)


@dataclass(frozen=True)
class GameJudge(AnswerTable):
    """P(a, b) = P[c, i, j], where the prompt names context c and the texts are answers i and j.

    An invalid answer, a text that is none of the listed ones, loses to every answer (0) and ties
    with another invalid one (1/2), so that an invalid answer is never rewarded. A prompt that
    names no context is an error, not an abstention: it is a mistake of the caller, not of a model.

    Raises
    ------
    GameError
        If prompts or answers do not match the game, or a prompt is not among them.
    """

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b."""
        del columns
        require_pairs(self, prompts, a, b)
        n = self.game.n
        c, i, j = self.contexts(prompts), self.indices(a), self.indices(b)
        rows, row = np.unique(np.minimum(i, n - 1), return_inverse=True)
        table = self.game.rows(rows).reshape(len(self.prompts), len(rows), n)
        listed = table[c, row, np.minimum(j, n - 1)]
        invalid = np.where(i < n, 1.0, np.where(j < n, 0.0, 0.5))
        return np.where((i < n) & (j < n), listed, invalid)
