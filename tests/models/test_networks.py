"""What every network owes, whichever file it comes from."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from support.tiny_model import card
from tomocell.errors import BadInput
from tomocell.models._parts.any_size import AnySize, mirrored
from tomocell.models.saved import build_network, load_model, save_model
from tomocell.settings import discovery
from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

NAMES = discovery.names_offering("tomocell.models", "build")
RAGGED = {2: (21, 45), 3: (9, 20, 13)}


@pytest.fixture(params=NAMES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"tomocell.models.{request.param}")


def make(module: ModuleType, planes: int = 1, classes: int = 2) -> AnySize:
    torch.manual_seed(3)
    return build_network(_name(module), module.TINY.model_dump(), planes, classes)[0]


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _fitting(module: ModuleType, count: int = 2) -> torch.Tensor:
    """Return random input of whole strides, two of them along the first edge."""
    stride = module.stride(module.TINY)
    edges = (max(2 * stride, 16), *(max(stride, 16),) * (module.DIMENSIONS - 1))
    return torch.randn(count, 1, *edges, generator=torch.Generator().manual_seed(1))


def test_all_networks_of_the_papers_are_there() -> None:
    flat = {"residual_unet", "resnext_unet", "attention_unet", "unet_3plus", "swin_unet", "unet"}
    assert flat | {"vnet", "resnext_unet_3d", "swin_unetr", "unet_3d"} <= set(NAMES)


def test_settings_are_told_and_strict(module: ModuleType) -> None:
    assert issubclass(module.Settings, Frozen)
    assert module.Settings.model_validate(module.TINY.model_dump(mode="json")) == module.TINY
    with pytest.raises(ValidationError, match="chanels"):
        module.Settings.model_validate({"chanels": [4, 8]})
    with pytest.raises(BadInput, match=f"{_name(module)}.*chanels"):
        build_network(_name(module), {"chanels": [4, 8]}, 1, 2)


@pytest.mark.parametrize(("count", "classes"), [(1, 2), (2, 5)])
def test_logits_have_the_edges_of_any_input(module: ModuleType, count: int, classes: int) -> None:
    network = make(module, classes=classes).eval()
    x = torch.randn(count, 1, *RAGGED[module.DIMENSIONS])
    with torch.inference_mode():
        logits, again = network(x), network(x)
    assert logits.shape == (count, classes, *x.shape[2:])
    assert logits.isfinite().all()
    assert torch.equal(logits, again)


def test_a_network_of_planes_sees_several(module: ModuleType) -> None:
    if module.DIMENSIONS == 3:
        with pytest.raises(BadInput, match="sees cubes"):
            make(module, planes=5)
        return
    network = make(module, planes=5).eval()
    x = torch.randn(1, 5, 21, 45)
    other = x.clone()
    other[:, 4] += 1
    with torch.inference_mode():
        assert network(x).shape == (1, 2, 21, 45)
        assert not torch.equal(network(x), network(other))


def test_each_of_a_batch_is_seen_alone(module: ModuleType) -> None:
    network = make(module).eval()
    x = _fitting(module)
    with torch.inference_mode():
        torch.testing.assert_close(network(x)[1:], network(x[1:]), rtol=1e-3, atol=1e-4)


def test_gradients_reach_every_weight(module: ModuleType) -> None:
    network = make(module).train()
    x = _fitting(module)
    outputs = network.training_outputs(x)
    assert all(output.shape == (2, 2, *x.shape[2:]) for output in outputs)
    torch.stack([(output * torch.randn_like(output)).sum() for output in outputs]).sum().backward()
    still = [name for name, weight in network.named_parameters() if weight.grad is None]
    # Biases before a normalisation are taken out by it, and learn nothing; weights learn all the same.
    still += [name for name, weight in network.named_parameters() if weight.ndim > 1 and not weight.grad.any()]
    assert not still


def test_a_network_learns_one_patch_by_heart(module: ModuleType) -> None:
    network = make(module).train()
    x = _fitting(module, 1)
    target = (
        (functional.avg_pool2d(x, 3, 1, 1) if x.ndim == 4 else functional.avg_pool3d(x, 3, 1, 1))[:, 0].gt(0).long()
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(200):
        outputs = network.training_outputs(x)
        loss = torch.stack([functional.cross_entropy(output, target) for output in outputs]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 4 and _accuracy(outputs[0], target) > 0.9:
            return
    pytest.fail(f"accuracy {_accuracy(outputs[0], target):.3f} after {step + 1} steps")


def _accuracy(logits: torch.Tensor, target: torch.Tensor) -> float:
    return float((logits.argmax(1) == target).float().mean())


def test_what_is_saved_is_loaded(module: ModuleType, tmp_path: Path) -> None:
    network = make(module).eval()
    patch = tuple(_fitting(module).shape[2:])
    made = card(architecture=_name(module), network=module.TINY.model_dump(mode="json"), patch_voxels=patch)
    save_model(tmp_path, made, network.state_dict())
    loaded, found, stride = load_model(tmp_path)
    assert (found, stride) == (made, module.stride(module.TINY))
    x = torch.randn(1, 1, *RAGGED[module.DIMENSIONS])
    with torch.inference_mode():
        assert torch.equal(network(x), loaded(x))
    network.inner.load_state_dict(loaded.inner.state_dict(), strict=True)


def test_an_input_that_fits_goes_through_untouched() -> None:
    inner = torch.nn.Identity()
    x = torch.randn(1, 1, 8, 16)
    assert AnySize(inner, 8)(x) is x
    assert AnySize(inner, 1)(x) is x


def test_a_lowest_level_has_more_than_one_voxel() -> None:
    seen: list[tuple[int, ...]] = []
    inner = torch.nn.Identity()
    inner.register_forward_hook(lambda _, arguments, __: seen.append(tuple(arguments[0].shape[2:])))
    for edges in ((7, 8), (8, 9), (1, 1)):
        assert AnySize(inner, 8)(torch.zeros(1, 1, *edges)).shape[2:] == edges
    AnySize(inner, 8, least=1)(torch.zeros(1, 1, 7, 8))
    assert seen == [(8, 16), (8, 16), (8, 16), (8, 8)]


@pytest.mark.parametrize("edges", [(3,), (5, 7), (1, 2, 9)])
def test_mirroring_is_symmetric_padding(edges: tuple[int, ...]) -> None:
    import numpy as np

    x = torch.randn(1, 2, *edges)
    margins = [(0, 0), (0, 0), *((0, 8 - edge % 8) for edge in edges)]
    wanted = [edge + 8 - edge % 8 for edge in edges]
    assert torch.equal(mirrored(x, wanted), torch.from_numpy(np.pad(x.numpy(), margins, mode="symmetric")))


def test_only_deep_supervision_has_several_outputs() -> None:
    several = {"unet_3plus"}
    for name in NAMES:
        module: Any = importlib.import_module(f"tomocell.models.{name}")
        network = make(module).eval()
        x = torch.randn(1, 1, *RAGGED[module.DIMENSIONS])
        with torch.inference_mode():
            outputs = network.training_outputs(x)
            torch.testing.assert_close(outputs[0], network(x))
        assert (len(outputs) > 1) == (name in several)


def test_deep_supervision_can_be_left_out() -> None:
    settings = {"channels": [4, 6, 8], "branch_channels": 4, "deep_supervision": False}
    network, _ = build_network("unet_3plus", settings, 1, 2)
    assert len(network.training_outputs(torch.randn(2, 1, 16, 16))) == 1
