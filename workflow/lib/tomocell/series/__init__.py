"""Analyses over the timesteps of a series: one file each, found by discovery.

A module here offers ``Settings``, ``NEEDS`` (the analyses whose records it reads) and
``follow(samples, records, settings) -> pandas.DataFrame``, one row per timestep.

It may offer ``check(samples, measures, settings) -> list[Fault]``: what is wrong with the sheet's rows, or with the
settings of the analyses that it reads (by name), before the first job.
"""
