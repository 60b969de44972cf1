"""Which code changes the weights of a model; light, so that a plan can be made without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.settings.digest import modules_within, shallow_digest

if TYPE_CHECKING:
    from tomocell.models.settings import ModelSettings

# Only these change the weights; a change elsewhere must not cost days on GPUs.
ALWAYS = (
    "averaging",
    "cubes",
    "learner",
    "loss",
    "parts",
    "patches",
    "samples",
    "schedules",
    "shards",
    "stops",
    "train",
)
AUGMENTATIONS = ("affine", "intensity", "rings", "streaks")
PLUG_INS = "tomocell.training.losses"


def weights_digest(model: ModelSettings) -> str:
    """Return the digest of the code that decides what weights a training of ``model`` ends with.

    Of networks, losses and augmentations it is the ones in use.
    """
    used = [name for name in AUGMENTATIONS if getattr(model.train.augment, name) is not None]
    return shallow_digest(
        "tomocell.models._parts.any_size",
        *(f"tomocell.training.{name}" for name in ALWAYS),
        *(f"tomocell.training.augmentations.{name}" for name in ("apply", *used)),
        *modules_within(PLUG_INS, f"{PLUG_INS}.{model.train.loss}"),
        *modules_within("tomocell.models", f"tomocell.models.{model.architecture}"),
    )
