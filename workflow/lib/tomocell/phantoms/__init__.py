"""Phantoms: volumes made up with known truth, to show, test and measure everything else.

A module here offers ``Settings`` and ``synthesize(settings, out: Path) -> None`` and is found by discovery
(``tomocell.settings.discovery.names_offering("tomocell.phantoms", "synthesize")``).
"""
