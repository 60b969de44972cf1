"""A stand-in for srun that starts its tasks on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """#!/bin/sh
for option; do
    case $option in
        --ntasks=*) tasks=${option#--ntasks=}; shift ;;
        --*) shift ;;
        *) break ;;
    esac
done
echo "$tasks tasks" >> "$(dirname "$0")/started"
pids=""
number=0
while [ $number -lt "$tasks" ]; do
    SLURM_PROCID=$number "$@" &
    pids="$pids $!"
    number=$((number + 1))
done
status=0
for pid in $pids; do wait "$pid" || status=$?; done
exit $status
"""


def write_srun(folder: Path) -> Path:
    """Write it into ``folder``, and return the file into which it notes each start."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "srun").write_text(SCRIPT)
    (folder / "srun").chmod(0o755)
    return folder / "started"
