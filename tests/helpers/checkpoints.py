"""Checkpoint folders that are whole as far as anybody can tell without loading them."""

import json
import struct
from pathlib import Path


def safetensors(content: bytes, name: str = "weight") -> bytes:
    """A safetensors file with one tensor of bytes."""
    tensor = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    header = json.dumps({name: tensor}).encode()
    return struct.pack("<Q", len(header)) + header + content


FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": safetensors(bytes(range(256)) * 1000),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b'{"chat_template": "x"}',
}


def make(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    """Write ``files`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
