"""Networks: one file each, found by discovery.

A module here offers ``Settings`` and ``build(settings, planes, classes) -> torch.nn.Module``.
"""
