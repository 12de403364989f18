"""The games that a run stored, as figures show them: names of the answers and preferences.

``games/index.json`` lists (game, game_params, seed) -> digest of ``games/<digest>.npz``.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from results.rows import RunError

if TYPE_CHECKING:
    from numpy.typing import NDArray

INDEX = "games/index.json"


@dataclass(frozen=True)
class StoredGame:
    """A game of one context.

    Attributes
    ----------
    names : tuple of str
    P : array (n, n), in [0, 1]
        P[i, j] is the probability that i is preferred to j.
    ref : array (n,), > 0
        The reference policy.
    """

    names: tuple[str, ...]
    P: "NDArray[np.float64]"
    ref: "NDArray[np.float64]"


@dataclass(frozen=True)
class Games:
    """The games of a run directory; none if it has no index."""

    run_dir: Path
    digests: dict[tuple[str, str, int | None], str]

    def find(self, game: str, game_params: str, seed: int | None) -> StoredGame | None:
        """The game of a row; None if it is not stored, or has many contexts or no table ``P``."""
        digest = self.digests.get((game, game_params, seed))
        digest = digest or self.digests.get((game, game_params, None))
        path = self.run_dir / "games" / f"{digest}.npz"
        if not digest or not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            if "P" not in arrays:
                return None
            P, ref = (np.asarray(arrays[name], dtype=np.float64) for name in ("P", "ref"))
            names = json.loads(str(arrays["names"])) if "names" in arrays else None
        if P.ndim != 2:
            return None
        return StoredGame(tuple(map(str, names or range(len(P)))), P, ref)


def read(run_dir: Path) -> Games:
    """The stored games of a run.

    Raises
    ------
    RunError
        If the index is damaged.
    """
    path = run_dir / INDEX
    if not path.is_file():
        return Games(run_dir, {})
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        found = {(e["game"], e["game_params"], e["seed"]): str(e["digest"]) for e in entries}
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path}: not a list of games; delete it and run the spec again") from None
    return Games(run_dir, found)


def write(run_dir: Path, entries: Iterable[tuple[str, str, int | None, str]]) -> None:
    """Write the index of (game, game_params, seed, digest); without digests nothing is listed."""
    names = ("game", "game_params", "seed", "digest")
    unique = dict.fromkeys(entry for entry in entries if entry[-1])
    lines: list[dict[str, Any]] = [dict(zip(names, entry, strict=True)) for entry in unique]
    path = run_dir / INDEX
    part = path.with_suffix(".part")
    part.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
