"""Analyses over the timesteps of a series: one file each, found by discovery.

A module here offers ``Settings``, ``NEEDS`` (the analyses whose records, tables and maps it reads) and
``follow(timeline, settings, limits) -> Outcome``.

It may offer

- ``AFTER``: other series analyses whose tables over time it reads;
- ``after(settings) -> tuple[str, ...]``: tables over time that its settings name, of analyses or of series analyses;
- ``READS``: kinds of stores that it reads of each timestep, such as ``("phases",)``;
- ``files(settings, series) -> tuple[str, ...]``: files beside the sample sheet that it reads;
- ``check(samples, measures, settings) -> list[Fault]``: what is wrong with the sheet's rows, or with the settings of
  the analyses that it reads (by name), before the first job;
- ``check_files(samples, settings, locate) -> list[Fault]``: what is wrong with those files, before the first job.
"""
