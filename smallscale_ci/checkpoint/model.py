"""A checkpoint that can be served, and what identifies it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A Hugging Face folder that can be served; hashes as DESIGN section 6 lists them.

    That of the weights is whole: evidence names the checkpoint by it. The others are 16 digits.
    """

    name: str  # what baselines and reports call it
    path: Path
    source: str  # alias, absolute path or hub id with revision
    config_hash: str
    tokenizer_hash: str
    template_hash: str
    weights_hash: str
    weights_bytes: int = 0  # 0: not known
    generation_hash: str = ""  # of generation_config.json, where there is one
