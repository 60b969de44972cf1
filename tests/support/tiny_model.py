"""A model that was never trained: enough to try how models are saved and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from support.stores import SIZE
from tomocell.models.saved import ClassCard, ModelCard, Normalisation, build_network, save_model

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = {"channels": [4, 8], "blocks_per_level": 1, "dropout": 0.0, "norm": "instance"}


def card(**changes: Any) -> ModelCard:
    content: dict[str, Any] = {
        "name": "tiny",
        "architecture": "residual_unet",
        "network": NETWORK,
        "classes": (
            ClassCard(name="empty", value=0, color="#000000"),
            ClassCard(name="solid", value=3, color="#ffffff"),
        ),
        "plane_axis": "y",
        "patch_voxels": (8, 16),
        "voxel_size_um": SIZE,
        "normalisation": Normalisation(mean=110.0, sd=12.0),
        "metrics": {"accuracy": 0.5},
        "training": {},
    }
    return ModelCard.model_validate(content | changes)


def save_tiny(folder: Path, **changes: Any) -> ModelCard:
    torch.manual_seed(0)
    made = card(**changes)
    network, _ = build_network(
        str(made.architecture), made.network, made.planes, len(made.classes), inputs=len(made.inputs)
    )
    save_model(folder, made, network.state_dict())
    return made
