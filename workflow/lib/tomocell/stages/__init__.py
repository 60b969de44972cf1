"""Stages: one file each, the steps of the way from raw files to the page.

A stage opens what it reads, calls the pure code of its package block by block, and publishes what it makes. The
workflow's scripts and the command line call the same functions.
"""
