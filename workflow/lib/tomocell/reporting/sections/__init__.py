"""Chapters of the report: one file each, found by discovery.

A module here offers ``PLACE``, its position on the page, and ``build(source) -> list[Section]``, which is empty where
the files that it needs are not there.
"""
