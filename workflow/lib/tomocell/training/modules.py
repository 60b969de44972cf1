"""Which code changes the weights of a model; light, so that a plan can be made without torch."""

from __future__ import annotations

from tomocell.settings.digest import shallow_digest

# Only these change the weights; a change elsewhere must not cost days on GPUs.
WEIGHTS_DEPEND_ON = tuple(
    f"tomocell.training.{name}"
    for name in ("augment", "cubes", "learner", "loss", "parts", "patches", "samples", "shards", "train")
)


def weights_digest(architecture: str) -> str:
    """Return the digest of the code that decides what weights a training of ``architecture`` ends with."""
    return shallow_digest(*WEIGHTS_DEPEND_ON, f"tomocell.models.{architecture}")
