"""What was measured: rows, stored runs, tables, figures, reports."""
