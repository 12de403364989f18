"""Numerical routines that the exact solvers stand on; none of them is a solver itself."""
