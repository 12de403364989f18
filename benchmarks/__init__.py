"""The matrix of games, solvers and experiments: specs, cells, runs, the command line."""
