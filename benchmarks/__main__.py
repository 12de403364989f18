"""``python -m benchmarks``: the command line without the installed script."""

from benchmarks.cli import main

if __name__ == "__main__":  # worker processes import this module anew
    main()
