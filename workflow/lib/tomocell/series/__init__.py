"""Analyses over the timesteps of a series: one file each, found by discovery.

A module here offers ``Settings``, ``NEEDS`` (the analyses whose records it reads) and
``follow(samples, records, settings) -> pandas.DataFrame``, one row per timestep.
"""
