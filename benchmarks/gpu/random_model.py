"""A checkpoint of 6.9 billion parameters with random weights: what speed is measured on.

``python random_model.py TOKENIZER_FROM TARGET [--tiny]``, in a Python with torch and transformers.
Shape of Qwen2-7B, bf16, tied to the tokenizer of the folder TOKENIZER_FROM; its answers never end
by themselves, so all have equal lengths. ``--tiny`` makes a small one, for a rehearsal.
"""

import argparse
import json
import shutil
from pathlib import Path

SHAPE = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
         "num_attention_heads": 28, "num_key_value_heads": 4}  # fmt: skip
TINY = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
POSITIONS = 40_960
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
             "vocab.json", "merges.txt", "chat_template.jinja")  # fmt: skip


def main() -> None:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer_from", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    known = json.loads((options.tokenizer_from / "config.json").read_text())
    config = Qwen2Config(
        vocab_size=known["vocab_size"],
        max_position_embeddings=POSITIONS,
        bos_token_id=known.get("bos_token_id"),
        eos_token_id=known.get("eos_token_id"),
        tie_word_embeddings=options.tiny,
        **(TINY if options.tiny else SHAPE),
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2ForCausalLM(config)
    model.save_pretrained(options.target, max_shard_size="4GB")
    for name in TOKENIZER:
        if (options.tokenizer_from / name).exists():
            shutil.copy(options.tokenizer_from / name, options.target)
    print("RESULT", json.dumps({"parameters": model.num_parameters()}), flush=True)


if __name__ == "__main__":
    main()
