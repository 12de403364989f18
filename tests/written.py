"""Files for the tests of readers."""

import gzip
from pathlib import Path


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """A file of that name with that content, gzipped if its name ends in .gz."""
    data = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path
