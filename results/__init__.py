"""What a run measured: rows, stored runs, tables, figures and reports."""

from results.rows import Row as Row
from results.rows import RunError as RunError
from results.store import load as load
