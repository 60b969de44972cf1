"""Which code changes the weights of a model; light, so that a plan can be made without torch."""

from __future__ import annotations

from tomocell.settings.digest import modules_within, shallow_digest

# Only these change the weights; a change elsewhere must not cost days on GPUs.
WEIGHTS_DEPEND_ON = (
    *(f"tomocell.training.{name}" for name in ("cubes", "learner", "loss", "patches", "samples", "shards", "train")),
    "tomocell.models._parts.any_size",
)


def weights_digest(architecture: str) -> str:
    """Return the digest of the code that decides what weights a training of ``architecture`` ends with."""
    return shallow_digest(*WEIGHTS_DEPEND_ON, *modules_within("tomocell.models", f"tomocell.models.{architecture}"))
