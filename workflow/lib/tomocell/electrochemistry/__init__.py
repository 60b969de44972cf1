"""Electrochemistry of the series: cycling curves, charge between scans, and the lithium that it moves."""
