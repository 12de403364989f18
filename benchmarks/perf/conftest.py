"""One BLAS thread, as in the workers of a run; set before NumPy is imported.

Two threads on a busy machine wait for each other: up to a hundred times slower at n = 100.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
