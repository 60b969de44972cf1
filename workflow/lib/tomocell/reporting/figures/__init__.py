"""Figures of single analyses: a module called as its analysis is found by discovery.

It offers ``draw(source) -> tuple[Block, ...]``, which is empty where the files that it needs are not there, and
``REPLACES``, what its chapter then no longer shows as it does for any analysis: ``"scalars"``, ``"curves"``,
``"objects"``, ``"maps"``.
"""
