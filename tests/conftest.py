"""Settings of every test."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Tests run in parallel, and how BLAS splits a sum must not depend on the machine. Set before NumPy
# is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

settings.register_profile("prefgames", deadline=None, derandomize=True, database=None)
settings.load_profile("prefgames")

MINUTES = ("test_packaging.py", "test_readme.py", "test_language_runs.py")
"""Files with tests that take long; begun last, they would leave one of two workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.name not in MINUTES)


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in place of the user's cache, shared by the workers of one run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder / "cache"


@pytest.fixture(scope="session")
def tuned_policy() -> Any:
    """A small model, briefly fine-tuned; tests that change it take a copy."""
    pytest.importorskip("torch", reason="language models need the extra llm")
    from tests.small_models import briefly_tuned

    return briefly_tuned().requires_grad_(True)
