import json
import struct
from pathlib import Path

import pytest

from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import DataError
from smallscale_ci.train.estimate import Size, memory, size, steps
from smallscale_ci.train.llamafactory import Place

SEVEN_B = Size(
    parameters=7_000_000_000, adapted=2_000_000, layers=28, hidden=3584, vocabulary=152064
)
ONE = Place("/m", "/p", "/o", ranks=1, gpu=True)
EIGHT = Place("/m", "/p", "/o", ranks=8, gpu=True)


def recipe(**changes: object) -> TrainRecipe:
    return TrainRecipe(**{"name": "r", "objective": "lcpo", **changes})


def checkpoint(folder: Path) -> Path:
    shapes = {"model.embed_tokens.weight": [100, 8], "layer.q_proj.weight": [8, 4], "norm": [8]}
    tensors = {
        name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in shapes.items()
    }
    header = json.dumps({"__metadata__": {}, **tensors}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    config = {"num_hidden_layers": 1, "hidden_size": 8, "vocab_size": 100}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_size_is_read_from_the_headers_alone(tmp_path: Path) -> None:
    assert size(checkpoint(tmp_path)) == Size(840, 12, 1, 8, 100)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\0")
    with pytest.raises(DataError, match="cannot be read"):
        size(tmp_path)


def test_full_training_takes_16_bytes_a_parameter_and_zero3_shares_them() -> None:
    def state(found) -> float:
        return found.weights + found.gradients + found.optimiser

    alone = memory(recipe(), SEVEN_B, ONE, 1000)
    assert state(alone) == 16 * SEVEN_B.parameters
    assert state(memory(recipe(), SEVEN_B, EIGHT, 1000)) == 2 * SEVEN_B.parameters
    two = memory(recipe(deepspeed="zero2"), SEVEN_B, EIGHT, 1000)
    assert state(two) == pytest.approx((2 + 14 / 8) * SEVEN_B.parameters)
    assert two.total > memory(recipe(), SEVEN_B, EIGHT, 1000).total


def test_a_reference_costs_the_weights_once_more_and_adapters_need_none() -> None:
    assert memory(recipe(objective="dpo"), SEVEN_B, ONE, 9).reference == 2 * SEVEN_B.parameters
    assert memory(recipe(), SEVEN_B, ONE, 9).reference == 0
    adapters = memory(recipe(objective="dpo", tuning="lora"), SEVEN_B, ONE, 9)
    assert adapters.reference == 0
    assert adapters.optimiser == 12 * 16 * SEVEN_B.adapted


def test_activations_grow_with_what_is_held_at_once() -> None:
    one = memory(recipe(), SEVEN_B, ONE, 1000).activations
    assert memory(recipe(micro_batch=2), SEVEN_B, ONE, 1000).activations == pytest.approx(2 * one)
    assert memory(recipe(), SEVEN_B, ONE, 9000).activations == pytest.approx(2.3 * one)
    assert memory(recipe(gradient_checkpointing=False), SEVEN_B, ONE, 1000).activations > 2 * one


def test_steps() -> None:
    assert steps(recipe(steps=50), 800) == 50
    assert steps(recipe(epochs=1.0), 800) == 50
    assert steps(recipe(epochs=1.0), 801) == 51
    assert steps(recipe(epochs=0.1), 5) == 1
    assert steps(recipe(epochs=2.0), 17) == 4  # the last batch of each pass may be a small one
