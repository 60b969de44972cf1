"""Print the pins of an environment as a lock file: `python resources/lock.py .venv/bin/pip`."""

from __future__ import annotations

import subprocess
import sys

HEAD = "# Every package of the environment, pinned. Made from requirements.in by `make lock`; do not edit."
# Wheels that exist for Linux on x86-64 only; openpnm's solver does without them elsewhere.
INTEL = {"mkl", "intel-openmp", "intel-cmplr-lib-ur", "tbb", "tcmlib", "umf"}
MARKER = ' ; platform_machine == "x86_64" and sys_platform == "linux"'


def pin(line: str) -> str:
    """Return a line of ``pip freeze`` without the local part of its version, marked where it must be."""
    name, _, version = line.partition("==")
    return f"{name}=={version.partition('+')[0]}{MARKER if name in INTEL else ''}"


if __name__ == "__main__":
    frozen = subprocess.run([sys.argv[1], "freeze"], check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603
    sys.stdout.write("\n".join([HEAD, *(pin(line) for line in frozen if "==" in line)]) + "\n")
