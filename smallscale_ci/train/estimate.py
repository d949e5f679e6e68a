"""The expected cost of a training: steps, tokens, and the memory of one rank."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallscale_ci.config.train import REFERENCE_FREE, TrainRecipe
from smallscale_ci.errors import DataError
from smallscale_ci.train.llamafactory import Place, bf16, deepspeed_stage

_MASTER = 4  # bytes of a weight in fp32, which the optimiser keeps in addition to bf16
_ADAM = 8  # bytes of its two moments
_LAYER = 34  # bytes in bf16 of one layer's activations, for each token and hidden unit
_VOCABULARY = 12  # bytes for each token and word: logits in fp32, their softmax and gradient
_DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    *(MemoryError, struct.error),
)


@dataclass(frozen=True, slots=True)
class Size:
    """A checkpoint in numbers, read from the headers of its files."""

    parameters: int
    adapted: int  # sum of inputs and outputs of all linear layers: parameters of adapters of rank 1
    layers: int
    hidden: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one rank."""

    weights: float
    gradients: float
    optimiser: float
    reference: float
    activations: float

    @property
    def total(self) -> float:
        """The total bytes, without the framework's own memory."""
        parts = (self.weights, self.gradients, self.optimiser, self.reference, self.activations)
        return sum(parts)


def size(model: Path) -> Size:
    """The checkpoint in ``model``. Raises ``DataError`` for damaged files."""
    try:
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
        shapes = dict(_shapes(model))
        text = {**config, **config.get("text_config", {})}
        layers, hidden = int(text["num_hidden_layers"]), int(text["hidden_size"])
        vocabulary = int(text["vocab_size"])
    except _DAMAGE as error:
        raise DataError(
            f"The size of the checkpoint {model} cannot be read: {error!r}.", "Save it again."
        ) from error
    linear = [
        sum(shape)
        for name, shape in shapes.items()
        if len(shape) == 2 and "embed" not in name and "lm_head" not in name
    ]
    total = sum(math.prod(shape) for shape in shapes.values())
    return Size(total, sum(linear), layers, hidden, vocabulary)


def steps(recipe: TrainRecipe, pairs: int) -> int:
    """Optimiser steps, as the trainer counts them: each pass ends with a partial batch."""
    if recipe.steps is not None:
        return recipe.steps
    return max(1, math.ceil(math.ceil(pairs / recipe.batch_size) * recipe.epochs))


def memory(recipe: TrainRecipe, found: Size, place: Place, longest: int) -> Memory:
    """Memory of one rank, after Rajbhandari et al. 2020 (ZeRO) and Korthikanti et al. 2022.

    ``longest`` is the number of tokens of the longest prompt with its answer. Adam's state is
    sharded from ZeRO-2 on with the gradients, the weights with ZeRO-3. With checkpointed gradients
    each layer keeps its input, and one layer at a time all of its activations.
    """
    stage, half = deepspeed_stage(recipe, place), bf16(recipe, place)
    each = 2 if half else 4
    lora = recipe.tuning == "lora"
    trained = found.adapted * recipe.lora.rank if lora else found.parameters
    share = 1 / place.world if stage >= 2 else 1.0
    weights_share = 1 / place.world if stage == 3 else 1.0
    references = recipe.objective not in REFERENCE_FREE and not lora  # adapters are switched off
    answers = 1 if recipe.objective == "sft" else 2
    tokens = answers * recipe.micro_batch * min(longest, recipe.cutoff_len)
    layer = _LAYER * found.hidden * tokens * each / 2
    if recipe.gradient_checkpointing:
        kept = found.layers * found.hidden * tokens * each + layer
    else:
        kept = found.layers * layer
    return Memory(
        weights=(0 if recipe.offload and stage == 3 else found.parameters * each * weights_share),
        gradients=trained * each * share,
        optimiser=0 if recipe.offload else trained * (_ADAM + (_MASTER if half else 0)) * share,
        reference=found.parameters * each * weights_share if references else 0,
        activations=kept + tokens * found.vocabulary * _VOCABULARY,
    )


def _shapes(model: Path) -> Iterator[tuple[str, list[int]]]:
    for path in sorted(model.glob("*.safetensors")):
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header: dict[str, Any] = json.loads(stream.read(length))
        for name, tensor in header.items():
            if name != "__metadata__":
                yield name, list(tensor["shape"])
