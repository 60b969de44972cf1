"""Models on disk: what is saved is loaded, and what does not fit is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from support.tiny_model import NETWORK, save_tiny
from tomocell.errors import BadInput
from tomocell.models.saved import CARD, WEIGHTS, load_model, read_card

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    made = save_tiny(tmp_path / "tiny")
    first = (tmp_path / "tiny" / WEIGHTS).read_bytes()
    network, card, stride = load_model(tmp_path / "tiny")
    assert (card, stride) == (made, 2)
    assert not network.training
    assert card.label_classes.names == ("empty", "solid")
    save_tiny(tmp_path / "tiny")
    assert (tmp_path / "tiny" / WEIGHTS).read_bytes() == first
    random = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 8, 8)).astype(np.float32))
    with torch.inference_mode():
        torch.testing.assert_close(network(random), load_model(tmp_path / "tiny")[0](random))


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    with pytest.raises(BadInput, match=CARD):
        load_model(folder)
    save_tiny(folder)
    card = (folder / CARD).read_text()
    for changed, words in (
        (card.replace("residual_unet", "resnet99"), "resnet99.*residual_unet"),
        (card.replace('"channels": [\n   4,', '"channels": [\n   6,'), f"{WEIGHTS}.*weights of a residual_unet"),
        (card.replace("channels", "chanels"), "chanels"),
        (card.replace('"sd"', '"spread"'), "normalisation.sd"),
        ("{", CARD),
    ):
        assert changed != card
        (folder / CARD).write_text(changed)
        with pytest.raises(BadInput, match=f"(?s){words}"):
            load_model(folder)
    (folder / CARD).write_text(card)
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-7])
    with pytest.raises(BadInput, match=WEIGHTS):
        load_model(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(BadInput, match=WEIGHTS):
        load_model(folder)


def test_normalisation_may_be_told(tmp_path: Path) -> None:
    save_tiny(tmp_path, network={**NETWORK, "norm": "batch"})
    kinds = {type(module) for module in load_model(tmp_path)[0].modules()}
    assert torch.nn.BatchNorm2d in kinds
    assert torch.nn.InstanceNorm2d not in kinds


def test_a_card_keeps_metrics_that_are_missing_but_no_wrong_numbers(tmp_path: Path) -> None:
    save_tiny(tmp_path, metrics={"accuracy": None, "classes": {"solid": {"recall": None}}})
    assert read_card(tmp_path).metrics == {"accuracy": None, "classes": {"solid": {"recall": None}}}
    path = tmp_path / CARD
    path.write_text(path.read_text().replace('"sd": 12.0', '"sd": NaN'))
    with pytest.raises(BadInput, match=r"normalisation\.sd.*finite"):
        read_card(tmp_path)
