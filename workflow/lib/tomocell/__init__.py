"""Tomocell: tomograms of working electrochemical cells, turned into tables one can trust."""

__version__ = "0.1.0"
