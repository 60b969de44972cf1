"""Snakemake, with an executor that looks at its jobs every second.

The SLURM plugin waits ten seconds longer after each look, up to three minutes: kind to a cluster, and most of the
wall time of a test whose jobs last seconds. Nothing else differs, and the jobs themselves start Snakemake unchanged.
"""

from __future__ import annotations

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def one_second(_: RemoteExecutor) -> None:
    await asyncio.sleep(1)


if __name__ == "__main__":
    RemoteExecutor.sleep = one_second  # type: ignore[method-assign]
    sys.exit(main())
