"""Pydantic's errors in the house's words: where, value, what was expected, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.errors import Fault

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

EXPECTED = {
    "missing": "a value",
    "extra_forbidden": "a key that is known here",
    "string_pattern_mismatch": "only letters, digits, '_' and '-' (or the form told in config/README.md)",
}
REMEDY = {
    "missing": "add it",
    "extra_forbidden": "correct the spelling or remove it (config/README.md lists every key)",
}


def faults_of(error: ValidationError, where: str, remedy: str) -> list[Fault]:
    """Return one fault for each error that pydantic found, each with its key."""
    details = error.errors()
    return [_fault(detail, where, remedy) for detail in details if not _follows(detail, details)]


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Tell whether a list is too short only because what is wrong inside it was left out."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in details
    )


def _fault(detail: ErrorDetails, where: str, remedy: str) -> Fault:
    key = ".".join(str(part) for part in detail["loc"])
    kind = detail["type"]
    value = "nothing" if kind == "missing" else detail["input"]
    if kind == "value_error" and not isinstance(value, str):
        value = key or "the section"
    expected = EXPECTED.get(kind, detail["msg"].removeprefix("Value error, ").removeprefix("Input should be "))
    return Fault(f"{where}, {key}" if key else where, value, expected, REMEDY.get(kind, remedy))
