"""Analyses of one volume: one file each, found by discovery.

A module here offers ``Settings``, ``Result`` and ``measure(volume, settings, limits) -> Result``. Naming it in a
study's ``measure`` section gives it jobs, a log, a benchmark, a table over time and a section of the report.
"""
