"""Environment variables that a site's profile leans on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def check_variables(entries: Iterable[str], environ: Mapping[str, str]) -> None:
    """Check that every variable that the entries mention is set, be it to nothing.

    A variable that is not set stays in the entry as it is written, and the scheduler is asked for an account called
    `$TOMOCELL_ACCOUNT`: its answer names neither the variable nor the profile.

    Args:
        entries: Texts such as `slurm_account='$TOMOCELL_ACCOUNT'`.
        environ: The environment that the jobs will inherit.

    Raises:
        BadInput: Variables are not set; one fault for each.
    """
    entry_of = {found[1] or found[2]: entry for entry in entries for found in VARIABLE.finditer(entry)}
    faults = [
        Fault(
            f"environment variable {name}",
            "not set",
            f"a value, as the profile has {entry}",
            f"export {name}=..., or export {name}= where the cluster wants none",
        )
        for name, entry in sorted(entry_of.items())
        if name not in environ
    ]
    if faults:
        raise BadInput(*faults)
