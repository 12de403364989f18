"""What the exact solvers cost, in time and memory; run by `make bench`, not part of the tests."""
