"""Settings of every test."""

import os

# Tests run in parallel, and how BLAS splits a sum must not depend on the machine. Set before NumPy
# is imported.
os.environ["OMP_NUM_THREADS"] = "1"

from hypothesis import settings

settings.register_profile("prefgames", deadline=None, derandomize=True, database=None)
settings.load_profile("prefgames")
