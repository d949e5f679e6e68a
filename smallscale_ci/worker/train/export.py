"""The trained weights as a folder that can be served, beside the parent's tokenizer and template.

Reads a JSON request: {"parent", "trained", "target", "adapters"}; all are folders except the last,
which says whether ``trained`` holds low-rank adapters.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

_WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".pt", ".gguf", ".h5", ".msgpack")
_SAVED = ("config.json", "generation_config.json")
_HEAD = "lm_head.weight"
LINEAGE = "smallscale.json"  # the lineage of a model made here, which its child must not inherit


def export(request: Path) -> None:
    """Write the folder ``target``, which appears by rename, complete or not at all.

    Everything except the weights is the parent's: tokenizer, chat template, configuration. The
    weights get the parent's dtype. Raises ``ValueError`` if their shapes differ from the parent's.
    """
    asked = json.loads(request.read_text(encoding="utf-8"))
    parent, trained, target = (Path(asked[key]) for key in ("parent", "trained", "target"))
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    if asked["adapters"]:
        _merge(parent, trained, part)
    else:
        _convert(parent, trained, part)
    for path in sorted(parent.iterdir()):
        if path.is_file() and not path.name.endswith((*_WEIGHTS, LINEAGE)):
            shutil.copyfile(path, part / path.name)
    _compare(parent, part)
    for path in part.iterdir():
        path.chmod(path.stat().st_mode | 0o444)  # containers read it as another user
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def _convert(parent: Path, trained: Path, part: Path) -> None:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    floats = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    kinds = {name: kind for name, (_, kind) in _tensors(parent).items()}
    for path in sorted(trained.glob("*.safetensors")):
        with safe_open(path, framework="pt") as source:
            tensors = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118
        for name, tensor in tensors.items():
            tensors[name] = tensor.to(floats.get(kinds.get(name, ""), tensor.dtype))
        save_file(tensors, part / path.name, metadata={"format": "pt"})
    index = trained / "model.safetensors.index.json"
    if index.exists():
        shutil.copyfile(index, part / index.name)


def _merge(parent: Path, adapters: Path, part: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(str(parent), dtype="auto")
    merged = PeftModel.from_pretrained(model, str(adapters)).merge_and_unload()
    merged.save_pretrained(str(part))
    for name in _SAVED:
        (part / name).unlink(missing_ok=True)


def _compare(parent: Path, part: Path) -> None:
    """Require the same tensors in the same shapes, since the parent's configuration describes them.

    A head that is tied to the embeddings is not saved, but may be in the parent.
    """
    before, after = (
        {name: shape for name, (shape, _) in _tensors(folder).items()} for folder in (parent, part)
    )
    config = json.loads((parent / "config.json").read_text(encoding="utf-8"))
    if config.get("tie_word_embeddings") and _HEAD not in after:
        before.pop(_HEAD, None)
    if before != after:
        names = sorted({*before.items()} ^ {*after.items()})[:5]
        raise ValueError(f"the trained weights are not the parent's in name or shape: {names}")


def _tensors(folder: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of every tensor, by name."""
    from safetensors import safe_open

    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as source:
            for name in source.keys():  # noqa: SIM118 - it has no other iterator
                part = source.get_slice(name)
                found[name] = (tuple(part.get_shape()), str(part.get_dtype()))
    return found
