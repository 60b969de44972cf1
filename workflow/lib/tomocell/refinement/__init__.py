"""From labels to phases: explicit rules, each saying what it changed."""
