"""A file of questions and the replies to them."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from games.errors import SpecError

_WAIT = 60


class Replies:
    """Replies by the whole text of the question; kept at once, and shared by processes.

    Parameters
    ----------
    path : Path
        An SQLite file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, questions: Iterable[str]) -> dict[str, str]:
        """Those that were asked before, with their replies."""
        with self._open() as file:
            found = {}
            for question in questions:
                row = file.execute("SELECT reply FROM replies WHERE key = ?", (_key(question),))
                for (reply,) in row:
                    found[question] = str(reply)
            return found

    def keep(self, question: str, reply: str) -> None:
        """Remember a reply."""
        with self._open() as file:
            values = _key(question), question, reply
            file.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", values)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file.

        Raises
        ------
        SpecError
            If it holds something else, or cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, _WAIT, isolation_level=None)) as file:
                file.execute(
                    "CREATE TABLE IF NOT EXISTS replies "
                    "(key TEXT PRIMARY KEY, question TEXT NOT NULL, reply TEXT NOT NULL)"
                )
                yield file
        except sqlite3.Error as error:
            raise SpecError(
                f"{self.path}: {error}; delete the file, or give another one as cache"
            ) from error


def _key(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()
