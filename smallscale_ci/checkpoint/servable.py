"""Whether a folder is a checkpoint that can be served: decided before any engine starts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smallscale_ci.checkpoint import endings, weights
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.errors import InvalidError, UsageError
from smallscale_ci.ids import combined_hash, file_hash

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")
_PARTS = ("*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "*.tiktoken", "*.py")
_LARGEST_CONFIG = 1 << 24  # bytes; those of real models have a few thousand
_PICKLED = ("*.bin", "*.pt", "*.pth")
_STEP = re.compile(r"checkpoint-(\d+)$")  # what trainers call their folders
_HUB = re.compile(r"(models--.+)/snapshots/[^/]+$")  # huggingface_hub's cache


def inspect(
    path: Path,
    name: str,
    source: str,
    *,
    cache: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> Checkpoint:
    """Check the folder ``path`` and hash all that identifies it.

    ``cache`` is a folder that remembers hashes of weight files that have not changed. ``say``
    receives warnings and announcements of slow steps. Raises ``UsageError``, which says what is
    missing or damaged and what to do.
    """
    _refuse_strays(path)
    _refuse_other_kinds(path)
    _config(path / "config.json")
    for file in sorted(path.glob("*.json")):
        weights.refuse_pointer(file)
    files = weights.files(path)
    tokenizer = [path / file for file in _TOKENIZERS if (path / file).exists()]
    template = path / "chat_template.jinja"
    generation = path / "generation_config.json"
    if generation.exists():
        _config(generation)  # engines read it for the tokens that end an answer
    if say is not None:
        ending = endings.complaint(path)
        if ending:
            say(f"warning: {path.name}: {ending}")
    return Checkpoint(
        name=name,
        path=path,
        source=source,
        config_hash=file_hash(path / "config.json")[:16],
        generation_hash=file_hash(generation)[:16] if generation.exists() else "",
        tokenizer_hash=combined_hash((file.name, file_hash(file)) for file in tokenizer)[:16],
        template_hash=file_hash(template)[:16] if template.exists() else "in tokenizer_config.json",
        weights_hash=weights.digest(files, cache, say or _silent),
        weights_bytes=sum(file.stat().st_size for file in files),
    )


def _silent(_: str) -> None:
    """For those who want no words."""


def refuse_changed(checkpoint: Checkpoint, cache: Path | None) -> None:
    """Raise ``InvalidError`` if the checkpoint has changed since it was inspected.

    Weights are read again only if the file system says that they were written or replaced.
    """
    try:
        now = inspect(checkpoint.path, checkpoint.name, checkpoint.source, cache=cache)
    except (UsageError, OSError) as error:
        raise InvalidError(
            f"{checkpoint.path} changed while its model was loaded: {error}",
            "Write checkpoints to a folder of their own, and evaluate them when they are complete.",
        ) from error
    if now != checkpoint:
        raise InvalidError(
            f"{checkpoint.path} changed while its model was loaded: what was evaluated is unknown.",
            "Write checkpoints to a folder of their own, and evaluate them when they are complete.",
        )


def _refuse_strays(path: Path) -> None:
    """Require regular files, and links that stay in the folder or the hub's cache."""
    root = path.resolve()
    hub = _HUB.search(str(root))
    allowed = [root, *([Path(str(root)[: hub.end(1)]) / "blobs"] if hub else [])]
    for file in sorted({file for pattern in _PARTS for file in path.glob(pattern)}):
        if not file.is_symlink():
            if not file.is_file():  # reading a pipe would wait, and a device has no end
                raise UsageError(
                    f"{file} is not a regular file.", "Copy the checkpoint as plain files."
                )
            continue
        target = Path(os.path.realpath(file))  # which does not raise for links in a circle
        if not target.exists():
            raise UsageError(
                f"The link {file} points to nothing ({target}).",
                "Download the model again: its cache was cleaned, or the folder was moved.",
            )
        if not any(target.is_relative_to(place) for place in allowed):
            raise UsageError(
                f"The link {file} leads out of the checkpoint, to {target}.",
                f"Copy the file into {path}: everything that is evaluated must be in one place.",
            )
        if not target.is_file():
            raise UsageError(
                f"The link {file} does not lead to a regular file.",
                "Copy the checkpoint as plain files.",
            )


def _refuse_other_kinds(path: Path) -> None:
    """Refuse folders that users often pass but that are not servable checkpoints."""
    if list(path.glob("models--*")):
        path = next(iter(sorted(path.glob("models--*"))))
    snapshots = [entry for entry in path.glob("snapshots/*") if entry.is_dir()]
    if path.name.startswith("models--") or (snapshots and (path / "refs").is_dir()):
        newest = max(snapshots, key=lambda entry: entry.stat().st_mtime, default=None)
        raise UsageError(
            f"{path} is a folder of the hub's cache, not a checkpoint.",
            f"Give the snapshot in it: {newest}"
            if newest
            else "It holds no snapshot: download the model again.",
        )
    has_config = (path / "config.json").is_file()
    has_weights = any(path.glob("*.safetensors"))
    if (path / "adapter_config.json").is_file() and not (has_config and _model_weights(path)):
        base = _config(path / "adapter_config.json").get("base_model_name_or_path") or "its base"
        raise UsageError(
            f"{path} holds a LoRA adapter of {base}, not a whole model.",
            "Merge it first: peft's merge_and_unload(), or `llamafactory-cli export`.",
        )
    steps = sorted(
        (int(found[1]), entry)
        for entry in path.glob("checkpoint-*")
        if (found := _STEP.search(entry.name)) and entry.is_dir()
    )
    if steps and not (has_config and has_weights):
        raise UsageError(
            f"{path} is a trainer's folder; its checkpoints are in folders of their own.",
            f"Give one of them, for example the last: {steps[-1][1]}",
        )
    if not has_weights and any(path.glob("*.gguf")):
        raise UsageError(
            f"{path} has only GGUF weights, which are not supported.",
            "Give the safetensors that the GGUF was made from.",
        )
    if has_config and not has_weights and (path / weights.INDEX).is_file():
        weights.files(path)  # names the shards that are missing
    has_tokenizer = any((path / file).exists() for file in _TOKENIZERS)
    if not has_tokenizer and (path / "tekken.json").is_file():
        raise UsageError(
            f"{path} has only tekken.json as its tokenizer, which has no chat template.",
            "Add tokenizer.json and tokenizer_config.json from the model's page on the hub.",
        )
    missing = [
        *([] if has_config else ["config.json"]),
        *([] if has_weights else ["*.safetensors"]),
        *([] if has_tokenizer else ["a tokenizer (tokenizer.json)"]),
    ]
    if missing:
        pickled = not has_weights and any(any(path.glob(name)) for name in _PICKLED)
        raise UsageError(
            f"{path} is not a servable checkpoint: missing {', '.join(missing)}.",
            "Pickled weights are not loaded: save them with save_pretrained(), which writes "
            "safetensors."
            if pickled
            else "Give a folder written by save_pretrained().",
        )


def _config(path: Path) -> dict[str, Any]:
    weights.refuse_pointer(path)
    if path.is_file() and path.stat().st_size > _LARGEST_CONFIG:
        raise UsageError(
            f"{path} has {path.stat().st_size:,} bytes, which is too large for a configuration.",
            "Save the checkpoint again.",
        )
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not readable JSON: {error}", "Save the checkpoint again."
        ) from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} does not hold a JSON object.", "Save the checkpoint again.")
    return value


def own_code(found: Checkpoint) -> frozenset[str]:
    """The Python classes that a checkpoint's config.json names as its own (``auto_map``)."""
    own = _config(found.path / "config.json").get("auto_map")
    return frozenset(map(str, own.values())) if isinstance(own, dict) else frozenset()


def refuse_own_code(found: Checkpoint, *, trusted: bool) -> None:
    """Raise ``UsageError`` for Python code of the checkpoint's own, untrusted or missing.

    Engines run it inside the process that holds the model, so the user has to allow it.
    """
    own = own_code(found)
    if not own:
        return
    files = {f"{name.partition('.')[0]}.py" for name in own if "--" not in name}  # else on the hub
    missing = sorted(name for name in files if not (found.path / name).is_file())
    without = "remove auto_map from config.json if the engine supports the architecture itself"
    if not trusted:
        raise UsageError(
            f"{found.name} names Python code of its own (auto_map in config.json).",
            f"Read it and set `trust_remote_code: true` in the profile, or {without}.",
        )
    if missing:
        raise UsageError(
            f"{found.name} lacks Python code that its config.json names: {', '.join(missing)}.",
            f"Copy the files from the model's page on the hub, or {without}.",
        )


def _model_weights(path: Path) -> bool:
    """Whether there are weights beside those of an adapter."""
    files = (file for pattern in ("*.safetensors", *_PICKLED) for file in path.glob(pattern))
    return any(not file.name.startswith("adapter_") for file in files)
