#!/usr/bin/env bash
# LLaMA-Factory 0.9.5 with trl 0.24.0, preference training with a reference model. Its `pref_loss:
# ipo` and `pref_loss: hinge` are accepted, and both train the sigmoid loss of DPO: the trainer sets
# `self.loss_type`, but calls trl's `dpo_loss` without it, which since its signature has the loss as
# an argument takes "sigmoid" for what is not given. Log-probabilities are averaged for ipo all the
# same, so that it is neither IPO nor DPO. No warning is printed, and the log looks healthy.
#
# Trains one step from the reference itself, where the losses are known: sigmoid ln 2 = 0.6931,
# hinge 1, IPO (1 / (2 · 0.1))² = 25. Exits 1 where LLaMA-Factory logs something else than 0.6931
# for any of the three. Installs 1.5 GB into a temporary folder;
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu keeps torch that small.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install torch==2.13.0
"$folder/env/bin/pip" --quiet install --no-deps \
    accelerate==1.11.0 aiohappyeyeballs==2.7.1 aiohttp==3.14.5 aiosignal==1.4.0 anyio==4.16.0 \
    attrs==26.1.0 av==18.1.0 certifi==2026.10.18 charset-normalizer==3.5.2 click==8.5.1 \
    datasets==4.0.0 dill==0.3.8 einops==0.8.2 filelock==4.2.12 frozenlist==1.8.0 fsspec==2025.3.0 \
    h11==0.16.0 httpcore==1.0.9 httpx==0.28.1 huggingface_hub==1.33.0 idna==3.20 Jinja2==3.1.6 \
    llamafactory==0.9.5 MarkupSafe==3.0.4 multidict==7.2.1 multiprocess==0.70.16 \
    numpy==2.4.6 omegaconf==2.4.0 packaging==26.3 pandas==3.1.1 peft==0.18.1 \
    pillow==13.0.0 propcache==0.5.4 protobuf==7.36.2 psutil==7.2.2 pyarrow==26.0.1 \
    Pygments==2.21.0 python-dateutil==4.0.0 PyYAML==6.0.3 regex==2026.11.15 requests==2.34.2 \
    rich==15.0.0 safetensors==0.8.0 scipy==1.17.1 sentencepiece==0.2.3 \
    tokenizers==0.22.2 torchdata==0.11.0 tqdm==4.70.1 transformers==5.6.0 trl==0.24.0 \
    typing_extensions==4.16.0 urllib3==2.8.0 xxhash==4.1.0 yarl==1.25.1
cat >"$folder/one_step.py" <<'PYTHON'
import importlib.machinery
import json
import sys
import types

audio = types.ModuleType("torchaudio")  # imported by LLaMA-Factory, and not needed for text
audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = audio

import torch
from llamafactory.train.tuner import run_exp
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = ["<unk>", "<s>", "</s>", "one", "two", "three", "four"]
inner = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
inner.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(
    tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
).save_pretrained("model")
torch.manual_seed(1)
LlamaForCausalLM(
    LlamaConfig(
        vocab_size=8, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2,
    )
).save_pretrained("model")
pair = {"instruction": "one two", "input": "", "chosen": "three", "rejected": "four four"}
columns = {"prompt": "instruction", "query": "input", "chosen": "chosen", "rejected": "rejected"}
about = {"file_name": "pairs.json", "ranking": True, "columns": columns}
json.dump([pair] * 4, open("pairs.json", "w"))
json.dump({"pairs": about}, open("dataset_info.json", "w"))

losses = {}
for kind in ("sigmoid", "hinge", "ipo"):
    run_exp(
        {
            "model_name_or_path": "model", "stage": "dpo", "do_train": True,
            "finetuning_type": "full", "pref_loss": kind, "pref_beta": 0.1,
            "dataset_dir": ".", "dataset": "pairs", "template": "empty", "cutoff_len": 64,
            "output_dir": kind, "max_steps": 1, "per_device_train_batch_size": 4,
            "logging_steps": 1, "save_strategy": "no", "report_to": "none", "use_cpu": True,
        }
    )
    first = json.loads(open(f"{kind}/trainer_log.jsonl").readline())
    losses[kind] = round(first["loss"], 4)
expected = {"sigmoid": 0.6931, "hinge": 1.0, "ipo": 25.0}
for kind, loss in losses.items():
    print(f"pref_loss {kind}: first loss {loss:.4f}, its formula gives {expected[kind]:.4f}")
sys.exit(0 if set(losses.values()) == {0.6931} else 1)
PYTHON
cd "$folder"
HF_HUB_OFFLINE=1 "$folder/env/bin/python" one_step.py 2>errors | grep '^pref_loss' || {
    tail -n 5 errors
    exit 1
}
