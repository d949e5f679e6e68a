"""Make a worse copy of a checkpoint, to see the gate fail. Runs in the engine's environment:

    .envs/engine-vllm-cpu/bin/python tests/tools/damage.py /tmp/noisy --noise 0.2
    .envs/engine-vllm-cpu/bin/python tests/tools/damage.py /tmp/rambling --ramble 0.8

``--noise S`` adds Gaussian noise of S standard deviations to the weights of some layers' MLPs:
the model answers worse. ``--ramble F`` scales the output row of the end-of-sequence token by F, so
that its logit falls: the model does not know when to stop. The source is the default model
unless ``--source FOLDER`` names another with one safetensors file.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def default_source() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = sorted((cache / "smallscale" / "models").glob("smollm2-*/config.json"))
    if not found:
        raise SystemExit("the default model is not there yet: run `make eval MODEL=smollm2` first")
    return found[-1].parent


def add_noise(weights: dict[str, torch.Tensor], strength: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, weight in sorted(weights.items()):
        if "mlp.down_proj" in name:
            noise = torch.randn(weight.shape, generator=generator) * weight.float().std()
            weights[name] = (weight.float() + strength * noise).to(weight.dtype)


def lower_end(weights: dict[str, torch.Tensor], config: dict[str, object], factor: float) -> None:
    # Input and output embeddings are tied: untie them, or the chat template would change, too.
    head = weights.setdefault("lm_head.weight", weights["model.embed_tokens.weight"].clone())
    head[config["eos_token_id"]] *= factor
    config["tie_word_embeddings"] = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--noise", type=float)
    parser.add_argument("--ramble", type=float)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    source = options.source or default_source()
    shutil.copytree(source, options.target)
    weights = load_file(source / "model.safetensors")
    config = json.loads((source / "config.json").read_text())
    if options.noise is not None:
        add_noise(weights, options.noise, options.seed)
    if options.ramble is not None:
        lower_end(weights, config, options.ramble)
    save_file(weights, options.target / "model.safetensors", metadata={"format": "pt"})
    (options.target / "config.json").write_text(json.dumps(config, indent=2))
    print(f"{options.target}: made from {source}")


if __name__ == "__main__":
    main()
