"""ImageNet weights of torchvision's, into an encoder of any number of input planes and of two or three dimensions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.models._parts.weights import load_into, read_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tomocell.models._pretrained_settings import Pretrained

CLASSIFIER = "fc."
FIRST = "conv1.weight"
COLOURS = 3


def start_encoder(encoder: nn.Module, pretrained: Pretrained) -> None:
    """Put the file's weights into ``encoder``, whose names are torchvision's; the classifier is left out.

    Raises:
        BadInput: If the file is missing, has another checksum, holds code, or is of another architecture.
    """
    path = Path(pretrained.path)
    tensors = read_tensors(path)
    require_digest(path, pretrained.sha256)
    own = encoder.state_dict()
    fitted = {
        name: _fit(name, tensor, own.get(name)) for name, tensor in tensors.items() if not name.startswith(CLASSIFIER)
    }
    remedy = "use weights of this architecture (resnext101_32x8d for the default settings), or leave 'pretrained' out"
    load_into(encoder, fitted, str(path), "torchvision's weights of the encoder in the settings", remedy)


def require_digest(path: Path, sha256: str | None) -> None:
    """Check a file against the SHA-256, or its first digits, that the settings give.

    Raises:
        BadInput: If it has another.
    """
    if sha256 is None:
        return
    with path.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if not found.startswith(sha256):
        raise BadInput(Fault(str(path), f"SHA-256 {found}", f"SHA-256 {sha256}", "fetch it again, or correct 'sha256'"))


def of_planes(weights: Tensor, planes: int) -> Tensor:
    """Return first-convolution weights (outputs, 3, ...) for ``planes`` inputs, (outputs, planes, ...).

    The colours are summed, because a grey image is one whose colours are equal: one plane then gives exactly what the
    network gave for that grey image. Several planes share the sum evenly, so that equal planes give the same again.
    """
    total = weights.sum(1, keepdim=True) / planes
    return total.expand(-1, planes, *(-1 for _ in weights.shape[2:])).clone()


def inflated(weights: Tensor) -> Tensor:
    """Return square kernels (outputs, inputs, k, k) as cubes: repeated along the depth, divided by it.

    A volume of equal planes gives what its plane gave, away from its first and last planes.
    Source: Carreira and Zisserman 2017, doi:10.1109/CVPR.2017.502.
    """
    edge = weights.shape[-1]
    return weights.unsqueeze(2).repeat(1, 1, edge, 1, 1) / edge


def _fit(name: str, tensor: Tensor, target: Tensor | None) -> Tensor:
    if target is None:
        return tensor
    if name == FIRST and tensor.ndim > 1 and tensor.shape[1] == COLOURS != target.shape[1]:
        tensor = of_planes(tensor, target.shape[1])
    return inflated(tensor) if tensor.ndim + 1 == target.ndim else tensor
