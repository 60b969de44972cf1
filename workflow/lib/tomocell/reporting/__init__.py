"""The page that a scientist opens: tables, curves, maps and pictures in one file."""
