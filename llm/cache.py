"""The folder that keeps between runs what is expensive to compute again."""

import os
from pathlib import Path


def user_cache() -> Path:
    """``prefgames`` in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prefgames"
