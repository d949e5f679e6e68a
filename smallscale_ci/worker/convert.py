"""Turn a GGUF file into a Hugging Face folder: ``python convert.py SOURCE.gguf TARGET``.

Runs once, in the engine's environment (it needs torch, transformers and gguf), for the embedded
default model. Writes bf16 safetensors, the config and the tokenizer with its chat template into
``TARGET``, which must not exist and appears by rename, complete or not at all.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def convert(source: Path, target: Path) -> None:
    """Dequantise ``source`` and save it as the checkpoint folder ``target``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.quantization_config import GgufConfig

    folder, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    # The GGUF loader sets <|im_start|> as the tokenizer's end token; the model's config is right.
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(model.config.eos_token_id)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(model.config.pad_token_id)
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(str(part))
    tokenizer.save_pretrained(str(part))
    part.rename(target)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
