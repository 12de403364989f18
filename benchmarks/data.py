"""Files of comparisons on the command line: the options that say how they are read."""

from dataclasses import dataclass
from pathlib import Path

from games import Comparisons, GameError, PreferenceGame
from games.io import Limits, Records, counted, read


@dataclass(frozen=True)
class DataOptions:
    """What ``--group-by``, ``--by-prompt``, ``--max-rows`` and ``--max-bytes`` say.

    Attributes
    ----------
    group_by : str, optional
    by_prompt : bool
    max_rows, max_bytes : int >= 1, optional
        By default those of ``games.io.Limits``.
    """

    group_by: str | None = None
    by_prompt: bool = False
    max_rows: int | None = None
    max_bytes: int | None = None

    @property
    def given(self) -> str:
        """The first option that is given, "" if none is."""
        if self.group_by is not None:
            return "--group-by"
        return "--by-prompt" if self.by_prompt else ""

    @property
    def limits(self) -> Limits:
        """How much is read at most."""
        usual = Limits()
        return Limits(self.max_rows or usual.rows, self.max_bytes or usual.bytes)

    def game(self, path: Path) -> tuple[PreferenceGame, tuple[str, ...]]:
        """The game in a file, and the prompts that its contexts stand for, if they are known.

        Raises
        ------
        GameError
            If anything is wrong with the file.
        """
        content = counted(path, self.group_by, by_prompt=self.by_prompt, limits=self.limits)
        if not isinstance(content, Comparisons):
            return content, ()
        try:
            return content.game(), content.prompts
        except GameError as error:
            raise GameError(f"{path}: {error}") from None

    def records(self, path: Path) -> Records:
        """The comparisons in a file, one by one.

        Raises
        ------
        GameError
            If anything is wrong with the file, or it holds probabilities.
        """
        return read(path, self.group_by, by_prompt=self.by_prompt, limits=self.limits)
