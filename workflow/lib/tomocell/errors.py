"""What is said when input is wrong: the value, what was expected, what to do, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong with what the user gave.

    Attributes:
        where: File, row, key or voxel region that holds the fault.
        value: The offending value, as found.
        expected: What would have been right.
        remedy: What the user can do about it.
    """

    where: str
    value: object
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.value!r}; expected {self.expected}; {self.remedy}"


class BadInput(ValueError):
    """Input that cannot be used; carries every fault found, not just the first."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("\n".join(f"- {fault}" for fault in faults) if len(faults) > 1 else str(faults[0]))

    def __reduce__(self) -> tuple[type[BadInput], tuple[Fault, ...]]:
        return (BadInput, self.faults)
