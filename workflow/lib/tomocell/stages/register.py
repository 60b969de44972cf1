"""Register: one timestep into the frame of its reference, with a single resampling."""

from __future__ import annotations
