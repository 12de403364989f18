"""A cache of a server's replies, in a file."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from games.errors import SpecError

_WAIT = 60


class ReplyCache:
    """Replies by the full text of the question; written at once, and shared by processes.

    Parameters
    ----------
    path : Path
        An SQLite file; created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, questions: Iterable[str]) -> dict[str, str]:
        """Stored replies by question; questions without one are left out."""
        with self._open() as file:
            replies = {}
            for question in questions:
                row = file.execute("SELECT reply FROM replies WHERE key = ?", (_key(question),))
                for (reply,) in row:
                    replies[question] = str(reply)
            return replies

    def put(self, question: str, reply: str) -> None:
        """Store a reply."""
        with self._open() as file:
            values = _key(question), question, reply
            file.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", values)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file, with the table created.

        Raises
        ------
        SpecError
            If the file is not such a database, or cannot be written.
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
