"""Cannot be imported."""

raise ImportError("a library that\nis not installed")
