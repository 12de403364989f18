"""Language-model counterparts of the solvers."""
