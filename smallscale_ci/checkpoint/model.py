"""A checkpoint that can be served, and what identifies it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A Hugging Face folder that can be served; hashes as DESIGN section 6 lists them.

    The weights' hash is complete, since evidence names the checkpoint by it; the others have 16
    digits.
    """

    name: str  # in baselines and reports
    path: Path
    source: str  # alias, absolute path or hub id with revision
    config_hash: str
    tokenizer_hash: str
    template_hash: str
    weights_hash: str
    weights_bytes: int = 0  # 0: not known
    generation_hash: str = ""  # of generation_config.json, if there is one
