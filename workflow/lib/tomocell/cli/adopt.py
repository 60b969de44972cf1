"""Take a model trained elsewhere: a checkpoint of a known architecture, or a network of your own.

With --architecture, CHECKPOINT holds weights: a state_dict, a checkpoint of Lightning, or safetensors. It is read
without running code in it. Without, CHECKPOINT is a whole network: TorchScript, or ONNX (.onnx; needs the package
onnxruntime). TorchScript is a program that torch interprets: take it from people whom you trust. The network takes
(N, planes, rows, columns) in standard deviations from the mean, and returns logits (N, classes, rows, columns).

    tomocell adopt theirs.ckpt --architecture unet --classes pore=0,solid=1 --mean 117 --sd 31 --out results/models/mine

A study uses it with `model: {name: mine, trained: true, ...}`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tomocell.cli import _options
from tomocell.errors import BadInput, Fault
from tomocell.settings.faults import faults_of

if TYPE_CHECKING:
    import argparse

    from tomocell.models.saved import ModelCard


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="file of weights, or of a network")
    parser.add_argument("--architecture", metavar="NAME", help="the network that the weights are of")
    parser.add_argument("--set", action="append", default=[], metavar="name=value", help="a setting of that network")
    parser.add_argument("--classes", required=True, metavar="name=value,...", help="in the order of the outputs")
    parser.add_argument("--mean", type=float, required=True, help="grey value that the network sees as 0")
    parser.add_argument("--sd", type=float, required=True, help="difference of grey values that it sees as 1")
    parser.add_argument("--planes", type=_options.positive, default=1, help="neighbouring planes it sees (2.5D)")
    parser.add_argument("--plane-axis", choices=("z", "y", "x"), default="z", help="axis across them")
    parser.add_argument(
        "--patch-voxels", nargs=2, type=_options.positive, default=(512, 512), metavar=("ROWS", "COLUMNS"), help="patch"
    )
    parser.add_argument(
        "--multiple",
        type=_options.positive,
        default=1,
        help="what edges must be multiples of (whole networks)",
    )
    _options.add_voxel_size(parser)
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``model.json`` and the weights beside it."""
    card = _card(arguments)
    from tomocell.stages.adopt import adopt

    adopt(arguments.checkpoint, card, arguments.out)


def _card(arguments: argparse.Namespace) -> ModelCard:
    from tomocell.models.saved import ModelCard
    from tomocell.volumes.volume import Classes

    members = Classes.from_text(arguments.classes)
    content: dict[str, Any] = {
        "name": arguments.out.name,
        "format": _format_of(arguments),
        "architecture": arguments.architecture,
        "network": _network(arguments),
        "classes": {member.name: member.value for member in members},
        "plane_axis": arguments.plane_axis,
        "planes": arguments.planes,
        "patch_voxels": arguments.patch_voxels,
        "multiple": arguments.multiple,
        "voxel_size_um": _options.voxel_size_of(arguments),
        "normalisation": {"mean": arguments.mean, "sd": arguments.sd},
        "training": {"adopted_from": arguments.checkpoint.name},
    }
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        raise BadInput(*faults_of(error, "adopt", "see --help")) from error


def _format_of(arguments: argparse.Namespace) -> str:
    if arguments.architecture is not None:
        return "safetensors"
    return "onnx" if arguments.checkpoint.suffix == ".onnx" else "torchscript"


def _network(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.architecture is None:
        if arguments.set:
            raise BadInput(Fault("--set", arguments.set[0], "--architecture beside it", "name it, or leave --set out"))
        return {}
    from tomocell.settings import discovery

    module = discovery.load("tomocell.models", arguments.architecture, "build")
    settings: dict[str, Any] = _options.read_settings(module.Settings, arguments.set).model_dump(mode="json")
    return settings
