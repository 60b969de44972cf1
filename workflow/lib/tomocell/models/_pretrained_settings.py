"""Where weights come from that start an encoder."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen


class Pretrained(Frozen):
    """A file of weights in torchvision's layout; with an address, a rule of the workflow fetches it."""

    path: str = Field(
        pattern=r"^[A-Za-z0-9_./-]+\.(pth|pt|safetensors)$",
        description="The file, a state_dict (.pth, .pt) or safetensors, relative to the working directory or absolute.",
    )
    url: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Where to fetch it if it is not there (torchvision's page tells)."
    )
    sha256: str | None = Field(
        None,
        pattern=r"^([0-9a-f]{8}|[0-9a-f]{64})$",
        description="Its SHA-256 in hexadecimal, or its first 8 digits, as in the names of torchvision's files.",
    )

    @model_validator(mode="after")
    def _fetched_files_are_checked(self) -> Self:
        if self.url is not None and self.sha256 is None:
            msg = "a file that is fetched has to be checked; give its 'sha256' beside 'url'"
            raise ValueError(msg)
        return self
