"""The user's cache folder, for results that are expensive to compute again."""

import os
from pathlib import Path


def user_cache() -> Path:
    """``prefgames`` in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prefgames"
